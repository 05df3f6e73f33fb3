"""A run directory belongs to one run; its epochs and its end are read back as they were written."""

import json
import re

import pytest

from fashion_compare.errors import UserError
from fashion_compare.store import (
    RunDirectory,
    identity_hash,
    to_json,
    write_bytes,
    write_json,
)
from tests.store.lines import one_line

IDENTITY = {"model": "ffnn", "seed": 1, "configuration": {"learning_rate": 0.1, "epochs": 3}}


def test_the_hash_is_of_what_is_said_not_of_its_order():
    """The keys' order does not matter, any value does; it is the SHA-256 of the sorted JSON line."""
    reordered = {"configuration": {"epochs": 3, "learning_rate": 0.1}, "seed": 1, "model": "ffnn"}
    assert identity_hash(IDENTITY) == identity_hash(reordered)
    assert identity_hash(IDENTITY) != identity_hash(IDENTITY | {"seed": 2})
    # printf '{"a": 1}\n' | sha256sum
    assert identity_hash({"a": 1}) == "e8c628edc9968ef0c668f54e0ba2636b35503357eb1aca0ddc828aeace432f67"


def test_a_claimed_directory_stays_the_same_runs(tmp_path):
    """Claiming it again for the same run changes nothing; the file holds the definition and its hash."""
    directory = RunDirectory(tmp_path / "run")
    directory.claim(IDENTITY)
    first = directory.config.read_bytes()
    directory.claim(dict(reversed(IDENTITY.items())))
    assert directory.config.read_bytes() == first
    assert json.loads(first) == IDENTITY | {"hash": identity_hash(IDENTITY)}


def test_another_run_is_refused_with_both_named(tmp_path):
    """The error names both hashes, the setting that differs and its two values; the directory stays as it is."""
    directory = RunDirectory(tmp_path / "run")
    directory.claim(IDENTITY)
    other = IDENTITY | {"configuration": {"learning_rate": 0.2, "epochs": 3}}
    with pytest.raises(UserError) as caught:
        directory.claim(other)
    message = one_line(caught)
    for part in (
        str(directory.path),
        identity_hash(IDENTITY)[:12],
        identity_hash(other)[:12],
        "configuration.learning_rate is 0.1 there, 0.2 here",
    ):
        assert part in message
    directory.claim(IDENTITY)


@pytest.mark.parametrize(
    ("held", "wanted", "said"),
    [
        ({"seed": 2}, {}, "seed is 2 there, 1 here"),
        ({"configuration": 5}, {}, "configuration is 5 there, {.*} here"),
        ({"configuration": {"epochs": 4}}, {"configuration": {"epochs": 3}}, "configuration.epochs is 4 there, 3 here"),
        ({"format": 2, "seed": 2}, {"format": 2}, "seed is 2 there, 1 here"),
    ],
)
def test_the_line_about_another_run_is_exact(held, wanted, said, tmp_path):
    """Both hashes by their first twelve digits, the setting by its whole name, and what to do."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY | held)
    with pytest.raises(UserError) as caught:
        directory.claim(IDENTITY | wanted)
    line = rf"{tmp_path} holds another run \(hash [0-9a-f]{{12}}, this one [0-9a-f]{{12}}: {said}\); choose another .*"
    assert re.fullmatch(line, one_line(caught))


def test_a_setting_that_only_one_run_has_is_named(tmp_path):
    """A definition with a key more, or one less, is another run."""
    for held, wanted in ((IDENTITY, IDENTITY | {"extra": 1}), (IDENTITY | {"extra": 1}, IDENTITY)):
        directory = RunDirectory(tmp_path / str(len(held)))
        directory.claim(held)
        with pytest.raises(UserError) as caught:
            directory.claim(wanted)
        assert "extra is" in one_line(caught)


def test_an_edited_hash_is_another_run(tmp_path):
    """A config.json whose hash is not that of this run is refused even when its settings look the same."""
    directory = RunDirectory(tmp_path)
    write_json(directory.config, IDENTITY | {"hash": "0" * 64})
    with pytest.raises(UserError) as caught:
        directory.claim(IDENTITY)
    hashes = f"hash {12 * '0'}, this one {identity_hash(IDENTITY)[:12]}"
    assert f"({hashes}: its definition was edited); choose" in one_line(caught)


@pytest.mark.parametrize(
    "held",
    [
        "",
        '{"model": ',
        "{}",
        "[]",
        "null",
        '{"hash": 5}',
    ],
)
def test_a_damaged_config_is_the_users_error(held, tmp_path):
    """Whatever config.json holds instead of a definition, the directory is refused in one line."""
    directory = RunDirectory(tmp_path)
    directory.config.write_text(held)
    with pytest.raises(UserError) as caught:
        directory.claim(IDENTITY)
    assert str(directory.path) in one_line(caught)
    assert directory.config.read_text() == held


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    """Half-written files of the run and of its checkpoint; whole files, and what others call so, stay."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY)
    directory.checkpoint.parent.mkdir()
    write_bytes(directory.checkpoint, b"")
    left = [directory.path / ".config.json.1-a.tmp", directory.checkpoint.parent / ".state.safetensors.1-a.tmp"]
    mine = directory.path / "notes.tmp"
    for path in [*left, mine]:
        path.write_bytes(b"half")
    directory.remove_leftovers()
    assert not any(path.exists() for path in left)
    assert mine.exists()
    assert directory.checkpoint.exists()
    assert directory.claimed_hash() == identity_hash(IDENTITY)


