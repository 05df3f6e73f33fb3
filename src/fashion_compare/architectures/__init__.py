"""Established convolutional networks: a file each, with its module and its `Architecture`."""

import importlib
import pkgutil

from fashion_compare.architectures.architecture import Architecture

__all__ = ["Architecture", "architecture_names", "load_architecture"]
# Not architectures themselves.
_OTHERS = {"architecture", "graph"}


def architecture_names() -> list[str]:
    """Return the names of all architectures, without importing torch."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _OTHERS)


def load_architecture(name: str) -> Architecture:
    """Return the architecture that the file of that name defines; this imports torch.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in architecture_names():
        raise KeyError(name)
    found: Architecture = importlib.import_module(f"{__name__}.{name}").ARCHITECTURE
    return found
