"""The options by which rows are chosen: those of every command that lists, counts or writes rows."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

# The parameter of a command that stands for all of them.
_CHOSEN = "filters"


def _options(
    kept: Annotated[bool | None, typer.Option("--kept/--dropped", help="Only rows that were kept, or dropped.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows dropped for this reason.")] = None,
    category: Annotated[str | None, typer.Option(help="Only rows of this category.")] = None,
    language: Annotated[str | None, typer.Option(help="Only rows in this language.")] = None,
    origin: Annotated[str | None, typer.Option(help="seed, generated or imported.")] = None,
    search: Annotated[
        str | None,
        typer.Option(help="Only rows that hold these words or characters side by side, in any case or width."),
    ] = None,
    mended: Annotated[bool, typer.Option("--mended", help="Only rows in which something was mended.")] = False,
    rows: Annotated[str | None, typer.Option(help="Only these rows, such as 3,17,40-60, or a file of numbers.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or all rows.")] = "all",
) -> None:
    """One option for each of `builder.queries.selecting.Filters`."""


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter `filters` is given by nine options, in its place."""
    options = inspect.signature(_options).parameters

    @functools.wraps(command)
    def called(**given: Any) -> None:
        from builder.queries.selecting import Filters

        chosen = Filters(**{name: given.pop(name) for name in options})
        command(**given, **{_CHOSEN: chosen})

    signature = inspect.signature(command)
    parameters = [
        one
        for name, parameter in signature.parameters.items()
        for one in (options.values() if name == _CHOSEN else [parameter])
    ]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called
