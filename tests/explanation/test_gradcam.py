"""Grad-CAM against numbers worked by hand and torch's autograd; its place in the image against a planted stimulus."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from torch import nn

from fashion_compare.architectures.lenet5 import LeNet5
from fashion_compare.explanation.gradcam import grad_cam, place
from fashion_compare.explanation.receptive_field import ReceptiveField


@pytest.fixture
def by_hand():
    """A 2×2 convolution with two maps, ReLU and a dense layer; all numbers are exact in float32.

    The image and its maps after ReLU, with kernels [[1, 0], [0, 1]] and [[1, 0], [0, -1]]:

        1 2 0
        0 1 3     A = 2 5     B = 0 0
        2 1 0         1 1         0 1

    Class 0 weighs A with (1, 2, 3, -2), mean 1, and B with (-4, 0, 0, -4), mean -2; class 1 weighs A with -1
    everywhere and B with (0, 0, 0, 1/2), mean 1/8.
    """
    module = nn.Sequential()
    module.add_module("conv", nn.Conv2d(1, 2, 2))
    module.add_module("relu2", nn.ReLU())
    module.add_module("flatten", nn.Flatten())
    module.add_module("dense", nn.Linear(8, 2))
    module.double()
    with torch.no_grad():
        module.conv.weight[:, 0] = torch.tensor([[[1, 0], [0, 1]], [[1, 0], [0, -1]]])
        module.conv.bias.zero_()
        module.dense.weight[...] = torch.tensor([[1, 2, 3, -2, -4, 0, 0, -4], [-1, -1, -1, -1, 0, 0, 0, 0.5]])
        module.dense.bias[...] = torch.tensor([100.0, -100.0])
    image = torch.tensor([[1.0, 2, 0], [0, 1, 3], [2, 1, 0]], dtype=torch.float64).view(1, 1, 3, 3)
    return module, image


def test_by_hand(by_hand):
    """Class 0: the positive part of A - 2·B. The 2×2 heat's centres lie between the pixels of the image."""
    coarse, placed = grad_cam(*by_hand, np.array([0]), layer="relu2")
    np.testing.assert_array_equal(coarse, [[[2, 5], [1, 0]]])
    np.testing.assert_array_equal(placed, [[[2, 3.5, 5], [1.5, 2, 2.5], [1, 0.5, 0]]])


def test_a_map_of_zeros_is_told(by_hand):
    """Class 1: -A + B/8 is nowhere positive, and the heat is zero, not noise stretched to full scale."""
    coarse, placed = grad_cam(*by_hand, np.array([1]), layer="relu2")
    assert not coarse.any()
    assert not placed.any()


def test_each_image_has_its_own_target(by_hand):
    """In a batch, the heat of an image is that of the image alone, for its own class."""
    module, image = by_hand
    images = torch.cat([image, image, 2 * image])
    coarse, _ = grad_cam(module, images, np.array([1, 0, 0]), layer="relu2")
    np.testing.assert_array_equal(coarse, [[[0, 0], [0, 0]], [[2, 5], [1, 0]], [[4, 10], [2, 0]]])


def reference(module, prepared, targets):
    """Equations 1 and 2 of Selvaraju et al. 2017 by autograd, at relu2 of LeNet-5, in float64."""
    maps = None
    values = prepared
    for name, child in module.named_children():
        values = child(values)
        if name == "relu2":
            maps = values
    scores = values[torch.arange(len(targets)), torch.from_numpy(targets)]
    (gradients,) = torch.autograd.grad(scores.sum(), maps)
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    return torch.relu((weights * maps).sum(dim=1)).detach().numpy()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_lenet5_against_autograd(layout):
    """With pooling, dropout and three dense layers behind the maps; to float32's precision, in which heat is kept."""
    torch.manual_seed(0)
    module = LeNet5(dropout=0.5).double().to(memory_format=layout).eval()
    images = torch.randn(6, 1, 28, 28, dtype=torch.float64)
    targets = np.array([0, 3, 9, 9, 5, 1])
    expected = reference(module, images, targets)
    assert np.count_nonzero(expected.max(axis=(1, 2))) >= 4
    coarse, placed = grad_cam(module, images, targets, layer="relu2")
    assert coarse.shape == (6, 10, 10)
    assert placed.shape == (6, 28, 28)
    assert coarse.dtype == placed.dtype == np.float32
    np.testing.assert_allclose(coarse, expected, rtol=0, atol=1e-7 * expected.max())


def test_the_score_is_before_softmax():
    """A constant added to every logit changes no heat; a factor on every logit scales it."""
    torch.manual_seed(1)
    module, images, targets = LeNet5(), torch.randn(3, 1, 28, 28), np.array([1, 2, 3])
    coarse, _ = grad_cam(module, images, targets, layer="relu2")
    with torch.no_grad():
        module.dense3.bias += 50
    np.testing.assert_array_equal(grad_cam(module, images, targets, layer="relu2")[0], coarse)
    with torch.no_grad():
        module.dense3.weight *= 8
    np.testing.assert_allclose(grad_cam(module, images, targets, layer="relu2")[0], 8 * coarse, rtol=1e-5)


