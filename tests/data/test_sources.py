"""Where the data comes from: the order of places, what is named and what is passed over."""

import pickle
from pathlib import Path

import pytest

from fashion_compare.data import sources
from fashion_compare.data.download import NoMirrorReachable
from fashion_compare.data.sources import FILE_NAMES, find_local, resolve
from fashion_compare.errors import DataError

# Port 9 (discard) on loopback: refused at once, whatever the network outside.
CLOSED = ("https://127.0.0.1:9/",)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a home, a cache and a working directory of its own, and no way out."""
    for name in ("FASHION_MNIST_DIR", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    install(monkeypatch, tmp_path / "site-packages")
    return tmp_path


def install(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Let the module believe that it was installed under `root`."""
    monkeypatch.setattr(sources, "__file__", str(root / "src" / "fashion_compare" / "data" / "sources.py"))


def fill(directory: Path, names: tuple[str, ...] = FILE_NAMES, suffix: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / f"{name}{suffix}").write_bytes(b"not read by these tests")
    return directory


def auto(**settings: object) -> sources.Source:
    return resolve("auto", announce=lambda _line: None, mirrors=CLOSED, **settings)


def checkout(monkeypatch: pytest.MonkeyPatch, root: Path, name: str = "fashion-compare") -> None:
    root.mkdir()
    (root / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    install(monkeypatch, root)


def test_the_order_of_places(home, monkeypatch):
    """Of several copies the first in the documented order is taken."""
    checkout(monkeypatch, home / "checkout")
    monkeypatch.setenv("FASHION_MNIST_DIR", str(home / "named"))
    places = [
        ("named", "the local copy named by $FASHION_MNIST_DIR"),
        ("work/data/fashion-mnist", "the local copy in data/fashion-mnist"),
        ("shared/fashion-mnist", "the local copy in ../shared/fashion-mnist"),
        ("cache/fashion-compare/fashion-mnist", "the download in the user cache"),
        ("work/data/FashionMNIST/raw", "torchvision's copy in FashionMNIST/raw"),
        ("work/FashionMNIST/raw", "torchvision's copy in FashionMNIST/raw"),
        ("home/data/FashionMNIST/raw", "torchvision's copy in FashionMNIST/raw"),
        ("home/.keras/datasets/fashion-mnist", "Keras's copy in ~/.keras/datasets/fashion-mnist"),
    ]
    for place, _ in places:
        fill(home / place)
    for place, words in places:
        found = auto()
        assert (found.kind, found.directory) == ("files", home / place)
        assert found.description == words
        assert str(home) not in found.description
        (home / place / FILE_NAMES[2]).unlink()
        monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    with pytest.raises(NoMirrorReachable):
        auto()


DOTTED = ("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("names", [FILE_NAMES, DOTTED], ids=["dash", "dot"])
def test_gzipped_or_not(home, names, suffix):
    """Files count with and without .gz, with a dash before idx or a dot, mixed too."""
    directory = fill(fill(home / "copy", FILE_NAMES[:1]), names[1:], suffix)
    assert resolve(str(directory)).directory == directory
    assert sources.file_in(directory, FILE_NAMES[2]) == directory / f"{names[2]}{suffix}"
    # The published name is taken where both are there.
    fill(directory)
    assert sources.file_in(directory, FILE_NAMES[2]) == directory / FILE_NAMES[2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Train-Images-IDX3-ubyte", FILE_NAMES[0]),
        ("train-labels-idx1-ubyte.zip", FILE_NAMES[1]),
        ("train-images-idx3-ubyte (1).gz", FILE_NAMES[0]),
        ("t10k_labels_idx1_ubyte", FILE_NAMES[3]),
        ("T10K-IMAGES.IDX3-UBYTE.GZ", FILE_NAMES[2]),
    ],
)
def test_a_file_of_almost_the_right_name_is_shown(home, name, expected):
    """With what it should be called; files that are there under their own names are no such."""
    directory = fill(home / "copy", tuple(file for file in FILE_NAMES if file != expected))
    fill(directory, (name, "notes.txt", "results.csv"))
    with pytest.raises(DataError) as caught:
        resolve(str(directory))
    said = f"lacks {expected} (it has {name}, expected {expected} or {expected}.gz); expected the four files"
    assert said in str(caught.value)


def test_shared_is_looked_at_from_a_source_checkout_only(home, monkeypatch):
    """../shared beside an installation, or beside somebody else's project, is not touched."""
    fill(home / "shared" / "fashion-mnist")
    assert find_local() is None
    checkout(monkeypatch, home / "other", "another-project")
    assert find_local() is None
    checkout(monkeypatch, home / "mine")
    found = find_local()
    assert found is not None
    assert found.directory == home / "shared" / "fashion-mnist"


def test_a_named_directory_goes_before_the_environment(home, monkeypatch):
    """--data DIR wins over $FASHION_MNIST_DIR; a relative one is made absolute, ~ is expanded."""
    monkeypatch.setenv("FASHION_MNIST_DIR", str(fill(home / "environment")))
    copy = fill(home / "work" / "copy")
    assert resolve("copy").directory == copy
    assert resolve("copy").description == "the local copy named by --data"
    fill(home / "home" / "copy")
    assert resolve("~/copy").directory == home / "home" / "copy"


@pytest.mark.parametrize("option", ["--data", "$FASHION_MNIST_DIR"])
def test_a_named_directory_without_the_files_is_an_error(home, monkeypatch, option):
    """A directory that is missing, empty or incomplete is named with what it lacks; nothing else is tried."""
    fill(home / "work" / "data" / "fashion-mnist")

    def message(directory: Path) -> str:
        monkeypatch.setenv("FASHION_MNIST_DIR", str(directory))
        with pytest.raises(DataError) as caught:
            resolve(str(directory)) if option == "--data" else auto(synthetic_allowed=True)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert f"{option}: {home / 'none'} is not a directory" in message(home / "none")
    incomplete = message(fill(home / "some", FILE_NAMES[:3]))
    assert f"lacks {FILE_NAMES[3]};" in incomplete
    (home / "empty").mkdir()
    assert message(home / "empty") == (
        f"{option}: {home / 'empty'} lacks {', '.join(FILE_NAMES)}; expected the four files of Fashion-MNIST, unpacked "
        "or .gz; name another directory, or get them with --data auto"
    )
    assert "is not a directory" in message(home / "some" / FILE_NAMES[0])


def test_an_incomplete_copy_in_a_usual_place_is_passed_over_and_named(home):
    """Nobody asked for that place, so the next one is looked at; the user hears of it."""
    passed = fill(home / "work" / "data" / "fashion-mnist", FILE_NAMES[:2])
    keras = fill(home / "home" / ".keras" / "datasets" / "fashion-mnist", suffix=".gz")
    lines: list[str] = []
    found = find_local(lines.append)
    assert found is not None
    assert found.directory == keras
    assert lines == [f"Passing over {passed}: it lacks {FILE_NAMES[2]}, {FILE_NAMES[3]}."]


def test_directories_with_the_files_names_are_no_files(home):
    """Four directories called like the files are no data set."""
    for name in FILE_NAMES:
        (home / "work" / "data" / "fashion-mnist" / name).mkdir(parents=True)
    assert find_local() is None


def test_an_empty_environment_variable_names_nothing(monkeypatch):
    """FASHION_MNIST_DIR= is the same as not set."""
    monkeypatch.setenv("FASHION_MNIST_DIR", "")
    with pytest.raises(NoMirrorReachable):
        auto()


def test_synthetic_reads_and_fetches_nothing(home):
    """--data synthetic is the synthetic data, said aloud, even where a copy lies."""
    fill(home / "work" / "data" / "fashion-mnist")
    lines: list[str] = []
    found = resolve("synthetic", announce=lines.append)
    assert (found.kind, found.directory) == ("synthetic", None)
    said = "Using SYNTHETIC data 'garments', drawn by code: its numbers say nothing about Fashion-MNIST."
    assert lines == [said]


def test_no_mirror_is_one_line_that_says_what_to_do(capsys):
    """Without permission for the synthetic data an unreachable network is an error with the three ways out."""
    with pytest.raises(NoMirrorReachable) as caught:
        resolve("auto", mirrors=CLOSED)
    message = str(caught.value)
    assert "\n" not in message
    assert all(way in message for way in ("--data DIR", "$FASHION_MNIST_DIR", "--data synthetic", "127.0.0.1:9"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "downloading" in captured.err


def test_the_stand_in_only_where_allowed_and_announced():
    """With permission the same unreachable network gives the synthetic data, and the last line says so loudly."""
    lines: list[str] = []
    found = resolve("auto", synthetic_allowed=True, announce=lines.append, mirrors=CLOSED)
    assert found.kind == "synthetic"
    assert lines[-1].startswith("WARNING: no mirror")
    assert lines[-1].endswith(
        "Going on with SYNTHETIC data 'garments', drawn by code: its numbers say nothing about Fashion-MNIST. For the "
        "real data: --data DIR or $FASHION_MNIST_DIR."
    )


def test_the_default_mirrors_go_through_the_proxy(home):
    """https_proxy is honoured: with a closed one even the real mirrors cannot be reached."""
    with pytest.raises(NoMirrorReachable, match=r"storage\.googleapis\.com: Connection refused"):
        resolve("auto", announce=lambda _line: None)


def test_a_source_survives_pickling():
    """Workers get the source by pickle and read the data themselves."""
    found = resolve("synthetic", announce=lambda _line: None)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - its own bytes
