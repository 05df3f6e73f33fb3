"""The networks in the page give the numbers that they give in Python, whatever is done to an image."""

import base64
import json
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from fashion_compare.analysis.explanations import read_playground
from fashion_compare.analysis.networks import finished
from fashion_compare.classifier import build
from fashion_compare.classifier.cnn import CnnClassifier
from fashion_compare.classifier.configuration import CnnConfiguration, FfnnConfiguration
from fashion_compare.data.picture import read_picture
from fashion_compare.explanation.gradcam import grad_cam
from fashion_compare.explanation.perturbations import PERTURBATIONS
from fashion_compare.report.widgets.playground import network_for_page
from fashion_compare.results.files import read_results
from fashion_compare.study import spec
from fashion_compare.study.context import StudyContext
from tests.builders import train_epoch
from tests.report.conftest import STUDY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def networks(root: Path) -> dict[str, Any]:
    """The networks that the page shows, in Python."""
    held = json.loads((root / "results.json").read_text())["gallery"]["networks"]
    study = spec.parse_study(STUDY, "test")
    return {
        model: finished(StudyContext(study, {}, root), model, network["configuration"]).classifier(network["seed"])
        for model, network in held.items()
    }


def shown_images(root: Path) -> np.ndarray:
    """The test images that the page shows."""
    images: np.ndarray = read_playground(read_results(root).gallery, root)["images"]
    return images


def changed(images: np.ndarray) -> np.ndarray:
    """Each image changed in some way: shifted, turned or scaled, in turns."""
    ways = [(0, 1), (0, 3), (1, 3), (2, 2), (2, 8)]
    found = []
    for i, image in enumerate(images):
        probe, amount = ways[i % len(ways)]
        found.append(next(PERTURBATIONS[probe].variants(image[None], PERTURBATIONS[probe].amounts[amount]))[0])
    return np.stack(found)


def test_scores_are_pythons(page: Any, root: Path, networks: dict[str, Any]) -> None:
    """On the page's 200 test images and on changed ones, both networks' logits within 1e-4."""
    images = shown_images(root)
    assert len(images) == 200
    for shown in (images, changed(images)):
        for model, classifier in networks.items():
            call = "([model, images]) => images.map((pixels) => playground.logits(model, pixels))"
            found = np.array(page.evaluate(call, [model, shown.reshape(len(shown), -1).tolist()]))
            np.testing.assert_allclose(found, classifier.logits(classifier.preprocess(shown)), rtol=0, atol=1e-4)


def test_grad_cam_is_pythons(page: Any, root: Path, networks: dict[str, Any]) -> None:
    """Heat placed on the image, for a class other than the answer too, to float32's precision."""
    images = shown_images(root)[:30]
    targets = np.arange(30) % 10
    call = """([images, targets]) => images.map((pixels, i) => {
        const network = playground.networks.cnn;
        return Array.from(playground.gradCam(network, playground.forward(network, pixels), targets[i]));
    })"""
    found = np.array(page.evaluate(call, [images.reshape(30, -1).tolist(), targets.tolist()])).reshape(30, 28, 28)
    cnn = networks["cnn"]
    expected = grad_cam(cnn.module, cnn.preprocess(images), targets, cnn.architecture.target_layer)[1]
    assert expected.any()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.max())


def test_heat_is_as_opaque_as_it_is_large(page: Any) -> None:
    """Of the image shown at first: every pixel's opacity is its share of the highest heat, times nine tenths."""
    call = """() => {
        const network = playground.networks.cnn;
        const passed = playground.forward(network, playground.pictures.subarray(0, 784));
        const scores = Array.from(passed.at(-1).data);
        const heat = Array.from(playground.gradCam(network, passed, scores.indexOf(Math.max(...scores))));
        const drawn = document.getElementById("play-heat").getContext("2d").getImageData(0, 0, 28, 28).data;
        return [heat, heat.map((_, k) => drawn[4 * k + 3])];
    }"""
    heat, opacity = (np.array(values) for values in page.evaluate(call))
    assert heat.max() > 0
    np.testing.assert_allclose(opacity / 255, 0.9 * heat / heat.max(), rtol=0, atol=0.005)


