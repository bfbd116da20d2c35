"""XLSX workbooks: read with caps, since a small archive can unpack to gigabytes; written so that every cell is text."""

import contextlib
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import Cell, WriteOnlyCell

from builder.errors import InputFileError
from builder.formats.table import as_row, header_names

# A 366 KB workbook took 561 MB of memory; unpacked XML needs about 2 to 5 times its size.
MAX_UNPACKED_BYTES = 256 * 2**20
# A sheet's largest number of rows in Excel.
MAX_ROWS = 1_048_576
# Padding to far columns counts: 1,048,576 rows with one cell in the last column would be 17 billion.
MAX_CELLS = 20_000_000
# Excel's limit for one cell, in UTF-16 units.
MAX_CELL_UNITS = 32_767

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
# XML cannot hold these, and turns a carriage return into a line feed.
_UNSAFE = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def read_xlsx(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], dict[str, str]]:
    """Read the first visible sheet as a table of texts; returns the numbered rows and which sheet it was.

    Formulas give the value that was last computed. Rows without any cell hold no row. Row 1 is the one below the header.

    Raises:
        InputFileError: not a workbook, larger than the caps, or a row longer than the header.
    """
    _check_archive(path)
    # openpyxl leaves a file of its own open where the workbook is damaged
    with path.open("rb") as file, _unreadable(path), warnings.catch_warnings():
        # openpyxl warns about styles and extensions that do not touch the cells' values
        warnings.simplefilter("ignore", UserWarning)
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
        with contextlib.closing(workbook):
            sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"] or workbook.worksheets
            if not sheets:
                raise InputFileError(path, "the workbook has no sheet")
            rows = _rows(path, sheets[0])
            names = [sheet.title for sheet in sheets]
    if len(names) == 1:
        return rows, {}
    return rows, {"sheet": names[0], "other_sheets": ", ".join(names[1:])}


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise InputFileError(
            path, "not an XLSX workbook (or one with a password)", remedy="Save it as .xlsx without a password."
        ) from None
    if unpacked > MAX_UNPACKED_BYTES:
        raise InputFileError(
            path,
            f"unpacks to {unpacked / 2**20:,.0f} MiB; the limit is {MAX_UNPACKED_BYTES // 2**20} MiB",
            remedy="Save it as CSV, or split it.",
        )


@contextlib.contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    """A damaged workbook raises whatever openpyxl, the XML parser or zlib stumbles over."""
    try:
        yield
    except (InputFileError, MemoryError):
        raise
    except Exception as error:
        raise InputFileError(path, f"a damaged XLSX workbook ({type(error).__name__}: {error})") from None


def _rows(path: Path, sheet: Any) -> list[tuple[int, dict[str, Any]]]:
    # the size that a sheet states may be too small, and rows beyond it would vanish
    sheet.reset_dimensions()
    header: list[str] | None = None
    header_at = cells = 0
    rows = []
    for index, values in enumerate(sheet.iter_rows(values_only=True)):
        cells += len(values)
        if index >= MAX_ROWS or cells > MAX_CELLS:
            limits = f"{MAX_ROWS:,} rows or {MAX_CELLS:,} cells"
            raise InputFileError(path, f"more than {limits}", remedy="Save it as CSV, or split it.")
        if all(value is None or value == "" for value in values):
            continue
        texts = [_text(value) for value in values]
        if header is None:
            header, header_at = header_names(path, texts), index
            continue
        texts += [None] * (len(header) - len(texts))
        rows.append((index - header_at, as_row(path, header, texts, index - header_at)))
    return rows


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).upper()
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), value) if isinstance(value, str) else str(value)


def fits_cell(text: str) -> bool:
    """Whether a text, written as a cell, stays within Excel's limit; openpyxl would cut it silently."""
    escaped = _escape(text)
    return len(escaped) + sum(character > "\uffff" for character in escaped) <= MAX_CELL_UNITS


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda m: f"_x{ord(m[0]):04X}_", text)


def write_xlsx(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one sheet of text cells: `=1+1` stays a text, also when it is edited (quote prefix).

    Characters that XML cannot hold go out as Excel writes them (`_x000D_`). Texts must fit a cell (`fits_cell`).
    """
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("data")
    sheet.append(list(columns))
    for row in rows:
        sheet.append([_text_cell(sheet, text) for text in row])
    workbook.save(path)


def _text_cell(sheet: Any, text: str) -> Cell:
    cell: Cell = WriteOnlyCell(sheet, _escape(text))
    cell.data_type = "s"
    if text.startswith(("=", "+", "-", "@")):
        cell.quotePrefix = True
    return cell
