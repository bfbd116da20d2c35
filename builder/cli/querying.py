"""`seedbed query`: a question of a dataset folder in SQL."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import AsJson, Folder, print_json, say, tell
from builder.errors import UsageError
from builder.language.messages import worded
from builder.text import visible

if TYPE_CHECKING:
    import polars as pl

_ROWS_SHOWN = 50
_NARROWEST = 6  # columns of a terminal that a table's column keeps


def query(
    folder: Folder,
    sql: Annotated[
        str | None,
        typer.Argument(help="One SELECT; without it, the views and their columns are listed.", metavar="SQL"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many rows [50 in a table, else a million].")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the result as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a dataset in SQL (DuckDB's): views rows, verdicts, checks, signals, rejections, groups, requests, reviews.

    Reads only, and only the dataset: seedbed query DIR "select reason, count(*) from verdicts group by all"
    """
    from builder.queries.database import MOST_ROWS, Database

    if as_csv and as_json:
        raise UsageError(worded("--csv and --json: give one of them"))
    with Database.open(folder) as database:
        if sql is None:
            _print_views(database.views(), as_json)
            return
        most = limit or (MOST_ROWS if as_csv or as_json else _ROWS_SHOWN)
        frame = database.sql(sql, most=most + 1)
    more, frame = frame.height > most, frame.head(most)
    if as_json:
        print_json(_finite(frame).to_dicts())
    elif as_csv:
        _print_csv(frame)
    else:
        for line in _table(frame.columns, [[_cell(value) for value in row] for row in frame.iter_rows()], _width()):
            say(line)
    if more and limit is None:
        tell(worded("The first {most:,} rows are shown; --limit shows more", most=most))


def _print_views(views: dict[str, list[str]], as_json: bool) -> None:
    if as_json:
        print_json(views)
        return
    for view, columns in views.items():
        say(f"{view:11} {', '.join(columns)}")


def _print_csv(frame: "pl.DataFrame") -> None:
    """CSV for another program as it is; on a terminal nothing in it is obeyed."""
    import polars as pl

    nested = [name for name, kind in frame.schema.items() if kind.is_nested() or kind == pl.Binary]
    flat = frame.with_columns(
        pl.Series(name, [_cell(value) for value in frame[name].to_list()], dtype=pl.String) for name in nested
    )
    text = flat.write_csv()
    sys.stdout.write(visible(text, "\n\t") if sys.stdout.isatty() else text)


def _finite(frame: "pl.DataFrame") -> "pl.DataFrame":
    """JSON has no word for what is no number, and none for infinity."""
    import polars as pl
    import polars.selectors as cs

    return frame.with_columns(pl.when(cs.float().is_finite()).then(cs.float()).name.keep())


def _cell(value: Any) -> str | None:
    """A value as one line; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)


def _width() -> int:
    """Columns of the terminal; what is written to a file is not cut."""
    asked = sys.stdout.isatty() or "COLUMNS" in os.environ
    return shutil.get_terminal_size((80, 24)).columns if asked else 1_000_000


def _table(names: Sequence[str], rows: Sequence[Sequence[str | None]], width: int) -> Iterator[str]:
    """A table whose widest columns are cut until a line fits; numbers and texts stand as they are read, left."""
    from rich.cells import cell_len, set_cell_size

    lines = [[*names], *([" ".join((cell or "").split()) for cell in row] for row in rows)]
    lines = [[visible(cell) for cell in line] for line in lines]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    lines.insert(1, ["─" * each for each in widths])
    for line in lines:
        cells = [
            cell if cell_len(cell) <= each else f"{set_cell_size(cell, each - 1)}…"
            for cell, each in zip(line, widths, strict=True)
        ]
        yield "  ".join(set_cell_size(cell, each) for cell, each in zip(cells, widths, strict=True)).rstrip()