@pytest.mark.parametrize("normalization", ["none", "batch"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_any_network_of_a_study_can_be_run(page: Any, activation: str, normalization: str) -> None:
    """Other activations, depths and batch normalisation, for either model."""
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    configurations = {
        "ffnn": FfnnConfiguration(hidden_sizes=(20, 15, 12), activation=activation, normalization=normalization),
        "cnn": CnnConfiguration(normalization=normalization),
    }
    for model, configuration in configurations.items():
        classifier = build(configuration, seed=1, mean=70.0, std=90.0)
        labels = np.arange(5)
        # Running averages away from their start.
        train_epoch(classifier, classifier.preprocess(images), labels, np.arange(5))
        network = network_for_page(model, configuration.model_dump(mode="json"), classifier.weights())
        call = """([network, images]) => {
            const bytes = Uint8Array.from(atob(network.weights), (c) => c.charCodeAt(0));
            const whole = { ...network, weights: new Float32Array(bytes.buffer) };
            return images.map((pixels) => Array.from(playground.forward(whole, pixels).at(-1).data));
        }"""
        found = np.array(page.evaluate(call, [network, images.reshape(5, -1).tolist()]))
        np.testing.assert_allclose(found, classifier.logits(classifier.preprocess(images)), rtol=1e-4, atol=1e-4)


def test_resnet20_runs_in_the_page(page: Any) -> None:
    """Its logits to 1e-4 and its Grad-CAM are Python's, with shortcuts, strides and the mean over places, in 0.5 s."""
    configuration = CnnConfiguration(architecture="resnet20", batch_size=5)
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    classifier = build(configuration, seed=1, mean=70.0, std=90.0)
    assert isinstance(classifier, CnnClassifier)
    train_epoch(classifier, classifier.preprocess(images), np.arange(5), np.arange(5))
    network = network_for_page("cnn", configuration.model_dump(mode="json"), classifier.weights())
    call = """([network, images]) => {
        const bytes = Uint8Array.from(atob(network.weights), (c) => c.charCodeAt(0));
        const whole = { ...network, weights: new Float32Array(bytes.buffer) };
        const passed = images.map((pixels) => playground.forward(whole, pixels));
        const began = performance.now();
        playground.forward(whole, images[0]);
        const milliseconds = performance.now() - began;
        const maps = passed.map((values, i) => Array.from(playground.coarseGradCam(whole, values, i)));
        return { milliseconds, maps, logits: passed.map((values) => Array.from(values.at(-1).data)) };
    }"""
    found = page.evaluate(call, [network, images.reshape(5, -1).tolist()])
    prepared = classifier.preprocess(images)
    np.testing.assert_allclose(found["logits"], classifier.logits(prepared), rtol=0, atol=1e-4)
    coarse, _ = grad_cam(classifier.module, prepared, np.arange(5), classifier.architecture.target_layer)
    np.testing.assert_allclose(np.reshape(found["maps"], (5, 7, 7)), coarse, rtol=0, atol=1e-5)
    assert found["milliseconds"] < 500


@pytest.mark.parametrize(
    ("move", "probe", "amount", "variant"),
    [({"x": 3, "y": -3}, "shift", 3, 2), ({"turn": 20}, "rotation", 20, 0), ({"turn": -20}, "rotation", 20, 1),
     ({"scale": 0.8}, "scale", 0.8, 0), ({"scale": 1.3}, "scale", 1.3, 0)],
)  # fmt: skip
def test_images_change_as_in_the_probes(
    page: Any,
    root: Path,
    move: dict[str, float],
    probe: str,
    amount: float,
    variant: int,
) -> None:
    """Shifted, turned and scaled in the page as in Python; rounding may differ by one grey level."""
    images = shown_images(root)[:20]
    (held,) = [one for one in PERTURBATIONS if one.name == probe]
    expected = list(held.variants(images, amount))[variant]
    call = "([images, move]) => images.map((pixels) => Array.from(playground.changed(pixels, move)))"
    asked = [images.reshape(20, -1).tolist(), {"x": 0, "y": 0, "turn": 0, "scale": 1} | move]
    found = np.array(page.evaluate(call, asked)).reshape(20, 28, 28)
    assert np.abs(found - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255)])
