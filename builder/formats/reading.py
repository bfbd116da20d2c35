"""A user's file to rows: JSON, JSON Lines, Parquet, CSV and XLSX, each row with its number.

A row's number is its place as an editor or a spreadsheet shows it, from 1 and without the header: the line in JSON Lines
(blank lines hold no row), the place in the list in JSON and Parquet, the record or sheet row in CSV and XLSX.

Two characters cannot be carried on: NUL, which many tools end a text at, is removed; a lone surrogate, which UTF-8 cannot
hold, becomes U+FFFD. Both are noted for the row. Nothing else of a text is changed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import InputFileError
from builder.formats import table
from builder.formats.row_format import kind_of

SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".tsv", ".xlsx")

# One line is one row: the longest context windows are some MB of text.
MAX_LINE_BYTES = 64 * 2**20
# JSON and CSV are read whole, and Python needs 4 to 8 times the text's size for it.
MAX_DOCUMENT_BYTES = 2 * 2**30
# Chat rows with tool schemas are about 10 deep.
MAX_DEPTH = 64

# Enough to see the pattern of what is wrong.
MAX_ERRORS_SHOWN = 20

_UNUSABLE = re.compile("[\0\ud800-\udfff]")
# Keys of a single row whose value is a list, so that the row is not taken for an object around the rows.
_ROW_KEYS = frozenset(
    {
        "messages",
        "conversations",
        "instances",
        "history",
        "tools",
        "functions",
        "prompt",
        "completion",
        "chosen",
        "rejected",
    }
)


@dataclass(frozen=True, slots=True)
class FileRows:
    """What a file holds.

    Attributes:
        container: JSON, JSON Lines, Parquet, CSV or XLSX.
        columns: the rows' keys, in the order in which they first appear.
        rows: the row's number and the row.
        details: how it was read where there was a choice: `encoding`, `delimiter`, `sheet`, `other_sheets` (not read).
        notes: by row number, what was changed on the way in.
    """

    path: Path
    container: str
    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, Any]]]
    details: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)


def read_file(path: Path) -> FileRows:
    """Read all rows of a file.

    Raises:
        InputFileError: no such file, a folder, an unsupported suffix, an empty file, no rows, or a damaged row.
    """
    _check_path(path)
    details: dict[str, str] = {}
    try:
        match path.suffix.lower():
            case ".json":
                container, rows = _read_json(path)
            case ".jsonl" | ".ndjson":
                container, rows = _read_json_lines(path)
            case ".parquet":
                container, rows = "Parquet", list(_read_parquet(path))
            case ".xlsx":
                container = "XLSX"
                from builder.formats import spreadsheet  # openpyxl takes a third of a second to load

                rows, details = spreadsheet.read_xlsx(path)
            case _:
                container = "CSV"
                rows, details = table.read_csv(path, _read_whole(path))
    except OSError as error:
        raise InputFileError(path, f"cannot be read ({error.strerror or error})") from None
    if not rows:
        raise InputFileError(path, "it holds no rows", remedy="A file needs at least one row of data.")
    notes = _make_usable(path, rows)
    columns = tuple(dict.fromkeys(key for _, row in rows for key in row))
    return FileRows(path, container, columns, rows, details, notes)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row's number and the row; raises as `read_file` does."""
    yield from read_file(path).rows


def _check_path(path: Path) -> None:
    if path.is_dir():
        if (path / "seedbed.yaml").is_file():
            raise InputFileError(path, "a dataset folder where a data file was expected")
        raise InputFileError(path, "a folder where a data file was expected", remedy="Name the files in it.")
    if not path.exists():
        raise InputFileError(path, "no such file")
    if path.suffix.lower() not in SUFFIXES:
        remedy = "Save it as .xlsx." if path.suffix.lower() in (".xls", ".ods") else ""
        remedy = "Decompress it first." if path.suffix.lower() in (".gz", ".zip", ".zst", ".bz2", ".xz") else remedy
        found = path.suffix or "a name without a suffix"
        raise InputFileError(path, f"{found} is not supported; supported are {', '.join(SUFFIXES)}", remedy=remedy)
    if path.is_file() and path.stat().st_size == 0:
        raise InputFileError(path, "the file is empty")


