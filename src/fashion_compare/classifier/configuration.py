"""What can be set about a model and its training: validated once, here, for study files and commands alike."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Configuration(BaseModel):
    """The settings that both models share, with the same meaning for both."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: Annotated[float, Field(gt=0, le=100, description="step size of the optimiser")] = 1e-3
    batch_size: Annotated[int, Field(ge=1, le=60_000, description="images per step")] = 128
    epochs: Annotated[int, Field(ge=0, le=10_000, description="passes over the training images")] = 10
    optimizer: Annotated[Literal["sgd", "momentum", "adam"], Field(description="how a gradient becomes a step")] = (
        "adam"
    )
    momentum: Annotated[float, Field(ge=0, lt=1, description="used by the optimizer 'momentum' alone")] = 0.9
    l1: Annotated[float, Field(ge=0, le=10, description="L1 penalty, l1·Σ|w| over the weights")] = 0.0
    l2: Annotated[float, Field(ge=0, le=10, description="L2 penalty, l2·Σw² over the weights")] = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of hidden dense units dropped")] = 0.0


class FfnnConfiguration(_Configuration):
    """The fully connected network from scratch."""

    model: Literal["ffnn"] = "ffnn"
    epochs: Annotated[int, Field(ge=0, le=10_000, description="passes over the training images")] = 15
    hidden_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=16_384)], ...],
        Field(max_length=32, description="units of each hidden layer"),
    ] = (256, 128)
    activation: Annotated[Literal["relu", "tanh"], Field(description="of the hidden layers")] = "relu"
    initialization: Annotated[Literal["he", "glorot"], Field(description="of the weights")] = "he"


class CnnConfiguration(_Configuration):
    """The established convolutional network in PyTorch, initialised as PyTorch does by default."""

    model: Literal["cnn"] = "cnn"
    architecture: Annotated[Literal["lenet5"], Field(description="which established network")] = "lenet5"


Configuration = FfnnConfiguration | CnnConfiguration
CONFIGURATIONS: dict[str, type[FfnnConfiguration] | type[CnnConfiguration]] = {
    "ffnn": FfnnConfiguration,
    "cnn": CnnConfiguration,
}
MODEL_NAMES = {"ffnn": "fully connected network from scratch (NumPy)", "cnn": "LeNet-5 (PyTorch)"}