@pytest.mark.parametrize("shape", [(40, 120), (120, 40), (60, 60)])
def test_a_picture_of_ones_own_is_bright_on_black(
    page: Any, tmp_path: Path, paper: int, ink: int, shape: tuple[int, int]
) -> None:
    """Dark on bright paper or bright on dark, of any shape: the thing is bright, all around it is black."""
    height, width = shape
    picture = np.full((height, width, 3), paper, np.uint8)
    picture[height // 4 : -height // 4, width // 4 : -width // 4] = ink
    matplotlib.image.imsave(tmp_path / "mine.png", picture)
    page.set_input_files("#play-file", tmp_path / "mine.png")
    page.wait_for_url("**pixels=*")
    text = page.evaluate("() => new URLSearchParams(location.hash.slice('#playground?'.length)).get('pixels')")
    pixels = np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), np.uint8).reshape(28, 28)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert rim.max() == 0
    # The middle that the garment covers in every shape.
    assert pixels[12:15, 12:15].min() == 255
    # Half the picture's height and width, whose longer side fills the page's 28 pixels.
    assert pixels.mean() / 255 * 784 == pytest.approx(14 * 14 * min(shape) / max(shape), rel=0.25)


def test_a_link_shows_the_same(page: Any, browser: Any, root: Path) -> None:
    """Moved, then drawn on: the address opened elsewhere gives the same pixels, answers and heat."""
    seen = "() => [...document.querySelectorAll('.board canvas')].map((c) => c.toDataURL())"
    said = "() => [...document.querySelectorAll('[id^=play-answer]')].map((e) => e.textContent)"

    def elsewhere() -> tuple[list[str], list[str]]:
        context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
        other = context.new_page()
        other.goto(page.url)
        found = other.evaluate(seen), other.evaluate(said)
        context.close()
        return found

    start = page.evaluate(seen)
    page.locator("#play-next").click()
    page.locator("#play-x").fill("3")
    page.locator("#play-turn").fill("15")
    assert "x=3" in page.url
    moved = page.evaluate(seen), page.evaluate(said)
    assert moved[0] != start
    assert elsewhere() == moved
    page.locator("input[name=play-tool][value=draw]").check()
    box = page.locator("#play-board").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 90, steps=8)
    page.mouse.up()
    drawn = page.evaluate(seen), page.evaluate(said)
    assert drawn[0] != moved[0]
    assert "pixels=" in page.url
    assert elsewhere() == drawn


@pytest.mark.parametrize(
    "address",
    ["#playground?image=999999&x=1e9&turn=NaN", "#playground?pixels=%3Cscript%3E", "#playground?pixels=AAAA", "#play"],
)
def test_a_broken_link_shows_an_image(browser: Any, root: Path, address: str) -> None:
    """Numbers out of range are the nearest in range, nonsense is left out; no error."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((root / "report.html").as_uri() + address)
    assert errors == []
    assert page.locator("#play-answer-cnn").inner_text().endswith("%")
    context.close()


def test_a_picture_of_ones_own(page: Any, tmp_path: Path) -> None:
    """A dark garment on white is shown as the data set would, and goes into the address."""
    picture = np.full((280, 280), 255, np.uint8)
    picture[60:220, 100:180] = 55
    Image.fromarray(picture).save(tmp_path / "mine.png")
    page.locator("#play-file").set_input_files(tmp_path / "mine.png")
    page.locator("#play-label").filter(has_text="your picture").wait_for()
    assert "pixels=" in page.url
    # Shown inverted again: white where there is no garment, 255 - 200 where there is.
    call = "() => Array.from(document.getElementById('play-image').getContext('2d').getImageData(0, 0, 28, 28).data)"
    shown = np.array(page.evaluate(call)).reshape(28, 28, 4)[..., 0]
    assert shown[2, 2] == 255
    assert shown[14, 14] == 55


def own_pixels(page: Any) -> np.ndarray:
    """The picture of one's own that the page shows, from its address."""
    # The page's policy refuses the string that `wait_for_function` would have it evaluate.
    page.wait_for_url("**pixels=*")
    text = page.evaluate("() => new URLSearchParams(location.hash.slice('#playground?'.length)).get('pixels')")
    return np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), np.uint8).reshape(28, 28)


