"""The command line: which commands there are, and how they end."""

import logging
import sys
from typing import Annotated, NoReturn

import typer

from fashion_compare import __version__, transliterate
from fashion_compare.commands import compare, data, explain, models, studies
from fashion_compare.commands.help import Command, Group
from fashion_compare.commands.options import complain
from fashion_compare.errors import UserError

app = typer.Typer(
    name="fashion-compare",
    cls=Group,
    help="Compare a neural network written from scratch with an established CNN on Fashion-MNIST.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    studies.run,
    studies.sensitivity,
    studies.tune,
    studies.report,
    explain.explain,
    studies.status,
    models.train,
    models.bench,
    data.data,
    studies.init,
):
    app.command(cls=Command)(command)
# A side can have any number of files, which the parser's own options cannot.
app.command(cls=Command, context_settings={"ignore_unknown_options": True})(compare.compare)

_INTERRUPTED = 130


def main() -> None:
    """Run the command line: results on stdout, progress on stderr, one line per error, exit 0, 1, 2 or 130."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot print is spelled in ASCII, not an exception.
        stream.reconfigure(errors=transliterate.ERRORS)  # type: ignore[union-attr]
    # What it has to say about its caches and fonts is of no use to anyone who runs a study.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except typer.exceptions.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", app.info.name)
        _fail(f"{error.format_message()} ('{command} --help' lists what there is)", 2)
    # Typer turns Ctrl-C within a command into this exit code.
    if code == _INTERRUPTED:
        _fail("stopped; finished epochs are kept, the same command goes on from there", code)
    sys.exit(code or 0)


def _fail(message: str, code: int) -> NoReturn:
    complain(message)
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
