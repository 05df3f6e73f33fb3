"""Compare a neural network written from scratch with an established CNN on Fashion-MNIST."""

__version__ = "0.1.0"
