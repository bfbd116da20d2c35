"""Parquet and Arrow files as record batches; as a script, the reader that may die of them in the place of ours.

A damaged file can end the process that decodes it, and a kilobyte can decode to gigabytes. So every file is decoded first where
that does no harm, in exactly the way in which it will be read: {"path": …, "columns": …, "at_once": 64} is answered with {"rows": …} or
{"unreadable": "ArrowInvalid"}. It imports next to nothing of ours, so that it starts in a quarter of a second.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.foreign.isolation import serve

# Chat rows are 5 deep.
MAX_SCHEMA_DEPTH = 64
_BUFFER_BYTES = 2**18
_PARQUET, _ARROW, _STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does; else it is Arrow's file or stream, if anything."""
    with path.open("rb") as file:
        return file.read(4) == _PARQUET


def is_arrow(path: Path) -> bool:
    """Whether a file begins as Arrow's file or stream does."""
    with path.open("rb") as file:
        start = file.read(6)
    return start == _ARROW or start[:4] == _STREAM


def open_parquet_file(path: Path) -> pq.ParquetFile:
    """Page by page: a group of rows may be the whole file."""
    return pq.ParquetFile(
        path,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,
        schema_depth_limit=MAX_SCHEMA_DEPTH,
        page_checksum_verification=True,
    )


def column_chunks(metadata: pq.FileMetaData) -> Iterator[list[pq.ColumnChunkMetaData]]:
    """What a file says of its columns, for each group of rows; what else it says is asked of no file, since some abort on it."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(place) for place in range(metadata.num_columns)]
        for chunk in chunks:
            _ = chunk.path_in_schema, chunk.num_values, chunk.total_compressed_size, chunk.total_uncompressed_size
            _ = chunk.data_page_offset, chunk.dictionary_page_offset
        yield chunks


@contextmanager
def arrow_file(path: Path) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """An Arrow file or stream: its schema and its batches; not mapped, since a file that shrinks then ends the process."""
    with pa.OSFile(str(path)) as source:
        if source.read(len(_ARROW)) == _ARROW:
            file = pa.ipc.open_file(source)
            yield file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
        else:
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            yield stream.schema, iter(stream)


def batches(path: Path, columns: Sequence[str] | None, at_once: int) -> Iterator[pa.RecordBatch]:
    """A file's rows.

    Args:
        columns: which of them; None is all.
        at_once: rows in a batch; an Arrow file has batches of its own.
    """
    if is_parquet(path):
        with open_parquet_file(path) as file:
            yield from file.iter_batches(batch_size=at_once, columns=columns, use_threads=False)
    else:
        with arrow_file(path) as (_, found):
            for batch in found:
                yield batch if columns is None else batch.select(columns)


def _decode(path: Path, columns: Sequence[str] | None, at_once: int | None) -> int:
    """Read a file to its end, look whether its values are what their types say, and count its rows.

    Args:
        at_once: None reads no rows, and only what the file says of itself.
    """
    count = 0
    if at_once is not None:
        for batch in batches(path, columns, at_once):
            batch.validate(full=True)
            count += len(batch)
    elif is_parquet(path):
        with open_parquet_file(path) as file:
            _ = [file.schema.column(place).path for place in range(len(file.schema))]
            _ = file.schema_arrow, list(column_chunks(file.metadata))
    else:
        with arrow_file(path):
            pass
    return count


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"rows": _decode(Path(request["path"]), request["columns"], request["at_once"])}
    except MemoryError:
        raise
    except Exception as error:
        return {"unreadable": type(error).__name__}


if __name__ == "__main__":
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    serve(_answer)