def _read_whole(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InputFileError(
            path,
            f"larger than {MAX_DOCUMENT_BYTES // 2**30} GiB, which is too much to read as one document",
            remedy="Write it as JSON Lines (.jsonl) or Parquet.",
        )
    return data


def _decode(path: Path, data: bytes, row: int | None = None) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = "found UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else f"byte {error.start + 1} is not UTF-8"
        raise InputFileError(path, f"JSON must be UTF-8: {found}", row=row, remedy="Save it as UTF-8.") from None


def _read_json(path: Path) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    text = _decode(path, _read_whole(path))
    if not text.strip():
        raise InputFileError(path, "the file is empty")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            return _read_json_lines(path)
        raise InputFileError(path, f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, f"JSON that cannot be read: {_cause(error)}") from None
    rows = _find_list(path, value)
    errors = [(number, _not_an_object(row)) for number, row in enumerate(rows, 1) if not isinstance(row, dict)]
    raise_row_errors(path, errors)
    return "JSON", list(enumerate(rows, 1))


def _cause(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _find_list(path: Path, value: Any) -> list[Any]:
    """The rows of a JSON document: the document itself, or the only list in an object around them."""
    if isinstance(value, list):
        return value
    remedy = 'Expected [ {…}, {…} ], or one object around such a list, as in {"data": [ … ]}.'
    if not isinstance(value, dict):
        raise InputFileError(path, f"the top level is {kind_of(value)}, expected a list of rows", remedy=remedy)
    lists = [key for key, item in value.items() if isinstance(item, list) and key not in _ROW_KEYS]
    if len(lists) != 1 or _ROW_KEYS & value.keys():
        found = (
            f"lists under {', '.join(map(repr, lists))}" if len(lists) > 1 else "an object that is not a list of rows"
        )
        raise InputFileError(path, f"the top level is {found}, expected one list of rows", remedy=remedy)
    rows: list[Any] = value[lists[0]]
    return rows


def _not_an_object(row: Any) -> str:
    return f"the row is {kind_of(row)}, expected an object {{column: value}}"


def _read_json_lines(path: Path) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    rows = []
    errors = []
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
            if len(line) > MAX_LINE_BYTES:
                limit = f"longer than {MAX_LINE_BYTES // 2**20} MiB"
                raise InputFileError(
                    path, f"the line is {limit}", row=number, remedy="Each row needs a line of its own."
                )
            text = _decode(path, line, number).strip("\0 \t\r\n")
            if number == 1 and text.startswith("["):
                return _read_json(path)
            try:
                value = json.loads(text) if text else None
            except json.JSONDecodeError as error:
                errors.append((number, f"not JSON at line {number}, column {error.colno}: {error.msg}"))
            except (ValueError, RecursionError) as error:
                errors.append((number, f"JSON that cannot be read: {_cause(error)}"))
            else:
                if isinstance(value, dict):
                    rows.append((number, value))
                elif text:
                    errors.append((number, _not_an_object(value)))
    raise_row_errors(path, errors)
    return "JSON Lines", rows


def raise_row_errors(path: Path, errors: Sequence[tuple[int, str]], remedy: str = "") -> None:
    """Report all broken rows of a file at once, the first 20 of them by name.

    Raises:
        InputFileError: there is at least one.
    """
    if not errors:
        return
    (row, problem), *others = errors
    lines = [f"\n  row {number}: {text}" for number, text in others[: MAX_ERRORS_SHOWN - 1]]
    if len(errors) > MAX_ERRORS_SHOWN:
        lines.append(f"\n  and {len(errors) - MAX_ERRORS_SHOWN} more rows")
    remedy = remedy or "Mend or remove these rows; nothing was read."
    raise InputFileError(path, problem + "".join(lines), row=row, remedy=remedy)


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                raise InputFileError(path, "two columns have the same name")
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputFileError(path, f"not a readable Parquet file ({type(error).__name__})") from None


def _make_usable(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> dict[int, str]:
    """Replace, in place, what no later step can carry; returns a note for each row that changed."""
    notes = {}
    for index, (number, row) in enumerate(rows):
        usable = _usable(path, row, number, 0)
        if usable is not row:
            rows[index] = (number, usable)
            notes[number] = "NUL characters were removed or lone surrogates replaced"
    return notes


def _usable(path: Path, value: Any, number: int, depth: int) -> Any:
    """The value itself where nothing in it had to change."""
    if isinstance(value, str):
        return _UNUSABLE.sub(lambda m: "" if m[0] == "\0" else "\ufffd", value) if _UNUSABLE.search(value) else value
    if not isinstance(value, dict | list):
        return value
    if depth > MAX_DEPTH:
        raise InputFileError(path, f"nested more than {MAX_DEPTH} levels deep", row=number)
    if isinstance(value, list):
        items = [_usable(path, item, number, depth + 1) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    pairs = [(_usable(path, k, number, depth), _usable(path, v, number, depth + 1)) for k, v in value.items()]
    changed = any(k is not key or v is not old for (k, v), (key, old) in zip(pairs, value.items(), strict=True))
    return dict(pairs) if changed else value
