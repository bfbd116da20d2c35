"""The command's table of contents, and the one place where errors become messages and exit codes."""

import contextlib
import functools
import importlib.util
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import IO, Annotated, Any, NoReturn

import typer
import typer.core

from builder import __version__
from builder.cli import (
    adding,
    comparing,
    converting,
    datasets,
    estimating,
    exporting,
    judging,
    pushing,
    quality,
    querying,
    rebuilding,
    redacting,
    reviewing,
    rows,
    serving,
    signals,
    training,
    watching,
    whole,
)
from builder.cli.places import with_working_copies
from builder.errors import SeedbedError, UsageError
from builder.language import chinese
from builder.language.messages import worded
from builder.text import visible_json, visible_message

# Typer carries a copy of click that it does not export.
_UsageMistake: type[Any] = typer.BadParameter.__mro__[1]


_UNREAD = 141  # as of a program that the system ends with SIGPIPE, such as `cat` before `head`


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
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        if "--json" in sys.argv:
            _print_error(error.format_message(), "", error.exit_code)
        if not chinese.is_spoken():
            raise
        said = error.format_message().replace("Value error, ", "")
        told = _UsageMistake(chinese.in_chinese(said), error.ctx)
        told.show = functools.partial(_show_mistake, told)
        raise told from None


def _show_mistake(mistake: Any, file: IO[Any] | None = None) -> None:
    """As Typer shows one, in Chinese whole."""
    if mistake.ctx is not None:
        usage = mistake.ctx.get_usage().removeprefix("Usage: ")
        print(f"用法：{usage}\n用 '{mistake.ctx.command_path} -h' 查看说明。\n", file=file or sys.stderr)
    print(visible_message(f"错误：{mistake.format_message()}"), file=file or sys.stderr)


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
weights = typer.Typer(help="The score by which rows are preferred.", no_args_is_help=True)

_COMMANDS = (
    *(whole.demo, whole.run),
    *(
        datasets.init,
        estimating.estimate,
        datasets.build,
        watching.status,
        rebuilding.rebuild,
        converting.convert,
        datasets.curate,
    ),
    *(
        adding.add,
        datasets.report,
        rows.show,
        rows.why,
        reviewing.review,
        comparing.diff,
        querying.query,
        signals.signals,
        exporting.export,
        pushing.push,
        datasets.verify,
    ),
    *(redacting.redact, judging.judge),
    *(training.preview_mask, training.train, training.evaluate, training.score),
)
for _command in _COMMANDS:
    app.command()(with_working_copies(_command))
teacher.command()(serving.serve)
app.add_typer(teacher, name="teacher")
weights.command()(with_working_copies(quality.fit))
app.add_typer(weights, name="quality")


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


def _refuse_windows() -> None:
    if importlib.util.find_spec("fcntl") is None:
        raise UsageError(
            worded("this system has no file locks as Linux and macOS have them, and Seedbed needs them"),
            worded("On Windows, run it inside the Windows Subsystem for Linux (WSL)."),
        )


def main() -> None:
    """Run the command; what a user can mend ends with its message and exit code, a bug with its traceback and 1."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name need not be text; in JSON these escapes are what they mean.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _refuse_windows()
        app(standalone_mode=True)
    except SeedbedError as error:
        _end_with(error)
    except SystemExit as end:
        # Typer makes an exit with 1 of a pipe that nobody reads any more, and one with 130 of Ctrl-C.
        if isinstance(end.__context__, BrokenPipeError):
            _end(_UNREAD)
        stopped = getattr(end.__context__, "__cause__", None)
        if isinstance(stopped, KeyboardInterrupt):
            how = stopped.args[0] if stopped.args else worded("run the same command again to go on")
            print(chinese.told(worded("seedbed: interrupted; {how}", how=how), chinese.spoken()), file=sys.stderr)
        _end(end.code)
    except BrokenPipeError:
        _end(_UNREAD)
    except OSError as error:
        from builder.store.files import system_error

        if (named := system_error(error)) is None:
            raise
        _end_with(named)


def _end_with(error: SeedbedError) -> NoReturn:
    """Say what was wrong, and exit as it asks for."""
    with contextlib.suppress(BrokenPipeError):
        if "--json" in sys.argv:
            _print_error(error.message, error.remedy, error.exit_code)
        message, remedy = (
            visible_message(chinese.told(text, chinese.spoken())) for text in (error.message, error.remedy)
        )
        print(f"seedbed: {message}" + (f"\n  {remedy}" if remedy else ""), file=sys.stderr)
    _end(error.exit_code)


def _print_error(message: str, remedy: str, exit_code: int) -> None:
    print(visible_json(json.dumps({"error": message, "remedy": remedy, "exit_code": exit_code})))


def _end(code: str | int | None) -> NoReturn:
    """Exit; quietly where nobody reads what is still to be written, such as `head` that has seen enough."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            # Without this the interpreter complains while it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code or _UNREAD
    sys.exit(code)
