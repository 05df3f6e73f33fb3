"""The command line: which commands there are, and how they end."""

import logging
import sys
from signal import SIGINT
from typing import Annotated, NoReturn

import typer

from fashion_compare import __version__
from fashion_compare.commands import compare, data, explain, models, studies
from fashion_compare.commands.help import Command, Group
from fashion_compare.commands.options import complain
from fashion_compare.errors import UserError
from fashion_compare.signals import Terminated, handle_signals
from fashion_compare.streams import replace_streams, stdout_failure

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

# Exit codes above are 128 and a signal's number.
_SIGNALLED = 128


def main() -> None:
    """Run the command line: results on stdout, progress on stderr, one line per error, exit as in docs/reference."""
    replace_streams()
    handle_signals()
    # What it has to say about its caches and fonts is of no use to anyone who runs a study.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    code = _run_command()
    if not code and (failure := stdout_failure()):
        _fail(f"cannot write to stdout: {failure.strerror}; make room where it leads, and give the command again", 1)
    sys.exit(code)


def _run_command() -> int:
    """Run what the command line asks for, say in one line what ended it early, and return the exit code."""
    try:
        code = app(standalone_mode=False) or 0
    except UserError as error:
        _fail(str(error), error.exit_code)
    except Terminated as signal:
        code = int(str(signal.code))
    except KeyboardInterrupt:
        code = _SIGNALLED + SIGINT
    except typer.Exit as stop:
        return stop.exit_code
    except typer.exceptions.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", app.info.name)
        _fail(f"{error.format_message()} ('{command} --help' lists what there is)", 2)
    # Typer turns Ctrl-C within a command into this exit code.
    if code > _SIGNALLED:
        _fail("stopped; finished epochs are kept, the same command goes on from there", code)
    return code


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
