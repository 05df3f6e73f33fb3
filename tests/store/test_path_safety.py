"""Links do not lead a write out of the directory that was named for results."""

from pathlib import Path

import pytest

from fashion_compare.commands.options import check_inside
from fashion_compare.errors import UserError
from fashion_compare.store import refuse_links_out, write_bytes


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study's directory, beside one that is nobody's business."""
    (tmp_path / "runs" / "study" / "cnn").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "runs" / "study"


def test_a_directory_that_leads_out_is_refused(study: Path, tmp_path: Path) -> None:
    """However deep it lies, and whether its target exists or not; the line names it."""
    refuse_links_out(study)
    for target in (tmp_path / "elsewhere", Path("../../../elsewhere"), tmp_path):
        link = study / "cnn" / "baseline"
        link.symlink_to(target)
        with pytest.raises(UserError) as caught:
            refuse_links_out(study)
        said = f"{link} is a symbolic link out of {study}, where nothing is written; remove it, or make it a directory"
        assert str(caught.value) == said
        link.unlink()


def test_links_that_stay_inside_are_fine(study: Path) -> None:
    """A directory under two names; a loop is not walked for ever."""
    (study / "ffnn").symlink_to("cnn")
    (study / "cnn" / "loop").symlink_to(study)
    refuse_links_out(study)


def test_the_named_directory_may_be_a_link(study: Path, tmp_path: Path) -> None:
    """It is what the user chose: results on another disk."""
    (tmp_path / "named").symlink_to(study)
    refuse_links_out(tmp_path / "named")
    check_inside(tmp_path / "named", tmp_path / "named")


def test_a_study_beside_others_may_not(study: Path, tmp_path: Path) -> None:
    """`--out` was named, the study's own directory in it was not."""
    (study.parent / "linked").symlink_to(tmp_path / "elsewhere")
    check_inside(study, study.parent)
    check_inside(study.parent / "not made yet", study.parent)
    with pytest.raises(UserError, match="symbolic link out of"):
        check_inside(study.parent / "linked", study.parent)


def test_a_file_that_is_a_link_is_replaced(study: Path, tmp_path: Path) -> None:
    """What it pointed to stays as it was."""
    target = tmp_path / "elsewhere" / "precious"
    target.write_bytes(b"old")
    (study / "report.html").symlink_to(target)
    refuse_links_out(study)
    write_bytes(study / "report.html", b"new")
    assert target.read_bytes() == b"old"
    assert (study / "report.html").read_bytes() == b"new"
    assert not (study / "report.html").is_symlink()
