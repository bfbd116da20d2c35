"""A user's file to rows: JSON, JSON Lines, Parquet, Arrow, CSV and XLSX, each row with its number, one at a time.

Text may be packed with gzip or Zstandard; a file without a suffix is what its first bytes say.

A row's number is its place as an editor or a spreadsheet shows it, from 1 and without the header: the line in JSON Lines
(blank lines hold no row), the place in the list in JSON and Parquet, the record or sheet row in CSV and XLSX.

Two characters cannot be carried on: NUL, which many tools end a text at, is removed; a lone surrogate, which UTF-8 cannot
hold, becomes U+FFFD. Both are noted for the row. Nothing else of a text is changed.

NaN, which pandas writes for what is missing, is no value; the text "nan" is a text.

No file is held whole: a file is read once to learn its columns, and again for its rows, with a row or a few in memory.
"""

import codecs
import contextlib
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from builder.errors import InputFileError
from builder.foreign.unpacking import open_bytes, packing, unpacked_name
from builder.formats import rows as limits
from builder.formats.containers.arrow_rows import open_arrow
from builder.formats.containers.delimiters import DELIMITERS
from builder.formats.containers.json_rows import open_json, open_json_lines
from builder.formats.containers.parquet_rows import open_parquet
from builder.formats.containers.table import open_csv
from builder.formats.row_format import RowError
from builder.formats.rows import Broken, Causes, Container, RowErrors
from builder.language.messages import worded
from builder.store.files import check_name

# Chat rows with tool schemas are about 10 deep.
MAX_DEPTH = 64

_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_CLEANED = worded("NUL characters were removed or lone surrogates replaced")
_GLIMPSED = 6  # characters of a text: one more than `false` has
_KEYS_GLIMPSED = 32  # of an object
_ROWS_BETWEEN_LOOKS = 1000  # at whether the file changed


def _open_xlsx(path: Path) -> Container:
    from builder.formats.containers.workbook import open_xlsx  # openpyxl takes a third of a second to load

    return open_xlsx(path)


