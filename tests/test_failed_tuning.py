"""A tuning of which every trial fails, as a user meets it: the command, its results, its page."""

import subprocess
import sys
from pathlib import Path

from fashion_compare.store import read_json

STUDY = """
name: hopeless
seeds: 1
training_images: 100
models:
  ffnn: {baseline: {hidden_sizes: [8], epochs: 1, batch_size: 20, optimizer: sgd, learning_rate: 0.01}}
tuning:
  trials: 2
  epochs: 3
  space: {ffnn: {l2: {low: 9.0, high: 10.0}, learning_rate: {low: 90.0, high: 100.0}}}
"""


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the program in a directory."""
    return subprocess.run(
        [sys.executable, "-m", "fashion_compare", *words],
        capture_output=True, text=True, timeout=280, check=False, cwd=cwd,
    )  # fmt: skip


def test_nothing_is_chosen_and_the_command_fails(tmp_path: Path) -> None:
    """It exits 1, the first time and again, counts the trials and says why, as the report does; the rest is there."""
    (tmp_path / "hopeless.yaml").write_text(STUDY)
    for trained in (1, 0):
        done = command("tune", "hopeless.yaml", "--data", "synthetic", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stdout.endswith(f"{trained} trained, {1 - trained} done before, 0 failed; 2 of 2 trials failed\n")
        line = done.stderr.splitlines()[-1]
        assert line.startswith(
            "fashion-compare: tuning chose no configuration of the ffnn, for all 2 trials failed, the first: "
        )
        assert "trial-0000" in line
        assert "diverged: non-finite loss" in line
    root = tmp_path / "runs" / "hopeless-synthetic"
    found = read_json(root / "results.json")
    tuning = found["tuning"]["ffnn"]
    assert (tuning["winner"], tuning["settings"], tuning["gain"]) == (None, None, None)
    assert [(trial["state"], trial["best_so_far"]) for trial in tuning["trials"]] == [("failed", None)] * 2
    assert list(found["models"]["ffnn"]["configurations"]) == ["baseline"]
    # From the files alone: page and document say so too, and nothing of winners or of a best so far.
    done = command("report", str(root), "--markdown", "hopeless.md", cwd=tmp_path)
    assert done.returncode == 0
    page = (root / "report.html").read_text(encoding="utf-8")
    for text in (page, (tmp_path / "hopeless.md").read_text(encoding="utf-8")):
        assert "Nothing was chosen, for all 2 trials failed. The first: " in text
        assert "The winners were trained anew" not in text
        assert "best so far" not in text
    assert not (root / "figures" / "tuning.svg").exists()
