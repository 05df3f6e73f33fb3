"""Each room of the package imports only from floors below its own, and nothing unsafe is called anywhere."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fashion_compare

PACKAGE = "fashion_compare"
ROOT = Path(fashion_compare.__file__).parent

# Room → floor. `errors`, and the package's own version, are the ground that every room stands on.
FLOORS = {
    "__init__": -1,
    "json_record": -1,
    "errors": -1,
    "store": 0,
    "schedules": 0,
    "signals": 0,
    "transliterate": 0,
    "device": 0,
    "scratch": 0,
    "architectures": 0,
    "validation_errors": 2,
    "data": 1,
    "classifier": 1,
    "training": 2,
    "benchmark": 2,
    "evaluation": 2,
    "explanation": 2,
    "runs": 3,
    "comparison": 3,
    "study": 4,
    "execution": 5,
    "analysis": 6,
    "findings": 8,
    "results": 7,
    "report": 9,
    "console": 10,
    "notebook": 10,
    "commands": 10,
    "streams": 10,
    "cli": 10,
    "__main__": 10,
}
TOP = 10
# What these rooms may import at all besides the standard library: not even the ground.
ALONE = {"scratch": {"numpy"}, "architectures": {"torch"}}


def modules(root: Path) -> list[Path]:
    return sorted(root.rglob("*.py"))


def room_of(path: Path, root: Path) -> str:
    """The folder a module lies in, or its own name at the top of the package."""
    return path.relative_to(root).parts[0].removesuffix(".py")


def imported(path: Path, root: Path) -> Iterator[tuple[str, int]]:
    """Yield each dotted name that a module imports, anywhere in it, and the line."""
    package = [PACKAGE, *path.relative_to(root).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                # `from fashion_compare import store` names a room, `from fashion_compare import __version__` does not.
                yield (f"{base}.{alias.name}" if base == PACKAGE else base), node.lineno


def violations(root: Path) -> list[str]:
    """Say which imports go up, across or outside, as `module:line imports name`."""
    found = []
    for path in modules(root):
        room = room_of(path, root)
        for name, line in imported(path, root):
            top, _, rest = name.partition(".")
            if top == PACKAGE:
                other = rest.partition(".")[0]
                other = other if other in FLOORS else "__init__"
                below = FLOORS[other] < FLOORS[room] or FLOORS[room] == FLOORS[other] == TOP
                fine = other == room or (below and room not in ALONE)
            else:
                fine = room not in ALONE or top in ALONE[room] or top in sys.stdlib_module_names
            if not fine:
                found.append(f"{path.relative_to(root).as_posix()}:{line} imports {name}")
    return found


def test_every_room_has_a_floor():
    """A new room or module at the top of the package says on which floor it stands, before anything else."""
    assert {room_of(path, ROOT) for path in modules(ROOT)} <= set(FLOORS)


def test_imports_go_down():
    """No module imports from its own floor's other rooms or from above, at its top or inside its functions."""
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("store.py", "from fashion_compare.errors import UserError", []),
        ("store.py", "from fashion_compare import data", ["store.py:1 imports fashion_compare.data"]),
        (
            "data/a.py",
            "def f():\n    import fashion_compare.training",
            ["data/a.py:2 imports fashion_compare.training"],
        ),
        ("data/a.py", "from ..classifier import build", ["data/a.py:1 imports fashion_compare.classifier"]),
        ("data/a.py", "from . import b\nfrom .b import c\nfrom fashion_compare.store import d", []),
        (
            "training.py",
            "from fashion_compare.evaluation import e",
            ["training.py:1 imports fashion_compare.evaluation"],
        ),
        ("scratch/a.py", "import numpy, math, torch.nn", ["scratch/a.py:1 imports torch.nn"]),
        ("scratch/a.py", "from fashion_compare import errors", ["scratch/a.py:1 imports fashion_compare.errors"]),
        ("architectures/a.py", "import torch, numpy", ["architectures/a.py:1 imports numpy"]),
        ("cli.py", "from fashion_compare import __version__, console", []),
        ("errors.py", "import fashion_compare.store", ["errors.py:1 imports fashion_compare.store"]),
    ],
)
def test_the_check_sees_an_import(path, text, found, tmp_path):
    """Planted imports are seen wherever and however they are written."""
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    assert violations(tmp_path) == found


def unsafe(tree: ast.AST) -> list[str]:
    """Return what a module uses that runs code from data: pickle in its forms, eval, exec, unsafe loaders."""
    modules_refused = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    calls_refused = {"eval", "exec", "compile", "__import__", "torch.load", "torch.save", "os.system", "os.popen"}
    calls_refused |= {"ssl._create_unverified_context", "ssl.CERT_NONE"}
    calls_refused |= {f"yaml.{name}" for name in ("load", "unsafe_load", "full_load", "load_all")}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in modules_refused]
        elif isinstance(node, ast.ImportFrom) and node.module:
            top = node.module.partition(".")[0]
            imported_names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name for name in imported_names if top in modules_refused or name in calls_refused]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            allows = [
                keyword.arg
                for keyword in node.keywords
                if (keyword.arg in {"allow_pickle", "shell"} and ast.unparse(keyword.value) != "False")
                or (keyword.arg in {"verify", "check_hostname"} and ast.unparse(keyword.value) != "True")
            ]
            found += [called] * (called in calls_refused) + [f"{called}({name}=…)" for name in allows]
    return found


def test_nothing_runs_code_from_data():
    """No pickle, eval, exec, torch.load, yaml.load or allow_pickle=True in any module."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in modules(ROOT)}
    assert {str(path.relative_to(ROOT)): found for path, tree in trees.items() if (found := unsafe(tree))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n    import joblib",
        "eval('1')",
        "exec('1')",
        "import torch\ntorch.load('x')",
        "from torch import load",
        "yaml.load(text, Loader)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "subprocess.run(text, shell=True)",
        "requests.get(url, verify=False)",
        "ssl._create_unverified_context()",
        "os.system('ls')",
    ],
)
def test_the_check_sees_what_is_unsafe(text):
    """Each of them is found when it is there."""
    assert unsafe(ast.parse(text))


@pytest.mark.parametrize(
    "text", ["np.load(path, allow_pickle=False)", "yaml.safe_load(text)", "model.eval()", "re.compile('x')"]
)
def test_the_check_lets_pass_what_is_safe(text):
    """And their harmless namesakes are not."""
    assert unsafe(ast.parse(text)) == []


def test_no_module_is_a_drawer_for_everything():
    """There is no utils.py, helpers.py or common.py: a helper lives beside its user."""
    assert not {"utils", "util", "helpers", "common", "misc"} & {path.stem for path in modules(ROOT)}
