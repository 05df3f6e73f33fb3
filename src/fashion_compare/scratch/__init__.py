"""The from-scratch network: NumPy alone. Read layers, losses, network, optimizers, gradcheck, in that order."""

from fashion_compare.scratch.network import Network

__all__ = ["Network"]
