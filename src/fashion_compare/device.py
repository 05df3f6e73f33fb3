"""Where the cnn trains: what `--device` means on this machine. The network from scratch always trains on the CPU."""

import os
import warnings
from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from fashion_compare.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")
# Set, and not empty, where a machine has a TPU: Colab's and Google Cloud's.
_TPU_VARIABLES = ("COLAB_TPU_ADDR", "COLAB_TPU_1VM", "TPU_ACCELERATOR_TYPE", "TPU_NAME")
_TPU = (
    "a TPU computes nothing here: PyTorch would need torch_xla for it, and these networks are too small to gain. "
    "Both models train on its CPU; for a faster cnn choose a GPU runtime (in Colab: Runtime, Change runtime type)"
)


def check_device(name: str, *, here: bool = True) -> None:
    """Refuse a name that is no device, and a GPU that is not `here`; torch is imported for ``cuda`` alone.

    Raises:
        UsageError: the line says which there are.
    """
    if name.lower() == "tpu":
        raise UsageError(f"--device {name}: {_TPU}")
    if name not in DEVICES:
        raise UsageError(f"--device {name}: expected one of {', '.join(DEVICES)}")
    if name == "cuda" and here and not _has_gpu():
        import torch

        raise UsageError(f"--device cuda: PyTorch {torch.__version__} sees no CUDA GPU here; use --device cpu or auto")


def choose_device(name: str) -> str:
    """Return ``cuda`` or ``cpu``, whichever `name` means on this machine; ``auto`` takes a GPU when there is one.

    Raises:
        UsageError: `name` is no device, or torch sees no GPU and `name` asks for one.
    """
    check_device(name)
    return "cuda" if name != "cpu" and _has_gpu() else "cpu"


def _has_gpu() -> bool:
    # torch takes seconds to import.
    import torch

    return torch.cuda.is_available()


def device_for(models: Iterable[str], name: str) -> str:
    """Return what `choose_device` does, without importing torch where no model would ask for a GPU.

    Raises:
        UsageError: as there.
    """
    if name == "auto" and "cnn" not in models:
        return "cpu"
    return choose_device(name)


def has_tpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether this machine was made for a TPU: by what its environment names, or by torch_xla."""
    return any(environment.get(name) for name in _TPU_VARIABLES) or find_spec("torch_xla") is not None


def device_name(device: str) -> str:
    """Return ``cpu``, or ``cuda`` with the GPU's name, as results record it."""
    if device != "cuda":
        return device
    import torch

    return f"cuda, {torch.cuda.get_device_name()}"


def describe_device(name: str = "auto", environment: Mapping[str, str] = os.environ) -> str:
    """Return for people where each model trains, and why."""
    device = choose_device(name)
    if device == "cuda":
        return f"The cnn trains on the GPU ({device_name(device)}), the network from scratch beside it on the CPU."
    if name == "auto" and has_tpu(environment):
        return f"This is a TPU runtime: {_TPU}."
    return "Both models train on the CPU."


def set_up_cuda() -> None:
    """Have this process's GPU compute as the CPU does: in float32 throughout, and the same bits every time.

    Operations that have no such way are done as they are: of those in our networks, pooling windows that do not
    overlap give the same bits anyway.
    """
    # Read when cuBLAS starts: without it its products may differ from one time to the next.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.backends.cudnn.benchmark = False
    # Convolutions would take TensorFloat-32, with 10 bits of mantissa instead of 23.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation", category=UserWarning)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling memory that is about to be written anyway helps to find mistakes, and costs a kernel a tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