def test_explaining_leaves_the_network_as_it_was():
    """Dropout is off whatever mode the network was in; no gradient and no hook stays behind."""
    torch.manual_seed(2)
    module, images, targets = LeNet5(dropout=0.9), torch.randn(2, 1, 28, 28), np.array([4, 5])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.train()
    first = grad_cam(module, images, targets, layer="relu2")[0]
    module.train()
    np.testing.assert_array_equal(grad_cam(module, images, targets, layer="relu2")[0], first)
    assert all(p.grad is None for p in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(child._forward_hooks or child._backward_hooks for child in module.modules())


def spot_finder():
    """A LeNet-5 whose class 3 scores the sum of its first map, which is the image itself, pooled."""
    module = LeNet5()
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
        module.conv1.weight[0, 0, 2, 2] = 1
        module.conv2.weight[0, 0, 2, 2] = 1
        module.dense1.weight[0, :25] = 1
        module.dense2.weight[0, 0] = 1
        module.dense3.weight[3, 0] = 1
    return module


def distance_to_the_hottest(heat, row, column):
    """Pixels, along the worse axis, from a place to the nearest pixel of the greatest heat."""
    places = np.argwhere(heat >= heat.max() * (1 - 1e-6))
    return np.abs(places - (row, column)).max(axis=1).min()


@pytest.mark.parametrize("row", range(4, 24))
@pytest.mark.parametrize("column", [4, 7, 14, 23])
def test_a_planted_stimulus_is_found_where_it_is(row, column):
    """One bright pixel: the hottest pixels lie within one pixel of it, over the whole range of the centres."""
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, row, column] = 8
    coarse, placed = grad_cam(spot_finder(), image, np.array([3]), layer="relu2")
    # The map weighs 25/100: of each of the 25 pooled windows one unit passes its gradient of 1 on.
    assert coarse[0, row // 2 - 2, column // 2 - 2] == pytest.approx(2, rel=1e-6)
    assert np.count_nonzero(coarse) == 1
    assert distance_to_the_hottest(placed[0], row, column) <= 1
    if 6 <= row < 22:
        # Inside, the heat's centre of mass is that of the two rows and columns that pooling put together.
        rows = (placed[0].sum(axis=1) * np.arange(28)).sum() / placed[0].sum()
        assert abs(rows - row) <= 0.5 + 1e-6


@pytest.mark.parametrize(("row", "least"), [(4, 3), (6, 2), (8, 1), (21, 2), (23, 3)])
def test_plain_resizing_would_miss_it(row, least):
    """Stretched over all 28×28 pixels, as is usual, the same heat lies up to 3.6 pixels off: placing is worth it."""
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, row, 14] = 8
    coarse, placed = grad_cam(spot_finder(), image, np.array([3]), layer="relu2")
    stretched = nn.functional.interpolate(torch.from_numpy(coarse)[None], size=(28, 28), mode="bilinear")[0, 0]
    missed = distance_to_the_hottest(stretched.numpy(), row, 14)
    assert missed >= least
    assert distance_to_the_hottest(placed[0], row, 14) < missed


