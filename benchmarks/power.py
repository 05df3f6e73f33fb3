"""How often a true difference gets its verdict, and how often none does: simulated studies of two configurations.

    python benchmarks/power.py [--studies 2000]

The model of seeds and images is that of tests/comparison/test_aa_simulation.py, with 10,000 test images: image i is
recognised by a run of seed s with probability sigmoid(a_i + b_s), a_i ~ N(6.7, 5.3²), b_s ~ N(shift, 0.07²). Two runs
of one configuration disagree on 7% of the images, and accuracies of 88.5% vary by 0.3 points from seed to seed.

In the second table each configuration favours images of its own, a_i + c_i with c_i ~ N(0, taste²): two of them are
equally good over all images there could be, and differ on those that happen to be in the test set.
"""

import argparse
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from fashion_compare.comparison import paired
from fashion_compare.comparison.paired import ConfigurationScores, compare_family

IMAGES, CENTRE, SPREAD, SEED = 10_000, 6.7, 5.3, 0.22 / np.sqrt(10)


def shift_for(points: float) -> float:
    """Return by how much b has to rise for so many points of accuracy, over all images there could be."""
    a = CENTRE + SPREAD * np.random.default_rng(0).normal(size=1_000_000)
    base = expit(a).mean()
    return float(brentq(lambda shift: expit(a + shift).mean() - base - points / 100, 0, 5)) if points else 0.0


def study(
    generator: np.random.Generator, shift: float, seeds: int, taste: float
) -> tuple[ConfigurationScores, ConfigurationScores]:
    """Return two configurations' runs on one test set; the first is ahead by `shift`."""
    image = CENTRE + SPREAD * generator.normal(size=IMAGES)
    sides = []
    for name, raised in (("a", shift), ("b", 0.0)):
        favoured = (image + taste * generator.normal(size=IMAGES) if taste else image).astype(np.float32)
        b = (raised + SEED * generator.normal(size=(seeds, 1))).astype(np.float32)
        right = generator.random((seeds, IMAGES), dtype=np.float32) < expit(favoured + b)
        held = ConfigurationScores("ffnn", name)
        for seed in range(seeds):
            held.add(seed, "test", {"accuracy": right[seed].astype(np.float64)})
        sides.append(held)
    return sides[0], sides[1]


def verdicts(points: float, seeds: int, studies: int, family: int) -> tuple[int, int]:
    """Return in how many studies the better configuration was called better, and worse."""
    generator, shift = np.random.default_rng([seeds, round(1000 * points)]), shift_for(points)
    found = {"better": 0, "worse": 0}
    for _ in range(studies):
        (row,) = compare_family([study(generator, shift, seeds, 0.0)], "test", "accuracy", family=family)
        if row.verdict in found:
            found[row.verdict] += 1
    return found.better, found.worse


def favourites(taste: float, seeds: int, studies: int) -> tuple[float, int, int]:
    """Return, of configurations that are equally good, on how many images they disagree and how often a verdict falls.

    Returns:
        The share of images that runs of the two with one seed disagree on; studies with a verdict; those among them
        whose interval does not reach zero.
    """
    generator = np.random.default_rng([seeds, round(1000 * taste)])
    disagreement, decided, beyond = 0.0, 0, 0
    for _ in range(studies):
        a, b = study(generator, 0.0, seeds, taste)
        disagreement += float((a.per_image.test["accuracy"][0] != b.per_image.test["accuracy"][0]).mean())
        (row,) = compare_family([(a, b)], "test", "accuracy")
        if row.verdict in ("better", "worse"):
            decided += 1
            beyond += not row.interval[0] <= 0 <= row.interval[1]
    return disagreement / studies, decided, beyond


def main() -> None:
    """Print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    arguments = parser.parse_args()
    # These take long and have no part in a verdict.
    paired.seeds_needed = lambda *_: None
    paired.sign_flip_p = lambda *_: 1.0
    print("| true difference | seeds | one comparison | called the wrong way | one of five, Holm |")
    print("|---:|---:|---:|---:|---:|")
    for points in (0.0, 0.3, 0.5, 1.0):
        for seeds in (3, 6, 9):
            alone, wrong = verdicts(points, seeds, arguments.studies, 1)
            among, _ = verdicts(points, seeds, arguments.studies, 5)
            shares = (f"{100 * count / arguments.studies:.1f}%" for count in (alone, wrong, among))
            print(f"| {points:g} points | {seeds} | {' | '.join(shares)} |", flush=True)
            print(f"{points} points, {seeds} seeds done", file=sys.stderr)
    print("\n| runs disagree on | seeds | a verdict | and the interval does not reach zero |")
    print("|---:|---:|---:|---:|")
    for taste in (0.0, 1.2, 1.7, 2.5):
        for seeds in (3, 9):
            disagreement, decided, beyond = favourites(taste, seeds, arguments.studies)
            shares = (f"{100 * count / arguments.studies:.1f}%" for count in (decided, beyond))
            print(f"| {100 * disagreement:.1f}% | {seeds} | {' | '.join(shares)} |", flush=True)
            print(f"favourites {taste}, {seeds} seeds done", file=sys.stderr)


if __name__ == "__main__":
    main()