@pytest.mark.parametrize("hidden", [0, 255])
@pytest.mark.parametrize("grey", [0, 60, 200, 255])
def test_a_cut_out_on_transparency_is_pythons(page: Any, tmp_path: Path, grey: int, hidden: int) -> None:
    """White, black or between: the outline is the garment's, bright on black, as `explain --image` has it."""
    layers = np.full((56, 56, 4), (hidden, hidden, hidden, 0), np.uint8)
    layers[10:46, 14:40] = (grey, grey, grey, 255)
    Image.fromarray(layers).save(tmp_path / "mine.png")
    expected, _ = read_picture(tmp_path / "mine.png")
    page.set_input_files("#play-file", tmp_path / "mine.png")
    found = own_pixels(page)
    np.testing.assert_allclose(found.astype(int), expected, atol=2)
    assert page.locator("#play-answer-ffnn").inner_text().endswith("%")


@pytest.mark.parametrize("colour", [(255, 255, 255, 255), (0, 0, 0, 255), (0, 0, 0, 0), (90, 90, 90, 255)])
def test_a_blank_picture_gets_no_answer(page: Any, tmp_path: Path, colour: tuple[int, ...]) -> None:
    """Neither network answers, no bar is drawn and no heat; the next test image is answered again."""
    Image.new("RGBA", (60, 60), colour).save(tmp_path / "mine.png")
    page.set_input_files("#play-file", tmp_path / "mine.png")
    assert np.ptp(own_pixels(page)) == 0
    assert_no_answer(page)
    page.locator("#play-next").click()
    for model in ("ffnn", "cnn"):
        assert page.locator(f"#play-answer-{model}").inner_text().endswith("%")
    assert (
        "all zero" in page.locator("#play-strength").inner_text()
        or "up to" in page.locator("#play-strength").inner_text()
    )


def test_an_image_that_is_erased_gets_no_answer(browser: Any, root: Path) -> None:
    """Nor does a link to one: the address of 784 zeros."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((root / "report.html").as_uri() + "#playground?pixels=" + base64.urlsafe_b64encode(bytes(784)).decode())
    assert_no_answer(page)
    context.close()


def assert_no_answer(page: Any) -> None:
    for model in ("ffnn", "cnn"):
        assert page.locator(f"#play-answer-{model}").inner_text() == "no answer: the image has no contrast"
        widths = f"() => [...document.querySelectorAll('#play-bars-{model} i')].map((bar) => bar.style.width)"
        assert set(page.evaluate(widths)) == {"0%"}
        assert page.locator(f"#play-bars-{model} .answer").count() == 0
    assert page.locator("#play-strength").inner_text() == "no map"
    heat = "() => [...document.getElementById('play-heat').getContext('2d').getImageData(0, 0, 28, 28).data]"
    assert set(page.evaluate(heat)) == {0}


def test_it_answers_at_once(page: Any) -> None:
    """Ten changes with both networks and the heat, in a generous share of what a frame allows."""
    call = """() => {
        const slider = document.getElementById("play-x");
        const began = performance.now();
        for (let k = 0; k < 10; k++) { slider.value = k % 5; slider.dispatchEvent(new Event("input")); }
        return (performance.now() - began) / 10;
    }"""
    page.evaluate(call)
    assert page.evaluate(call) < 160
