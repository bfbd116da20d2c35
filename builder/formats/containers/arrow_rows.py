"""Arrow files and streams, as Feather, Polars and `datasets` write them: a batch at a time."""

from functools import partial
from pathlib import Path

from builder.errors import InputFileError
from builder.formats.containers.arrow_values import ROWS_AT_ONCE, check_columns, readable, table_container
from builder.formats.containers.decoding import BASE_MEMORY, check_decodable
from builder.formats.containers.features import readable_schema
from builder.formats.containers.record_batches import arrow_file, batches, is_arrow
from builder.formats.rows import Container, check_row_count
from builder.language.messages import worded

# A batch is read whole, and may be the whole file; text shrinks to a fifth or a tenth.
_MEMORY_A_BYTE = 12


def open_arrow(path: Path) -> Container:
    """The rows of an Arrow file or stream.

    Raises:
        InputFileError: not a readable file, two columns of one name, too many columns, types that are not read, or a
            decompression bomb.
    """
    if not is_arrow(path):
        with path.open("rb") as file:
            old = file.read(4) == b"FEA1"
        remedy = worded("Write it again with a newer program.") if old else ""
        raise InputFileError(
            path,
            (worded("Feather of version 1") if old else worded("neither an Arrow file nor a stream")),
            remedy=remedy,
        )
    check_decodable(path)
    with readable(path, "Arrow"), arrow_file(path) as (schema, _):
        check_columns(path, schema)
    kept, left_out = readable_schema(schema)
    asked = None if kept.equals(schema) else kept.names
    memory = BASE_MEMORY + _MEMORY_A_BYTE * path.stat().st_size
    check_row_count(path, check_decodable(path, columns=asked, at_once=ROWS_AT_ONCE, memory=memory))
    return table_container(
        "Arrow", path, partial(batches, path, asked, ROWS_AT_ONCE), kept, left_out, whole=asked is None
    )
