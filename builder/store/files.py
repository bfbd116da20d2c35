"""The one place that writes files.

A file is written whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder. What goes into a
dataset folder is noted in its journal before the rename (see `builder.store.journal`).
"""

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import DiskError, InputFileError, SeedbedError, UsageError
from builder.language.messages import worded
from builder.store.journal import Described, note, note_written

# Parquet is read by row group: a page of rows is found in 4 ms, where groups of 10,000 take 12, and a file is as large.
ROWS_PER_GROUP = 2_500

_SPILLED_AT_ONCE = 2**20

# The name says whose it is, so that nothing else is ever taken for one; a long name of the file itself would not fit in.
_TEMPORARY = re.compile(r"\.seedbed-\d+-\d+\.tmp(-journal|-wal|-shm)?")
_numbers = count()

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
_PLACE_ERRORS = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
        *(errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EBUSY, errno.ETXTBSY),
    }
)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or failing disk, or a place that cannot be written, into one clear error."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise _disk_error(path, error) from error
        if error.errno in _PLACE_ERRORS:
            raise UsageError(
                worded("{path}: cannot be written ({strerror})", path=path, strerror=os.strerror(error.errno or 0))
            ) from error
        raise


def system_error(error: OSError) -> SeedbedError | None:
    """What the operating system refused, as an error that names the file; None where it names none: that may be a bug."""
    name = error.filename
    if error.errno in _DISK_ERRORS:
        return _disk_error(name or "the disk", error)
    if isinstance(name, str | bytes | os.PathLike) and error.errno:
        return InputFileError(
            os.fsdecode(name), worded("cannot be used ({strerror})", strerror=os.strerror(error.errno))
        )
    return None


def _disk_error(path: Any, error: OSError) -> DiskError:
    return DiskError(
        f"{path}: {os.strerror(error.errno or 0)}",
        worded("Everything finished before this is valid. Free some space and run the same command again."),
    )


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it is synced and renamed to `path`, else removed.

    Raises:
        DiskError: the disk is full or failing.
    """
    with _in_place_of(path) as temporary:
        yield temporary
        note_written(path, temporary)


@contextlib.contextmanager
def _in_place_of(path: Path) -> Iterator[Path]:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".seedbed-{os.getpid()}-{next(_numbers)}.tmp")
        temporary.unlink(
            missing_ok=True
        )  # of a killed process with this number: it may be another name of a file that stays
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all. Lone surrogates become U+FFFD, since UTF-8 cannot hold them."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all, in the order of its keys, readable Chinese included."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file whole or not at all."""
    with table_writer(path, table.schema) as write:
        write(table)


@contextlib.contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write a Parquet file piece by piece, whole or not at all: yields what appends a table to it.

    The same rows give the same bytes, however they are cut into pieces.
    """
    waiting: list[pa.Table] = []
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):

        def append(table: pa.Table) -> None:
            waiting.append(table)
            if sum(map(len, waiting)) < ROWS_PER_GROUP:
                return
            rows = pa.concat_tables(waiting)
            whole = len(rows) - len(rows) % ROWS_PER_GROUP
            writer.write_table(rows.slice(0, whole), row_group_size=ROWS_PER_GROUP)
            waiting[:] = [rows.slice(whole)]

        yield append
        if any(map(len, waiting)):
            writer.write_table(pa.concat_tables(waiting))


def parquet_file(path: Path) -> pq.ParquetFile:
    """Open a Parquet file for reading; where its pages have checksums, a damaged one is an error and no other text.

    Of 200 flipped bits 200 are noticed that way, and 87 without. Polars and DuckDB (2.1 and 2.0) do not look at the checksums.
    """
    return pq.ParquetFile(path, page_checksum_verification=True)


def spill(stream: BinaryIO, path: Path, told: Callable[[int], None]) -> None:
    """Write what a stream gives to a temporary file, of which its caller takes care.

    Args:
        told: is given the bytes of each block.

    Raises:
        DiskError: it does not fit on the disk.
    """
    with path.open("wb") as file:
        while block := stream.read(_SPILLED_AT_ONCE):
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                if error.errno not in _DISK_ERRORS:
                    raise
                raise DiskError(
                    f"{path}: {os.strerror(error.errno)}",
                    worded("Free some space, or name a folder on a larger disk in TMPDIR, and run the command again."),
                ) from None
            told(len(block))


def keep_copy(path: Path, copy: Path, described: Described | None) -> None:
    """Let a file stay as it is under another name, whatever is written at its own; on one disk no byte is copied.

    Args:
        described: what the file is to be, and its copy with it; a file of which nothing is known has an unknown copy.
    """
    with _in_place_of(copy) as temporary:
        try:
            temporary.hardlink_to(path)
        except OSError:  # a file system without links
            shutil.copyfile(path, temporary)
        note(copy, described)


def remove_file(path: Path) -> None:
    """Remove a file, where there is one; in a dataset folder it is known from then on that it belongs there no more."""
    if path.exists():
        note(path, None)
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_name(path: Path) -> None:
    """Refuse a name that is no text: neither a row's source nor the libraries that read tables can hold it.

    Raises:
        InputFileError: it is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputFileError(
            path, worded("its name is not UTF-8"), remedy=worded("Rename it, or the folder that it is in.")
        ) from None


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that an interrupted write of ours left behind."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_temporary_files(root: Path) -> None:
    """Remove what an interrupted write left behind."""
    for path in root.rglob(".seedbed-*.tmp*"):
        if is_temporary(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)
