"""The learning rates of a training are PyTorch's for the same schedule, wherever the training is cut."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_compare.schedules import learning_rates

SCHEDULERS = {
    "constant": lambda o, _steps, _peak: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
    "step": lambda o, steps, _peak: torch.optim.lr_scheduler.MultiStepLR(
        o, [-(-steps // 2), -(-3 * steps // 4)], gamma=0.1
    ),
    "cosine": lambda o, steps, _peak: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=steps),
    "one_cycle": lambda o, steps, peak: torch.optim.lr_scheduler.OneCycleLR(
        o, max_lr=peak, total_steps=steps, cycle_momentum=False
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 10, 100, 433])
def test_every_step_has_pytorchs_rate(schedule, steps):
    """To 1e-12 of the peak, from the first step to the last."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = SCHEDULERS[schedule](optimizer, steps, 0.3)
    expected = []
    for step in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    found = learning_rates(schedule, 0.3, first=0, last=steps, steps=steps)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.3e-12)


@pytest.mark.parametrize("schedule", SCHEDULERS)
@given(steps=st.integers(1, 500), cut=st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_a_step_knows_its_place_alone(schedule, steps, cut):
    """Asked for in two parts, as by a training that was resumed, the rates are the same to the bit."""
    middle = int(cut * steps)
    whole = learning_rates(schedule, 0.1, first=0, last=steps, steps=steps)
    parts = [learning_rates(schedule, 0.1, first=a, last=b, steps=steps) for a, b in ((0, middle), (middle, steps))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(whole) == steps
    assert np.isfinite(whole).all()
    assert whole.min() >= 0
    assert whole.max() <= 0.1 * (1 + 1e-12)
