"""Every command line, Python block and study file of README and docs is executed, or read by the program's parser."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import trustme
import typer
from PIL import Image

from fashion_compare.cli import app
from fashion_compare.errors import UserError
from fashion_compare.study.spec import load_study, parse_study
from tests.documentation.pages import DOCS, PAGES, ROOT, Block, blocks, commands, mentioned, name_of
from tests.documentation.substitutes import COMMANDS, COMPILED, FIRST, SMALLER, STUDIES, UNKNOWN, Instead, Parsed, Start

EXECUTED = [page for page in PAGES if any(block.language in ("bash", "python", "yaml") for block in blocks(page))]


@dataclass
class Desk:
    """A directory that commands are run in, and what was started there."""

    home: Path
    names: dict[str, str]
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """The program on the PATH, a home of its own, and no network but this machine's."""
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR") if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        closed = "http://127.0.0.1:9"
        return kept | {"PATH": path, "HOME": str(self.home), "http_proxy": closed, "https_proxy": closed}

    def run(self, *words: str) -> None:
        done = subprocess.run(
            words, cwd=self.home, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"

    def start(self, *words: str) -> None:
        self.started.append(
            subprocess.Popen(
                words,
                cwd=self.home,
                env=self.environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def stop(self) -> None:
        for process in reversed(self.started):
            process.terminate()
            process.wait(30)
        self.started.clear()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """What a reader has at hand: small studies under the shipped names, predictions, a picture, certificates."""
    home = tmp_path_factory.mktemp("reader")
    for name, text in STUDIES.items():
        (home / name).write_text(text, encoding="utf-8")
    (home / "runs").mkdir()
    for name, directory in (("quick", "quick"), ("default", "quick"), ("mine", "mine")):
        # On the synthetic data a study's directory has a name of its own.
        (home / "runs" / name).symlink_to(f"{directory}-synthetic")
    generator = np.random.default_rng(0)
    labels = generator.integers(10, size=200)
    for name in ("A.npz", "B.npz"):
        np.savez(home / name, labels=labels, logits=generator.normal(size=(200, 10)))
    Image.fromarray(generator.integers(255, size=(60, 50), dtype=np.uint8)).save(home / "coat.png")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(home / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(home / "cert.pem")
    certificate.private_key_pem.write_to_path(home / "key.pem")
    shutil.copytree(ROOT / "scripts", home / "scripts")
    (home / "docs").mkdir()
    ports = {"port": str(free_port()), "tls_port": str(free_port())}
    made = Desk(home, {"tests": str(ROOT / "tests"), **ports})
    made.run(*shlex.split(FIRST))
    yield made
    made.stop()


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.mark.slow
@pytest.mark.timeout(900)  # a page is many commands, and the machine may have other work
@pytest.mark.parametrize("page", EXECUTED, ids=name_of)
def test_what_a_page_says_can_be_done(page: Path, desk: Desk) -> None:
    """Block by block, in order, beside what the other pages left there."""
    for block in blocks(page):
        match block.language:
            case "bash":
                for command in commands(block):
                    do(command, desk)
            case "python":
                do_python(block, desk)
            case "yaml":
                do_study(block, desk)
    desk.stop()


def do(command: str, desk: Desk) -> None:
    match COMMANDS.get(command):
        case None:
            desk.run(*shlex.split(command))
        case Instead(other):
            desk.run(*shlex.split(other.format(**desk.names)))
        case Start(other):
            desk.start(*shlex.split(other.format(**desk.names)))
        case Parsed():
            parse(command, desk.home)


def parse(command: str, home: Path) -> None:
    """Read a command as its program would, and the study that it names."""
    program, *words = shlex.split(command)
    if program.endswith("pip"):
        check_install(words)
        return
    assert Path(program).name == "fashion-compare", command
    name, *rest = words
    group = typer.main.get_command(app)
    context = group.commands[name].make_context(name, rest)
    study = context.params.get("study")
    if study is not None:
        load_study(str(home / study) if study.endswith(".yaml") else study)


def check_install(words: list[str]) -> None:
    """The constraints are there, and so are the extras."""
    assert words[:4] == ["install", "-c", "constraints.txt", "-e"]
    assert (ROOT / words[2]).is_file()
    extras = re.fullmatch(r"\.(?:\[([\w,]+)\])?", words[4])
    assert extras is not None
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set((extras[1] or "test").split(",")) <= known.keys()


def do_python(block: Block, desk: Desk) -> None:
    compile(block.text, block.page, "exec")
    if block.title not in COMPILED:
        desk.run(sys.executable, "-W", "error", "-c", block.text)


def do_study(block: Block, desk: Desk) -> None:
    """Check a study, and leave it where the commands that follow look for it."""
    text = block.text
    for large, small in SMALLER.get(block.title or "", {}).items():
        assert large in text
        text = text.replace(large, small)
    if block.title in UNKNOWN:
        unknown, _ = UNKNOWN[block.title]
        assert unknown in text
        with pytest.raises(Exception, match=unknown):
            parse_study(text, block.page)
        return
    # A part of a study stands here with the least that a study has.
    parse_study(text if "models:" in text else f"name: part\nmodels: {{ffnn: {{}}}}\n{text}", block.page)
    if block.title:
        (desk.home / block.title).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_prose_are_ones_that_the_program_takes(page: Path) -> None:
    """What stands between backticks or indented is read by the program's own parser, with its placeholders.

    A study that it names is a shipped one, or a file beside the page.
    """
    for command in mentioned(page):
        _, name, *words = shlex.split(command)
        if name in ("--help", "--version", "COMMAND") or "[OPTIONS]" in words:
            continue
        group = typer.main.get_command(app)
        assert name in group.commands, command
        if words:
            study = group.commands[name].make_context(name, words).params.get("study")
            # Placeholders are in capitals.
            if study is not None and not study.isupper():
                load_study(str(page.parent / study) if study.endswith(".yaml") else study)


def test_a_study_in_prose_that_is_not_shipped_would_be_noticed(tmp_path: Path) -> None:
    """Neither under a name that no shipped study has, nor as a file that is not there."""
    page = tmp_path / "page.md"
    for study in ("full-without-tuning", "nowhere/study.yaml"):
        page.write_text(f"It is made by\n\n    fashion-compare run {study}\n", encoding="utf-8")
        with pytest.raises(UserError, match=study):
            test_commands_in_prose_are_ones_that_the_program_takes(page)


def test_the_study_of_the_documented_results_is_full_without_tuning() -> None:
    """All else that the shipped study declares is in the file beside the results, whose seeds and settings it has."""
    full, documented = load_study("full"), load_study(str(DOCS / "results" / "study.yaml"))
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    named = {"name": documented.name, "description": documented.description, "tuning": None}
    assert documented == full.model_copy(update=named)
    assert text.startswith(f"# Study “{documented.name}” on fashion-mnist\n\n{documented.description}\n")
    assert f"seeds {', '.join(map(str, documented.seeds))}\n" in text


def test_no_substitute_is_left_over() -> None:
    """Each entry of the tables is for something that the documentation has."""
    found = [block for page in PAGES for block in blocks(page)]
    lines = {command for block in found if block.language == "bash" for command in commands(block)}
    titles = {block.title for block in found}
    assert COMMANDS.keys() <= lines
    assert COMPILED.keys() | SMALLER.keys() | UNKNOWN.keys() <= titles
    assert all(entry.reason for entry in COMMANDS.values())
