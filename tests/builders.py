"""What tests of several rooms build in one line."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.interface import Labels


def train_epoch(classifier: Classifier, prepared: Any, labels: Labels, order: NDArray[np.int64]) -> float:
    """Train an epoch at the constant learning rate of the classifier's configuration; return the mean objective."""
    configuration: Any = classifier._configuration  # type: ignore[attr-defined]
    steps = math.ceil(len(order) / configuration.batch_size)
    return classifier.train_epoch(prepared, labels, order, np.full(steps, configuration.learning_rate))