@given(
    shape=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    start=st.sampled_from([0.0, 0.5, 3.0, 4.5]),
    step=st.sampled_from([1.0, 2.0, 4.0]),
    size=st.integers(1, 16),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_placing_is_linear_between_centres_and_ends_at_the_rim(shape, start, step, size, seed):
    """SciPy's interpolation between the centres; beyond them the edge's value, and zero where no unit looks."""
    coarse = np.random.default_rng(seed).uniform(1, 2, (2, *shape)).astype(np.float32)
    placed = place(coarse, ReceptiveField(start, step, size), (20, 24))
    centres = [start + step * np.arange(n) for n in shape]
    pixels = [np.arange(20), np.arange(24)]
    nearest = [np.clip(p, c[0], c[-1]) for p, c in zip(pixels, centres, strict=True)]
    seen = [np.abs(p - n) <= (size - 1) / 2 for p, n in zip(pixels, nearest, strict=True)]
    for i in range(2):
        grid = np.stack(np.meshgrid(*nearest, indexing="ij"), axis=-1)
        expected = RegularGridInterpolator(centres, coarse[i].astype(np.float64))(grid)
        np.testing.assert_allclose(placed[i], expected * np.outer(*seen), rtol=1e-6, atol=0)


def test_a_single_unit_covers_its_receptive_field():
    """A 1×1 map is drawn as the square that its only unit sees."""
    placed = place(np.full((1, 1, 1), 7, np.float32), ReceptiveField(5, 3, 4), (12, 12))
    expected = np.zeros((12, 12))
    expected[4:7, 4:7] = 7
    np.testing.assert_array_equal(placed[0], expected)


def test_hirescam_by_hand(by_hand):
    """Class 0 weighs each place by its own gradient: (1·2 - 4·0, 2·5, 3·1, -2·1 - 4·1), none below zero."""
    coarse, _ = grad_cam(*by_hand, np.array([0]), layer="relu2", method="HiResCAM")
    np.testing.assert_array_equal(coarse, [[[2, 10], [3, 0]]])
    # Class 1: -A + B/2 at the last place alone is -1/2.
    assert not grad_cam(*by_hand, np.array([1]), layer="relu2", method="HiResCAM")[0].any()


def test_grad_cam_plus_plus_by_hand(by_hand):
    """Class 0: A's places share 1/(2 + g·9) of their positive gradients each, as ΣA = 9; B has no positive gradient.

    Gradients 1, 2, 3: α = 1/(2 + 9), 1/(2 + 18), 1/(2 + 27), so A weighs 1/11 + 2/20 + 3/29.
    """
    coarse, _ = grad_cam(*by_hand, np.array([0]), layer="relu2", method="Grad-CAM++")
    weight = 1 / 11 + 2 / 20 + 3 / 29
    np.testing.assert_allclose(coarse[0], weight * np.array([[2, 5], [1, 1]]), rtol=1e-7)
    # Class 1: B's last place has the gradient 1/2, and ΣB = 1; A's are all negative.
    coarse, _ = grad_cam(*by_hand, np.array([1]), layer="relu2", method="Grad-CAM++")
    np.testing.assert_allclose(coarse[0], [[0, 0], [0, 0.5 / (2 + 0.5)]], rtol=1e-7)


def test_grad_cam_plus_plus_without_gradient_is_zero(by_hand):
    """A class that depends on nothing has a map of zeros, not of 0/0."""
    module, image = by_hand
    with torch.no_grad():
        module.dense.weight.zero_()
    coarse, placed = grad_cam(module, image, np.array([0]), layer="relu2", method="Grad-CAM++")
    assert not coarse.any()
    assert not placed.any()


@pytest.mark.parametrize("layer", ["relu2", "relu1"])
def test_both_methods_on_lenet5_against_autograd(layer):
    """The formulas by autograd in float64, at any layer before the dense ones, each image for its own class."""
    torch.manual_seed(4)
    module = LeNet5().double().eval()
    images, targets = torch.randn(4, 1, 28, 28, dtype=torch.float64), np.array([1, 5, 5, 9])
    maps, values = None, images
    for name, child in module.named_children():
        values = child(values)
        maps = values if name == layer else maps
    scores = values[torch.arange(4), torch.from_numpy(targets)]
    (g,) = torch.autograd.grad(scores.sum(), maps)
    places = torch.relu((g * maps).sum(dim=1)).detach().numpy()
    alpha = torch.zeros_like(g)
    bottom = 2 * g**2 + g**3 * maps.sum(dim=(2, 3), keepdim=True)
    alpha[bottom != 0] = (g**2)[bottom != 0] / bottom[bottom != 0]
    weighed = (alpha * torch.relu(g)).sum(dim=(2, 3), keepdim=True) * maps
    plus_plus = torch.relu(weighed.sum(dim=1)).detach().numpy()
    for method, expected in (("HiResCAM", places), ("Grad-CAM++", plus_plus)):
        coarse, placed = grad_cam(module, images, targets, layer, method)
        assert expected.any()
        np.testing.assert_allclose(coarse, expected, rtol=1e-6, atol=1e-7 * expected.max())
        assert placed.shape == (4, 28, 28)
    assert all(p.grad is None for p in module.parameters())
    assert not any(child._forward_hooks or child._backward_hooks for child in module.modules())


def test_grad_cam_plus_plus_of_huge_gradients_is_finite():
    """Weights as a learning rate of 100 leaves them: cubes of the gradients are beyond float32, the map is not."""
    torch.manual_seed(4)
    module = LeNet5().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(2.0**20)
    images, targets = torch.randn(2, 1, 28, 28), np.array([1, 5])
    exact = LeNet5().double()
    exact.load_state_dict(module.state_dict())
    coarse, expected = (
        grad_cam(held, images.to(held.dense1.weight.dtype), targets, "relu2", "Grad-CAM++")[0]
        for held in (module, exact)
    )
    assert np.isfinite(coarse).all()
    assert expected.any()
    np.testing.assert_allclose(coarse, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_hirescam_is_grad_cam_where_gradients_do_not_vary(by_hand):
    """With one weight a map, each place's gradient is the map's mean."""
    module, image = by_hand
    with torch.no_grad():
        module.dense.weight[0] = torch.tensor([3.0] * 4 + [-1.0] * 4)
    first, second = (
        grad_cam(module, image, np.array([0]), layer="relu2", method=method)[0] for method in ("Grad-CAM", "HiResCAM")
    )
    assert first.any()
    np.testing.assert_array_equal(first, second)
