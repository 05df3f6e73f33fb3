"""What the tests run in place of a command or block of the documentation, each with its reason.

What stands in none of these tables is run as it is written, in a directory of its own.
`{port}` is a free port of this machine, `{tests}` this repository's tests.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Instead:
    """Run this in its place."""

    command: str
    reason: str


@dataclass(frozen=True)
class Start:
    """Start this in its place, and leave it running until the page is done."""

    command: str
    reason: str


@dataclass(frozen=True)
class Parsed:
    """Have the program's own parser read it; a study that it names is loaded and checked."""

    reason: str


_SYNTHETIC = "the synthetic data: not every machine has the data"
_SMALL = "the same study made small, on the synthetic data: not every machine has the data, or minutes"
_BEFORE = "done in small before any page, as `FIRST` says"
_UNTRAINED = "no epoch, on the synthetic data: only its scores"
_HOURS = "takes minutes to hours; the commands of the tutorial do the same in small"
_INSTALLS = "installs gigabytes; .ci/run installs the same way"

# Run before the pages, which look at what it made.
FIRST = "fashion-compare run quick.yaml --data synthetic"

COMMANDS: dict[str, Instead | Start | Parsed] = {
    # Installing.
    "python3 -m venv .venv": Instead("python3 -m venv --without-pip .venv", "nothing is installed into it here"),
    ".venv/bin/pip install -c constraints.txt -e .": Parsed(_INSTALLS),
    ".venv/bin/pip install -c constraints.txt -e '.[test]'": Parsed(_INSTALLS),
    ".venv/bin/fashion-compare run": Parsed(_HOURS),
    ".venv/bin/python -m pytest -q -n 2 --dist worksteal": Instead(
        "python -m pytest -q -n 2 --dist worksteal {tests}/test_floors.py", "all tests would run this one again"
    ),
    # Studies.
    "fashion-compare run quick": Parsed(_BEFORE),
    "fashion-compare run quick --data synthetic": Parsed(_BEFORE),
    "fashion-compare run mine.yaml": Instead("fashion-compare run mine.yaml --data synthetic", _SYNTHETIC),
    "fashion-compare run mine.yaml --seeds 9": Instead(
        "fashion-compare run mine.yaml --seeds 2 --data synthetic", "fewer seeds, on the synthetic data: a minute"
    ),
    "fashion-compare run --tensorboard": Instead(
        "fashion-compare run away.yaml --tensorboard --data synthetic", _SMALL
    ),
    "fashion-compare run --keep kept": Instead("fashion-compare run away.yaml --keep kept --data synthetic", _SMALL),
    "fashion-compare sensitivity": Instead(
        "fashion-compare sensitivity searched.yaml --data synthetic", "a small grid, on the synthetic data: hours"
    ),
    "fashion-compare tune --trials 30": Instead(
        "fashion-compare tune searched.yaml --trials 2 --data synthetic", "two trials, on the synthetic data: hours"
    ),
    "fashion-compare run --seeds 9": Parsed(_HOURS),
    "fashion-compare run --experiments": Parsed(_HOURS),
    "fashion-compare run full": Parsed(_HOURS),
    "fashion-compare run best-ffnn": Parsed(_HOURS),
    "fashion-compare run ffnn-tuned.yaml": Parsed(_HOURS),
    "fashion-compare run cnn-tuned.yaml": Parsed(_HOURS),
    # Single commands.
    "fashion-compare data": Instead("fashion-compare data --data synthetic", _SYNTHETIC),
    "fashion-compare data --data data/fashion-mnist": Instead("fashion-compare data --data synthetic", _SYNTHETIC),
    "fashion-compare train ffnn": Instead("fashion-compare train ffnn --set epochs=0 --data synthetic", _UNTRAINED),
    "fashion-compare train cnn": Instead("fashion-compare train cnn --set epochs=0 --data synthetic", _UNTRAINED),
    "fashion-compare train ffnn --set learning_rate=0.01 --set l2=0.001": Instead(
        "fashion-compare train ffnn --set learning_rate=0.01 --set l2=0.001 --set epochs=0 --data synthetic", _UNTRAINED
    ),
    "fashion-compare bench scratch": Instead(
        "fashion-compare bench scratch --rounds 1 --images 1000 --data synthetic", "a short one, on the synthetic data"
    ),
    "fashion-compare report runs/quick --open": Instead("fashion-compare report runs/quick", "opens a browser"),
    "fashion-compare report runs/default --open": Parsed("opens a browser; the tutorial's report is made"),
    # Several machines.
    "dask scheduler --port 8786": Start("dask scheduler --port {port} --host 127.0.0.1 --no-dashboard", "a free port"),
    "dask worker tcp://FIRST:8786 --nworkers 4 --nthreads 1": Start(
        "dask worker tcp://127.0.0.1:{port} --nworkers 1 --nthreads 1 --no-dashboard", "this machine, one process"
    ),
    "fashion-compare run --engine dask --scheduler tcp://FIRST:8786": Instead(
        "fashion-compare run away.yaml --data synthetic --engine dask --scheduler tcp://127.0.0.1:{port}", _SMALL
    ),
    "dask scheduler --port 8786 --protocol tls --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem": Start(
        "dask scheduler --port {tls_port} --protocol tls --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem "
        "--host 127.0.0.1 --no-dashboard",
        "a free port",
    ),
    "dask worker tls://FIRST:8786 --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem --nworkers 4 "
    "--nthreads 1": Start(
        "dask worker tls://127.0.0.1:{tls_port} --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem "
        "--nworkers 1 --nthreads 1 --no-dashboard",
        "this machine, one process",
    ),
    "fashion-compare run --engine dask --scheduler tls://FIRST:8786 --tls-ca ca.pem --tls-cert cert.pem "
    "--tls-key key.pem": Instead(
        "fashion-compare run away.yaml --seeds 2 --data synthetic --engine dask --scheduler tls://127.0.0.1:{tls_port} "
        "--tls-ca ca.pem --tls-cert cert.pem --tls-key key.pem",
        _SMALL,
    ),
}

# Python blocks by title that are only compiled.
COMPILED = {
    "slurm.py": "needs a SLURM cluster",
}

# Study files by title, and what is made smaller before they are written.
SMALLER = {
    "mine.yaml": {"training_images: 6000": "training_images: 300", "seeds: 3": "seeds: 1", "epochs: 15": "epochs: 2"}
}

# Study files by title that no shipped program can run.
UNKNOWN = {"wide.yaml": ("wide_lenet5", "names the architecture that the page adds")}

# Small studies that stand for shipped ones.
STUDIES = {
    "quick.yaml": """
name: quick
seeds: 1
training_images: 300
models:
  ffnn: {baseline: {hidden_sizes: [16], epochs: 1}}
  cnn: {baseline: {epochs: 1}}
""",
    "searched.yaml": """
name: searched
seeds: 1
training_images: 300
models:
  ffnn: {baseline: {hidden_sizes: [16], epochs: 1}}
sensitivity:
  seeds: 1
  grids: {ffnn: {dropout: [0.1, 0.2]}}
tuning:
  epochs: 1
  space: {ffnn: {dropout: {low: 0.0, high: 0.5}}}
""",
    "away.yaml": """
name: away
seeds: 1
training_images: 300
models:
  ffnn: {baseline: {hidden_sizes: [16], epochs: 1}}
""",
}
