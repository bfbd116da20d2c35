"""Parquet, a few rows at a time: a column of one repeated text is small in the file and without end in memory."""

import contextlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.rows import Container, NumberedRow, row_too_long

# Text shrinks to a fifth or a tenth. A column that shrinks to less than a hundredth repeats itself, and one page of it may
# fill the memory before a row is seen.
MAX_COLUMN_BYTES = 256 * 2**20
MAX_RATIO = 100
# Chat rows are 5 deep.
MAX_SCHEMA_DEPTH = 64

# A dictionary of texts is at most 1 MiB as writers make it, so that 64 rows of its longest text are 64 MiB; where it is
# larger, or a column shrank by more than text does, rows are read one by one.
_ROWS_AT_ONCE = 64
_USUAL_RATIO = 20
_USUAL_DICTIONARY = 4 * 2**20
_BUFFER_BYTES = 2**18


def open_parquet(path: Path) -> Container:
    """The rows of a Parquet file.

    Raises:
        InputFileError: not a readable file, two columns of one name, too many columns, or a decompression bomb.
    """
    with _readable(path), _open(path) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise InputFileError(path, "two columns have the same name")
        if len(names) > limits.MAX_COLUMNS:
            raise InputFileError(path, f"more than {limits.MAX_COLUMNS:,} columns", remedy="Leave out what is no data.")
        usual = _check_columns(path, file.metadata)
    return Container("Parquet", partial(_rows, path, _ROWS_AT_ONCE if usual else 1))


def _open(path: Path) -> pq.ParquetFile:
    # page by page: a group of rows may be the whole file
    return pq.ParquetFile(
        path,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,
        schema_depth_limit=MAX_SCHEMA_DEPTH,
        page_checksum_verification=True,
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise InputFileError(path, f"not a readable Parquet file ({type(error).__name__})") from None


def _check_columns(path: Path, metadata: pq.FileMetaData) -> bool:
    """Whether many rows at once are safe; refuses columns that unpack to what no text unpacks to."""
    usual = True
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            ratio = column.total_uncompressed_size / max(column.total_compressed_size, 1)
            if column.total_uncompressed_size > MAX_COLUMN_BYTES and ratio > MAX_RATIO:
                raise InputFileError(
                    path,
                    f"column {column.path_in_schema} unpacks to {column.total_uncompressed_size / 2**20:,.0f} MiB,"
                    f" {ratio:,.0f} times its size",
                    remedy="No text repeats itself so often; if it is meant, write it as JSON Lines.",
                )
            dictionary = column.data_page_offset - (column.dictionary_page_offset or column.data_page_offset)
            usual = usual and ratio <= _USUAL_RATIO and dictionary <= _USUAL_DICTIONARY
    return usual


def _rows(path: Path, at_once: int) -> Iterator[NumberedRow]:
    number = 0
    with _readable(path), _open(path) as file:
        encoded = {field.name: field.type for field in file.schema_arrow if _holds_json(field.type)}
        for batch in file.iter_batches(batch_size=at_once, use_threads=False):
            small = batch.get_total_buffer_size() <= limits.MAX_ROW_BYTES
            pieces = [batch] if small and at_once > 1 else (batch.slice(place, 1) for place in range(len(batch)))
            for piece in pieces:
                if not small and piece.nbytes > limits.MAX_ROW_BYTES:
                    raise row_too_long(path, number + 1)
                for row in piece.to_pylist():
                    number += 1
                    yield number, {name: _decoded(path, number, row[name], encoded.get(name)) for name in row}


def _holds_json(kind: pa.DataType) -> bool:
    """Whether some of a type's values are JSON (`arrow.json`), as `datasets` writes objects of different members."""
    return isinstance(kind, pa.JsonType) or any(_holds_json(kind.field(i).type) for i in range(kind.num_fields))


def _decoded(path: Path, number: int, value: Any, kind: pa.DataType | None) -> Any:
    """A value with what its type says to be JSON read."""
    if value is None or kind is None or not _holds_json(kind):
        return value
    if isinstance(kind, pa.JsonType):
        if value.count("[") + value.count("{") > limits.MAX_NODES:
            raise row_too_long(path, number)
        return json.loads(value)
    if isinstance(value, list):
        return [_decoded(path, number, item, kind.value_type) for item in value]
    return {name: _decoded(path, number, item, kind.field(name).type) for name, item in value.items()}
