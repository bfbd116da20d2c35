"""Rows to a file, one at a time: JSON, JSON Lines, Parquet, CSV, XLSX; whole or not at all."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from builder.formats.containers.spreadsheet import write_xlsx
from builder.formats.containers.table import write_csv
from builder.published import turn_lists
from builder.store.files import atomic_path, write_table

Row = dict[str, Any]

# Of a Parquet file, made into columns at a time.
_ROWS_AT_A_TIME = 10_000


def write_rows(path: Path, rows: Callable[[], Iterable[Row]], columns: Sequence[str]) -> None:
    """Write rows as the path's ending says.

    Args:
        rows: gives them; Parquet asks twice.
        columns: all that the rows have; a table has an empty cell where a row lacks one.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        _write_parquet(path, rows, columns)
        return
    with atomic_path(path) as temporary:
        if suffix == ".xlsx":
            with temporary.open("wb") as file:
                write_xlsx(file, columns, _cells(rows(), columns))
            return
        # Lone surrogates become a question mark, since UTF-8 cannot hold them.
        with temporary.open("w", encoding="utf-8", errors="replace", newline="") as text:
            if suffix == ".csv":
                write_csv(text, columns, _cells(rows(), columns))
            else:
                text.writelines(_json_array(rows()) if suffix == ".json" else _json_lines(rows()))


def _cells(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[list[str]]:
    return ([row.get(column, "") for column in columns] for row in rows)


def _json_lines(rows: Iterable[Row]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _json_array(rows: Iterable[Row]) -> Iterator[str]:
    """An array in the layout that `files.write_json` gives."""
    before = "[\n"
    for row in rows:
        # Texts hold no line breaks of their own in JSON.
        yield before + " " + json.dumps(row, ensure_ascii=False, indent=1).replace("\n", "\n ")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _write_parquet(path: Path, rows: Callable[[], Iterable[Row]], columns: Sequence[str]) -> None:
    """Turns go out as JSON where some call tools or hold pictures, and tools as JSON text: a struct would mix the parameters of all tools."""
    as_json = {column for row in rows() for column in columns if _are_of_many_forms(row.get(column))}
    remaining = iter(rows())
    tables = []
    while chunk := list(islice(remaining, _ROWS_AT_A_TIME)):
        tables.append(
            pa.table({column: _column(column, [row.get(column) for row in chunk], as_json) for column in columns})
        )
    write_table(path, pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({}))


def _are_of_many_forms(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(turn, dict) and ("tool_calls" in turn or isinstance(turn.get("content"), list)) for turn in value
    )


def _column(column: str, values: Sequence[Any], as_json: set[str]) -> Any:
    if column == "tools":
        return [json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value for value in values]
    return turn_lists(values) if column in as_json else values
