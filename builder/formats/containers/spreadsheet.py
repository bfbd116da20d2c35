"""XLSX workbooks, written so that every cell is text."""

import re
from collections.abc import Iterable, Sequence
from typing import IO, Any

import openpyxl
from openpyxl.cell import Cell, WriteOnlyCell

# Excel's limit for one cell, in UTF-16 units.
MAX_CELL_UNITS = 32_767

# XML cannot hold these, and turns a carriage return into a line feed.
_UNSAFE = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def fits_cell(text: str) -> bool:
    """Whether a text, written as a cell, stays within Excel's limit; openpyxl would cut it silently."""
    escaped = _escape(text)
    return len(escaped) + sum(character > "\uffff" for character in escaped) <= MAX_CELL_UNITS


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda m: f"_x{ord(m[0]):04X}_", text)


def write_xlsx(file: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one sheet of text cells: `=1+1` stays a text, also when it is edited (quote prefix).

    Characters that XML cannot hold go out as Excel writes them (`_x000D_`). Texts must fit a cell (`fits_cell`).
    """
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("data")
    sheet.append(list(columns))
    for row in rows:
        sheet.append([_text_cell(sheet, text) for text in row])
    workbook.save(file)


def _text_cell(sheet: Any, text: str) -> Cell:
    cell: Cell = WriteOnlyCell(sheet, _escape(text))
    cell.data_type = "s"
    if text.startswith(("=", "+", "-", "@")):
        cell.quotePrefix = True
    return cell
