"""How often a true difference gets its verdict: simulated studies of two configurations, by difference and by seeds.

    python benchmarks/power.py [--studies 2000]

The model of seeds and images is that of tests/comparison/test_aa_simulation.py, with 10,000 test images: image i is
recognised by a run of seed s with probability sigmoid(a_i + b_s), a_i ~ N(6.7, 5.3²), b_s ~ N(shift, 0.07²). Two runs
of one configuration disagree on 7% of the images, and accuracies of 88.5% vary by 0.3 points from seed to seed.
"""

import argparse
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from fashion_compare.comparison import pairs
from fashion_compare.comparison.pairs import Scored, compare_family

IMAGES, CENTRE, SPREAD, SEED = 10_000, 6.7, 5.3, 0.22 / np.sqrt(10)


def shift_for(points: float) -> float:
    """Return by how much b has to rise for so many points of accuracy, over all images there could be."""
    a = CENTRE + SPREAD * np.random.default_rng(0).normal(size=1_000_000)
    base = expit(a).mean()
    return float(brentq(lambda shift: expit(a + shift).mean() - base - points / 100, 0, 5)) if points else 0.0


def verdicts(points: float, seeds: int, studies: int, family: int) -> tuple[int, int]:
    """Return in how many studies the better configuration was called better, and worse."""
    generator = np.random.default_rng([seeds, round(1000 * points)])
    shift = shift_for(points)
    found = {"better": 0, "worse": 0}
    for _ in range(studies):
        image = (CENTRE + SPREAD * generator.normal(size=IMAGES)).astype(np.float32)
        sides = []
        for name, raised in (("a", shift), ("b", 0.0)):
            b = (raised + SEED * generator.normal(size=(seeds, 1))).astype(np.float32)
            right = generator.random((seeds, IMAGES), dtype=np.float32) < expit(image + b)
            held = Scored("ffnn", name)
            for seed in range(seeds):
                held.add(seed, "test", {"accuracy": right[seed].astype(np.float64)})
            sides.append(held)
        (row,) = compare_family([(sides[0], sides[1])], "test", "accuracy", family=family)
        if row["verdict"] in found:
            found[row["verdict"]] += 1
    return found["better"], found["worse"]


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    arguments = parser.parse_args()
    # These take long and have no part in a verdict.
    pairs.seeds_needed = lambda *_: None
    pairs.sign_flip_p = lambda *_: 1.0
    print("| true difference | seeds | one comparison | called the wrong way | one of five, Holm |")
    print("|---:|---:|---:|---:|---:|")
    for points in (0.0, 0.3, 0.5, 1.0):
        for seeds in (3, 6, 9):
            alone, wrong = verdicts(points, seeds, arguments.studies, 1)
            among, _ = verdicts(points, seeds, arguments.studies, 5)
            shares = (f"{100 * count / arguments.studies:.1f}%" for count in (alone, wrong, among))
            print(f"| {points:g} points | {seeds} | {' | '.join(shares)} |", flush=True)
            print(f"{points} points, {seeds} seeds done", file=sys.stderr)


if __name__ == "__main__":
    main()
