"""The command's table of contents, and the one place where errors become messages and exit codes."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
import typer.core

from builder import __version__, chinese
from builder.cli import (
    adding,
    comparing,
    datasets,
    estimating,
    judging,
    rebuilding,
    redacting,
    rows,
    serving,
    signals,
    training,
    watching,
    whole,
)
from builder.cli.places import with_working_copies
from builder.errors import SeedbedError

# Typer carries a copy of click that it does not export.
_UsageMistake: type[Any] = typer.BadParameter.__mro__[1]


class _Commands(typer.core.TyperGroup):
    """Commands whose mistaken arguments are named in the reader's language."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        with _usage_told():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        with _usage_told():
            return super().invoke(ctx)


@contextlib.contextmanager
def _usage_told() -> Iterator[None]:
    try:
        yield
    except _UsageMistake as error:
        # A command without arguments raises its help.
        if not chinese.is_spoken() or type(error).__name__ == "NoArgsIsHelpError":
            raise
        said = error.format_message().replace("Value error, ", "")
        raise _UsageMistake(chinese.in_chinese(said), error.ctx) from None


app = typer.Typer(
    cls=_Commands,
    help="Grow an instruction-tuning dataset from seed tasks, curate it with a reason for every row, and train on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
teacher = typer.Typer(help="The embedded teacher as a server.", no_args_is_help=True)

_COMMANDS = (
    *(whole.demo, whole.run),
    *(datasets.init, estimating.estimate, datasets.build, watching.status, rebuilding.rebuild, datasets.curate),
    *(
        adding.add,
        datasets.report,
        rows.show,
        rows.why,
        comparing.diff,
        signals.signals,
        datasets.export,
        datasets.verify,
    ),
    *(redacting.redact, judging.judge),
    *(training.preview_mask, training.train, training.evaluate, training.score),
)
for _command in _COMMANDS:
    app.command()(with_working_copies(_command))
teacher.command()(serving.serve)
app.add_typer(teacher, name="teacher")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"seedbed {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; a `SeedbedError` ends with its message and exit code, a bug with its traceback and 1."""
    chinese.start_anew()
    try:
        app(standalone_mode=True)
    except SeedbedError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": error.message, "remedy": error.remedy, "exit_code": error.exit_code}))
        remedy = f"\n  {chinese.told(error.remedy)}" if error.remedy else ""
        print(f"seedbed: {chinese.told(error.message)}{remedy}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as end:
        # Typer makes an exit with 130 of Ctrl-C; what was said with it is behind that.
        stopped = getattr(end.__context__, "__cause__", None)
        if isinstance(stopped, KeyboardInterrupt):
            said = chinese.told(str(stopped) or "run the same command again to go on")
            print(chinese.told(f"seedbed: interrupted; {said}"), file=sys.stderr)
        raise
    except BrokenPipeError:
        # Whoever read our output has seen enough; without this the interpreter complains while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