_CONTAINERS: Mapping[str, Callable[[Path], Container]] = {
    ".json": open_json,
    ".jsonl": open_json_lines,
    ".ndjson": open_json_lines,
    ".parquet": open_parquet,
    ".arrow": open_arrow,
    ".feather": open_arrow,
    ".csv": open_csv,
    ".tsv": open_csv,
    ".xlsx": _open_xlsx,
}
SUFFIXES = tuple(_CONTAINERS)
_MAGIC = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"\xff\xff\xff\xff": ".arrow", b"PK\3\4": ".xlsx"}
# These are read from their end, or packed already: around them gzip or Zstandard would have to be unpacked to disk.
_UNPACKED_ONLY = (".parquet", ".arrow", ".feather", ".xlsx")


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file whose rows can be read again and again.

    Attributes:
        container: JSON, JSON Lines, Parquet, Arrow, CSV or XLSX; of a table in memory, whose it is.
        details: how it is read where there was a choice: `encoding`, `delimiter`, `quotes`, `sheet`, `other_sheets` (not read),
            `left_out` (columns of pictures and sounds).
        columns: the rows' keys, in the order in which they first appear, each with a glimpse of its first value that is
            not null or an empty list: a list by the keys of its first object, an object by its keys, a text by its first
            characters.
        filled: in how many rows each of them has a value.
        count: how many rows it holds.
        broken: the rows that are left out, where `open_rows` was to leave out what cannot be read.
        left_out: where rows were gathered from messages, how many of these are in no row, by cause.
    """

    path: Path
    container: str
    details: Mapping[str, str]
    columns: Mapping[str, Any]
    filled: Mapping[str, int]
    count: int
    broken: Causes
    _rows: Callable[[], Iterator["CheckedRow"]]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def rows(self) -> Iterator["CheckedRow"]:
        """Read the rows from the first one on.

        Raises:
            InputFileError: the file has changed, or can no longer be read; at the end, where broken rows are not left out, all
                of these.
        """
        return self._rows()


class CheckedRow(NamedTuple):
    """One row.

    Attributes:
        number: from 1, as the file's reader counts.
        values: key → value.
        note: what was changed on the way in, or an empty text.
        nan: whether it held NaN, which is read as no value.
    """

    number: int
    values: dict[str, Any]
    note: str = ""
    nan: bool = False


def open_rows(path: Path, *, skip_broken: bool = False) -> RowFile:
    """Read a file once, to learn what it holds; every row is looked at, none is kept.

    Args:
        skip_broken: leave out rows that cannot be read, and count them.

    Raises:
        InputFileError: no such file, no plain file, an unsupported suffix, an empty file, no rows, a damaged row, a row,
            a document or an archive over the caps, or a file that changed meanwhile.
    """
    state = _check_path(path)
    with _named_errors(path):
        container = _CONTAINERS[_suffix(path)](path)

    return checked_container(path, container, state, skip_broken=skip_broken)


def checked_container(
    path: Path, container: Container, state: os.stat_result | None = None, *, skip_broken: bool = False
) -> RowFile:
    """Look at every row that a container gives.

    Args:
        path: what its rows are named after, and its errors.
        state: of the file that it reads, which must stay as it is; None where it reads none.
        skip_broken: leave out rows that cannot be read, and count them.

    Raises:
        InputFileError: as `open_rows` does.
    """

    def rows() -> Iterator[CheckedRow]:
        return _checked_rows(path, container, state, Causes() if skip_broken else RowErrors(path), known=clean)

    clean = True
    columns: dict[str, Any] = {}
    filled: dict[str, int] = {}
    unseen: set[str] = set()  # columns of which only nulls and empty lists were seen
    count = 0
    broken = Causes()
    for row in _checked_rows(path, container, state, broken if skip_broken else RowErrors(path)):
        count += 1
        clean = clean and not row.note and not row.nan
        if unseen or not row.values.keys() <= columns.keys():
            _note_columns(path, row, columns, unseen)
            filled |= {name: 0 for name in columns if name not in filled}
        for name, value in row.values.items():
            if value is not None and value != "":
                filled[name] += 1
    clean = clean and not broken.rows
    if broken.rows and not count:
        row_number, problem, _ = broken.listed()[0]
        raise InputFileError(path, problem, row=row_number, remedy=worded("None of its rows can be read."))
    if not count:
        raise InputFileError(path, worded("it holds no rows"), remedy=worded("A file needs at least one row of data."))
    return RowFile(path, container.name, container.details, columns, filled, count, broken, rows)


def _note_columns(path: Path, row: CheckedRow, columns: dict[str, Any], unseen: set[str]) -> None:
    for key, value in row.values.items():
        if key not in columns:
            columns[key] = None
            unseen.add(key)
        if key in unseen and value is not None:
            columns[key] = glimpse(value)
            if value != []:
                unseen.remove(key)
    if len(columns) > limits.MAX_COLUMNS:
        raise InputFileError(
            path,
            worded("the rows so far have more than {max_columns:,} columns", max_columns=limits.MAX_COLUMNS),
            row=row.number,
            remedy=worded("Rows of one file must share their columns."),
        )


def glimpse(value: Any) -> Any:
    """As much of a value as tells its kind."""
    if isinstance(value, str):
        return value.lstrip()[:_GLIMPSED]
    if isinstance(value, list):
        return [glimpse(value[0])] if value and isinstance(value[0], dict) else []
    return dict.fromkeys(islice(value, _KEYS_GLIMPSED)) if isinstance(value, dict) else value


def _check_path(path: Path) -> os.stat_result:
    """The state of a file that can be read as often as needed."""
    check_name(path)
    with _named_errors(path):
        try:
            state = path.stat()
        except FileNotFoundError:
            what = worded("a link to a file that is not there") if path.is_symlink() else "no such file"
            raise InputFileError(path, what) from None
    if stat.S_ISDIR(state.st_mode):
        if (path / "seedbed.yaml").is_file():
            raise InputFileError(path, worded("a dataset folder where a data file was expected"))
        raise InputFileError(
            path, worded("a folder where a data file was expected"), remedy=worded("Name the files in it.")
        )
    if not stat.S_ISREG(state.st_mode):
        raise InputFileError(
            path,
            worded("a pipe or a device where a data file was expected"),
            remedy=worded("Write what it gives to a file first."),
        )
    if state.st_size == 0:
        raise InputFileError(path, worded("the file is empty"))
    return state


def _suffix(path: Path) -> str:
    """The suffix that a file has beside that of its packing, or should have."""
    name = unpacked_name(path)
    suffix = name.suffix.lower() or _found_suffix(path)
    if suffix in SUFFIXES and (suffix not in _UNPACKED_ONLY or not packing(path)):
        return suffix
    if suffix in SUFFIXES:
        remedy: str = worded("Unpack it first: only text is read while it is unpacked.")
        raise InputFileError(
            path,
            worded("{suffix} inside {packing} is not supported", suffix=suffix, packing=packing(path)),
            remedy=remedy,
        )
    remedy = worded("Save it as .xlsx.") if suffix in (".xls", ".ods") else ""
    remedy = worded("Decompress it first.") if suffix in (".zip", ".bz2", ".xz", ".tar", ".tgz") else remedy
    found = name.suffix or worded("a name without a suffix, and bytes of no known format,")
    raise InputFileError(
        path,
        worded("{found} is not supported; supported are {suffixes}", found=found, suffixes=", ".join(SUFFIXES)),
        remedy=remedy,
    )


def _found_suffix(path: Path) -> str:
    """What a file's first bytes say that it is."""
    with open_bytes(path) as file:
        start = file.read(2**16)
    for magic, suffix in _MAGIC.items():
        if start.startswith(magic):
            return suffix
    codec = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    text = start.decode(codec, "replace").lstrip()
    if text.startswith("["):
        return ".json"
    if text.startswith("{"):
        with contextlib.suppress(InputFileError):
            open_json(path)  # rows in one object; else each object is a row
            return ".json"
        return ".jsonl"
    header, _, below = text.partition("\n")
    return ".csv" if below and "\0" not in text and any(mark in header for mark in DELIMITERS) else ""


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputFileError(path, worded("cannot be read ({strerror})", strerror=error.strerror or error)) from None


