"""Parquet, a few rows at a time: a column of one repeated text is small in the file and without end in memory."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import InputFileError
from builder.formats.containers import record_batches
from builder.formats.containers.arrow_values import ROWS_AT_ONCE, check_columns, readable, table_container
from builder.formats.containers.decoding import BASE_MEMORY, check_decodable
from builder.formats.containers.features import readable_schema
from builder.formats.containers.record_batches import batches, open_parquet_file
from builder.formats.rows import Container, check_row_count
from builder.language.messages import worded

# Text shrinks to a fifth or a tenth. Columns that shrink to less than a hundredth repeat themselves, and one page of them may
# fill the memory before a row is seen.
MAX_UNPACKED_BYTES = 256 * 2**20
MAX_RATIO = 100
# A sparse table of a thousand columns has some fifty values a byte.
MAX_VALUES = 100_000_000
MAX_VALUES_A_BYTE = 1_000

# A dictionary of texts is at most 1 MiB as writers make it, so that 64 rows of its longest text are 64 MiB; where it is
# larger, or a column shrank by more than text does, rows are read one by one.
_USUAL_RATIO = 20
_USUAL_DICTIONARY = 4 * 2**20
_PAGE_BYTES = 2 * 2**20  # as writers make them, with what they become


def open_parquet(path: Path) -> Container:
    """The rows of a Parquet file.

    Raises:
        InputFileError: not a readable file, two columns of one name, too many columns, or a decompression bomb.
    """
    check_decodable(path)
    with readable(path, "Parquet"), open_parquet_file(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        leaves = [file.schema.column(place).path for place in range(len(file.schema))]
    check_columns(path, schema)
    check_row_count(path, metadata.num_rows)
    usual, memory = _check_sizes(path, metadata)
    kept, left_out = readable_schema(schema)
    asked = None if kept.equals(schema) else _leaves_of(kept, schema, leaves)
    at_once = ROWS_AT_ONCE if usual else 1
    check_decodable(path, columns=asked, at_once=at_once, memory=memory)
    return table_container("Parquet", path, partial(batches, path, asked, at_once), kept, left_out, whole=asked is None)


def _leaves_of(kept: pa.Schema, schema: pa.Schema, leaves: Sequence[str]) -> list[str]:
    """What is asked for: whole columns, and of pictures their paths alone, so that none of them is decoded."""
    asked: list[str] = []
    for field in kept:
        paths = [leaf for leaf in leaves if leaf.startswith(f"{field.name}.") and leaf.endswith(".path")]
        asked += [field.name] if field.equals(schema.field(field.name)) or not paths else paths
    return asked


def _check_sizes(path: Path, metadata: pq.FileMetaData) -> tuple[bool, int]:
    """Whether many rows at once are safe, and how much memory reading may take; refuses what unpacks to more than texts do."""
    usual, largest, values = True, 0, 0
    for number, columns in enumerate(record_batches.column_chunks(metadata)):
        unpacked = packed = 0
        for column in columns:
            size, ratio = column.total_uncompressed_size, _ratio(column)
            if size > MAX_UNPACKED_BYTES and ratio > MAX_RATIO:
                raise _bomb(path, worded("column {path_in_schema}", path_in_schema=column.path_in_schema), size, ratio)
            unpacked, packed, values = (
                unpacked + size,
                packed + column.total_compressed_size,
                values + column.num_values,
            )
            dictionary = column.data_page_offset - (column.dictionary_page_offset or column.data_page_offset)
            usual = usual and ratio <= _USUAL_RATIO and dictionary <= _USUAL_DICTIONARY
            largest = max(largest, size)
        if unpacked > MAX_UNPACKED_BYTES and unpacked > MAX_RATIO * packed:
            raise _bomb(
                path, worded("group {number} of its rows", number=number + 1), unpacked, unpacked / max(packed, 1)
            )
        largest = max(largest, min(unpacked, metadata.num_columns * _PAGE_BYTES))
    if values > MAX_VALUES and values > MAX_VALUES_A_BYTE * path.stat().st_size:
        raise InputFileError(
            path,
            worded(
                "says that it holds {values:,} values, in {st_size:,} bytes", values=values, st_size=path.stat().st_size
            ),
            remedy=worded("If it is meant, write it as JSON Lines."),
        )
    return usual, BASE_MEMORY + 2 * largest


def _ratio(column: pq.ColumnChunkMetaData) -> float:
    return float(column.total_uncompressed_size / max(column.total_compressed_size, 1))


def _bomb(path: Path, what: str, size: int, ratio: float) -> InputFileError:
    return InputFileError(
        path,
        worded(
            "{what} unpacks to {size:,.0f} MiB, {ratio:,.0f} times its size", what=what, size=size / 2**20, ratio=ratio
        ),
        remedy=worded("No text repeats itself so often; if it is meant, write it as JSON Lines."),
    )