def test_a_run_is_done_when_its_result_is_there(tmp_path):
    """Not before, whatever else has been written."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY)
    write_bytes(directory.weights, b"")
    write_bytes(directory.predictions, b"")
    assert not directory.is_done
    write_json(directory.result, {})
    assert directory.is_done


LOSSES = {"train_loss": 2.302585092994046, "train_accuracy": 0.1, "validation_loss": 2, "validation_accuracy": 0.125}
HISTORY = [
    {"epoch": 0, "objective": None, "seconds": 0.0, "penalty": 0.0, **LOSSES},
    {"epoch": 1, "objective": 0.1, "seconds": 1.5, "penalty": 0.25, **LOSSES},
]


def test_metrics_are_a_json_line_an_epoch(tmp_path):
    """They read back as written; a run that has not begun has none."""
    directory = RunDirectory(tmp_path)
    assert directory.read_metrics() == []
    directory.write_metrics(HISTORY)
    assert [json.loads(line) for line in directory.metrics.read_text().splitlines()] == HISTORY
    assert directory.read_metrics() == HISTORY


def test_a_last_line_without_its_end_is_left_out(tmp_path):
    """As a copy that was stopped has it: cut off at any byte, what is there are the epochs whose lines are whole."""
    directory = RunDirectory(tmp_path)
    directory.write_metrics(HISTORY)
    whole = directory.metrics.read_bytes()
    second = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        directory.metrics.write_bytes(whole[:cut])
        assert directory.read_metrics() == HISTORY[: cut >= second]


@pytest.mark.parametrize(
    "line",
    [
        b"epoch 1",
        b"\xff\xfe",
        b"",
        b"[1]",
        to_json(HISTORY[0], indent=None).encode(),
        to_json(HISTORY[1] | {"train_loss": None}, indent=None).encode(),
        to_json(HISTORY[1] | {"seconds": True}, indent=None).encode(),
        to_json(HISTORY[1], indent=None).encode().replace(b"2.302585092994046", b"NaN"),
        to_json(HISTORY[1], indent=None).encode().replace(b"2.302585092994046", b"1e999"),
        b"[" * 100_000,
    ],
    ids=["text", "bytes", "empty", "list", "epoch 0 again", "no loss", "no number", "NaN", "infinite", "nested"],
)
def test_damaged_metrics_are_the_users_error(line, tmp_path):
    """Whatever stands in an epoch's place: one line that names the file and what to do."""
    directory = RunDirectory(tmp_path)
    directory.metrics.write_bytes(to_json(HISTORY[0], indent=None).encode() + line.rstrip(b"\n") + b"\n")
    with pytest.raises(UserError) as caught:
        directory.read_metrics()
    message = one_line(caught)
    assert str(directory.metrics) in message
    assert "delete" in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (HISTORY[0], "line 2 is not epoch 1's"),
        (HISTORY[1] | {"penalty": None}, "line 2 has no number as penalty"),
    ],
)
def test_a_damaged_line_of_metrics_is_named(line, said, tmp_path):
    """Lines count from one as editors do, epochs from zero."""
    directory = RunDirectory(tmp_path)
    directory.write_metrics([HISTORY[0], line])
    with pytest.raises(UserError) as caught:
        directory.read_metrics()
    assert one_line(caught) == f"{directory.metrics} is damaged ({said}); delete {tmp_path} to train it again"


def test_a_run_of_a_newer_version_is_refused_as_that(tmp_path):
    """Its format is named, and the one known here; one of an older version is this run, and stays as it is."""
    directory = RunDirectory(tmp_path)
    directory.claim(IDENTITY | {"format": 3})
    with pytest.raises(UserError, match=r"newer version of fashion-compare \(format 3, this one knows 2\); update"):
        directory.claim(IDENTITY | {"format": 2})
    before = directory.config.read_bytes()
    directory.claim(IDENTITY | {"format": 4})
    assert directory.config.read_bytes() == before


def test_a_definition_means_the_same_with_its_neutral_settings_named_or_not(tmp_path):
    """A setting at its neutral value may be in either definition or in neither; at another value it is another run."""
    neutral = {"warmup": 0}
    named = IDENTITY | {"configuration": IDENTITY["configuration"] | {"warmup": 0}}
    changed = IDENTITY | {"configuration": IDENTITY["configuration"] | {"warmup": 2}}
    for number, (stored, wanted) in enumerate([(named, IDENTITY), (IDENTITY, named)]):
        directory = RunDirectory(tmp_path / str(number))
        directory.claim(stored)
        directory.claim(wanted, neutral)
        assert json.loads(directory.config.read_bytes())["hash"] == identity_hash(stored)
        with pytest.raises(UserError, match=r"configuration.warmup is 0 there, 2 here"):
            directory.claim(changed, neutral)
