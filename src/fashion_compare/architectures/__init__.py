"""Established convolutional architectures as plain torch modules."""