def _checked_rows(
    path: Path, container: Container, state: os.stat_result | None, broken: Causes | RowErrors, *, known: bool = False
) -> Iterator[CheckedRow]:
    """The rows with every text usable, as long as the file stays what it was; what is broken is noted, or raised at the end.

    Args:
        known: every row was usable when it was looked at before.
    """
    with _named_errors(path):
        _check_unchanged(path, state)
        try:
            for place, (number, row) in enumerate(container.rows(), 1):
                if isinstance(row, Broken):
                    broken.add(number, row.problem)
                    continue
                try:
                    usable = known or _is_usable(row, 0)
                except RowError as error:
                    broken.add(number, str(error))
                    continue
                yield CheckedRow(number, row) if usable else _cleaned_row(number, row)
                if place % _ROWS_BETWEEN_LOOKS == 0:
                    _check_unchanged(path, state)
        except (InputFileError, UnicodeError):
            _check_unchanged(path, state)  # a file that is being written looks broken
            raise
        _check_unchanged(path, state)
        if isinstance(broken, RowErrors):
            broken.raise_any()


def _check_unchanged(path: Path, state: os.stat_result | None) -> None:
    if state is None:
        return
    now = path.stat()
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (state.st_ino, state.st_size, state.st_mtime_ns):
        raise InputFileError(
            path,
            worded("it changed while it was read"),
            remedy=worded("Run the command again when nothing writes to it any more."),
        )


def _is_usable(value: Any, depth: int) -> bool:
    """Whether no text in a value needs a change, and no number is NaN."""
    if isinstance(value, str):
        return _UNUSABLE.search(value) is None
    if not isinstance(value, dict | list):
        return not _is_nan(value)
    if depth > MAX_DEPTH:
        raise RowError(worded("nested more than {max_depth} levels deep", max_depth=MAX_DEPTH))
    usable = True
    for item in (*value, *value.values()) if isinstance(value, dict) else value:
        if isinstance(item, str):  # nearly all are: a call for each costs as much as reading the file
            usable = usable and _UNUSABLE.search(item) is None
        else:
            usable = _is_usable(item, depth + 1) and usable
    return usable


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _cleaned_row(number: int, row: dict[str, Any]) -> CheckedRow:
    counts: Counter[str] = Counter()
    values = _cleaned(row, counts)
    return CheckedRow(number, values, _CLEANED if counts["characters"] else "", nan=counts["nan"] > 0)


def _cleaned(value: Any, counts: Counter[str]) -> Any:
    """The value without what cannot be carried on; counts the texts that lost `characters`, and `nan`."""
    if isinstance(value, str):
        text = _UNUSABLE.sub(lambda match: "" if match[0] == "\0" else "\ufffd", value)
        counts["characters"] += text != value
        return text
    if isinstance(value, list):
        return [_cleaned(item, counts) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key, counts): _cleaned(item, counts) for key, item in value.items()}
    counts["nan"] += _is_nan(value)
    return None if _is_nan(value) else value
