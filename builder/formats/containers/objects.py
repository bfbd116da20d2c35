"""Tables that are in memory already, to rows: what Polars, pandas, `datasets` and pyarrow hold, and lists of objects.

    file = open_table(frame, "tickets")
    pipeline.curate_files([file, Path("more.jsonl")], …)      sources are tickets#1, tickets#2, …

None of these libraries is loaded for it: who has such an object has loaded its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from builder.errors import InputFileError, UsageError
from builder.formats.containers.arrow_values import ROWS_AT_ONCE, check_columns, numbered_rows
from builder.formats.containers.features import names_alone, readable_schema
from builder.formats.reading import RowFile, checked_container
from builder.formats.rows import Container, NumberedRow, not_an_object
from builder.language.messages import worded

_AT_ONCE = 1_024
_TAKEN = worded("Polars and pandas data frames, `datasets` and pyarrow tables, and lists of objects are read.")

Batches = Callable[[], Iterator[pa.RecordBatch]]


def open_table(table: object, name: str) -> RowFile:
    """An object's rows, as `open_rows` gives a file's; nothing is copied whole, and it must stay as it is while it is read.

    Args:
        table: a Polars or pandas data frame or series of structs, a `datasets.Dataset`, a pyarrow table or batch, or a list of
            objects. pandas' NaN, NaT and NA are no value; a class of `datasets` is its name; pictures and sounds are left out.
        name: what its rows' sources begin with.

    Raises:
        InputFileError: it has no rows, two columns of one name, or a row that is longer than a row may be.
        UsageError: the object is nothing of these.
    """
    path = Path(name)
    return checked_container(path, _container(path, table))


def _container(path: Path, table: object) -> Container:
    library = type(table).__module__.partition(".")[0]
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    if isinstance(table, pl.DataFrame):
        return Container("Polars", partial(_polars_rows, table))
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if isinstance(table, pa.Table):
        return _arrow("Arrow", path, table.schema, partial(table.to_batches, max_chunksize=ROWS_AT_ONCE))
    if library == "pandas" and hasattr(table, "columns") and hasattr(table, "iloc"):
        return Container("pandas", partial(_pandas_rows, path, table))
    if library == "datasets" and hasattr(table, "with_format") and hasattr(table, "num_rows"):
        return _of_datasets(path, table)
    if isinstance(table, list | tuple):
        return Container(worded("a list"), partial(_listed_rows, path, table))
    raise UsageError(
        worded(
            "{path}: {module}.{qualname} is not read as a table",
            path=path,
            module=type(table).__module__,
            qualname=type(table).__qualname__,
        ),
        _TAKEN,
    )


def _arrow(name: str, path: Path, schema: pa.Schema, batches: Batches) -> Container:
    check_columns(path, schema)
    kept, left_out = readable_schema(schema)

    def rows() -> Iterator[NumberedRow]:
        return numbered_rows(path, (names_alone(batch, kept) for batch in batches()), kept)

    return Container(name, rows, {"left_out": ", ".join(left_out)} if left_out else {})


def _of_datasets(path: Path, dataset: Any) -> Container:
    """A `datasets.Dataset`; its features say which numbers are classes."""
    if isinstance(dataset.num_rows, Mapping):
        splits = ", ".join(map(str, dataset))
        raise UsageError(
            worded("{path}: a DatasetDict of the splits {splits}", path=path, splits=splits),
            worded("Open each of its splits by itself."),
        )
    plain = dataset.with_format("arrow")
    schema = dataset.features.arrow_schema

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, dataset.num_rows, _AT_ONCE):
            yield from plain[start : start + _AT_ONCE].to_batches()

    return _arrow("datasets", path, schema, batches)


def _polars_rows(frame: pl.DataFrame) -> Iterator[NumberedRow]:
    rows = (row for piece in frame.iter_slices(_AT_ONCE) for row in piece.to_dicts())
    for number, row in enumerate(rows, 1):
        yield number, {name: _plain(value) for name, value in row.items()}


def _pandas_rows(path: Path, frame: Any) -> Iterator[NumberedRow]:
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise InputFileError(path, worded("two columns have the same name"))
    for start in range(0, len(frame), _AT_ONCE):
        piece = frame.iloc[start : start + _AT_ONCE]
        columns = [piece.iloc[:, place].astype(object).tolist() for place in range(len(names))]
        for number, cells in enumerate(zip(*columns, strict=True), start + 1):
            yield number, {name: _plain(cell) for name, cell in zip(names, cells, strict=True)}


def _listed_rows(path: Path, rows: Sequence[object]) -> Iterator[NumberedRow]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputFileError(path, not_an_object(row), row=number)
        yield number, {str(key): _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    """A value as Python's own: what NumPy and pandas wrap is taken out, what they say is missing is None or NaN."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    if library == "pandas" and kind.__name__ in ("NaTType", "NAType"):
        return None
    if library == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, pl.Series):
        return [_plain(item) for item in value.to_list()]
    return value
