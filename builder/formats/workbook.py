"""XLSX workbooks, a row at a time: openpyxl keeps every element it has passed, this keeps the shared texts alone.

xl/workbook.xml       the sheets
xl/sharedStrings.xml  every different text, once
xl/styles.xml         which cells are dates
xl/worksheets/….xml   rows of cells: numbers, or the places of their texts
"""

import posixpath
import re
import zipfile
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel, from_ISO8601

from builder.archives import open_archive, parse_xml
from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.rows import Container, NumberedRow, row_too_long
from builder.formats.table import as_row, header_names

MAX_UNPACKED_BYTES = 2**30
# The shared texts are the one part that is held.
MAX_TEXT_BYTES = 256 * 2**20
MAX_TEXTS = 4_000_000
# A sheet's largest number of rows in Excel.
MAX_ROWS = 1_048_576
# Excel allows 64,000 styles and some hundred sheets.
_MAX_ENTRIES = 65_536

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_PLACE = re.compile("([A-Z]{1,3})([0-9]{1,9})")
_EXPECTED = "Save it as CSV, or split it."


def open_xlsx(path: Path) -> Container:
    """The first visible sheet as a table of texts, and in the details which sheet it is.

    Formulas give the value that was last computed. Rows without any cell hold no row. Row 1 is the one below the header.

    Raises:
        InputFileError: not a workbook, damaged, or larger than the caps.
    """
    with open_archive(path, "an XLSX workbook", MAX_UNPACKED_BYTES) as archive:
        book = _read_book(path, archive)
    sheets = [sheet for sheet in book.sheets if sheet.visible] or book.sheets
    if not sheets:
        raise InputFileError(path, "the workbook has no sheet")
    others = ", ".join(sheet.name for sheet in sheets[1:])
    details = {"sheet": sheets[0].name, "other_sheets": others} if others else {}
    return Container("XLSX", partial(_rows, path, book, sheets[0].member), details)


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    member: str
    visible: bool


@dataclass(slots=True)
class _Book:
    sheets: list[_Sheet] = field(default_factory=list)
    texts: str | None = None
    styles: str | None = None
    from_1904: bool = False


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _read_book(path: Path, archive: zipfile.ZipFile) -> _Book:
    parts = _relations(path, archive, "")
    workbook = next((member for kind, member in parts.values() if kind == "officeDocument"), "xl/workbook.xml")
    relations = _relations(path, archive, workbook)
    book = _Book()

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if _local(name) == "workbookPr":
            book.from_1904 = attributes.get("date1904") in ("1", "true")
        if _local(name) != "sheet":
            return
        kind, member = relations.get(next((v for k, v in attributes.items() if k.endswith(" id")), ""), ("", ""))
        if kind == "worksheet":
            visible = attributes.get("state", "visible") == "visible"
            book.sheets.append(_Sheet(attributes.get("name", ""), member, visible))
            _check_count(path, len(book.sheets), "sheets")

    for _ in parse_xml(path, archive, workbook, start=start):
        pass
    members = {kind: member for kind, member in relations.values() if member in archive.namelist()}
    book.texts, book.styles = members.get("sharedStrings"), members.get("styles")
    return book


def _relations(path: Path, archive: zipfile.ZipFile, member: str) -> dict[str, tuple[str, str]]:
    """What a part of the archive refers to: id → (kind, member)."""
    folder, name = posixpath.split(member)
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if _local(name) == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
            found[attributes.get("Id", "")] = (posixpath.basename(attributes.get("Type", "")), target)
            _check_count(path, len(found), "parts")

    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    if relations in archive.namelist():
        for _ in parse_xml(path, archive, relations, start=start):
            pass
    return found


def _check_count(path: Path, count: int, what: str) -> None:
    if count > _MAX_ENTRIES:
        raise InputFileError(path, f"more than {_MAX_ENTRIES:,} {what}", remedy=_EXPECTED)


class _Texts:
    """The shared texts, as UTF-8 in one block."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, member: str | None) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])
        if member is None:
            return
        phonetic = 0
        reading = False

        def start(name: str, _: Mapping[str, str]) -> None:
            nonlocal phonetic, reading
            phonetic += _local(name) == "rPh"
            reading = _local(name) == "t" and not phonetic

        def text(data: str) -> None:
            if reading:
                self._bytes += data.encode("utf-8", "surrogatepass")

        def end(name: str) -> None:
            nonlocal phonetic, reading
            reading = False
            phonetic -= _local(name) == "rPh"
            if _local(name) == "si":
                self._ends.append(len(self._bytes))
                if len(self._ends) > MAX_TEXTS or len(self._bytes) > MAX_TEXT_BYTES:
                    most = f"{MAX_TEXTS:,} different texts or {MAX_TEXT_BYTES // 2**20} MiB of them"
                    raise InputFileError(path, f"more than {most}", remedy=_EXPECTED)

        for _ in parse_xml(path, archive, member, start=start, end=end, text=text):
            pass

    def get(self, place: int) -> str:
        if not 0 <= place < len(self._ends) - 1:
            raise ValueError(f"no text {place}")
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")


def _date_styles(path: Path, archive: zipfile.ZipFile, member: str | None) -> dict[int, bool]:
    """The styles of cells that hold dates, and whether it is a span of time."""
    formats = dict(BUILTIN_FORMATS)
    styles: list[int] = []
    inside = False

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal inside
        match _local(name):
            case "numFmt":
                formats[int(attributes["numFmtId"])] = attributes["formatCode"]
            case "cellXfs":
                inside = True
            case "xf" if inside:
                styles.append(int(attributes.get("numFmtId", 0)))
        _check_count(path, max(len(styles), len(formats)), "styles")

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and _local(name) != "cellXfs"

    if member is not None:
        for _ in parse_xml(path, archive, member, start=start, end=end):
            pass
    codes = [formats.get(number, "") for number in styles]
    return {number: bool(is_timedelta_format(code)) for number, code in enumerate(codes) if is_date_format(code)}


@dataclass(slots=True)
class _Cell:
    column: int
    kind: str
    style: int
    value: str


class _SheetReader:
    """Collects whole rows while a sheet is parsed: (row from 1, cells)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done: list[tuple[int, list[_Cell]]] = []
        self._row = 0
        self._column = self._size = 0
        self._cells: list[_Cell] = []
        self._cell: _Cell | None = None
        self._pieces: list[str] = []
        self._reading = False
        self._phonetic = 0
        self._names: dict[str, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = self._names.get(name) or self._names.setdefault(name, _local(name))
        if local == "c":
            self._start_cell(attributes)
        elif local in ("v", "t"):
            self._reading = self._cell is not None and not self._phonetic
        elif local == "rPh":
            self._phonetic += 1
        elif local == "row":
            given = attributes.get("r")
            self._row = int(given) if given and int(given) > self._row else self._row + 1
            self._cells, self._column, self._size = [], 0, 0
            if self._row > MAX_ROWS:
                raise InputFileError(self._path, f"more than {MAX_ROWS:,} rows", remedy=_EXPECTED)

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        place = _PLACE.fullmatch(attributes.get("r", ""))
        if place:
            self._column = 0
            for letter in place[1]:
                self._column = self._column * 26 + ord(letter) - 64
        else:
            self._column += 1
        if self._column > limits.MAX_COLUMNS:
            raise InputFileError(
                self._path, f"a cell beyond column {limits.MAX_COLUMNS:,}", row=self._row, remedy=_EXPECTED
            )
        self._cell = _Cell(self._column, attributes.get("t", "n"), int(attributes.get("s") or 0), "")
        self._pieces = []

    def text(self, data: str) -> None:
        if self._reading:
            self._pieces.append(data)
            self._add(len(data))

    def _add(self, size: int) -> None:
        self._size += size
        if self._size > limits.MAX_ROW_BYTES:
            raise row_too_long(self._path, self._row)

    def end(self, name: str) -> None:
        local = self._names.get(name, "")
        if local in ("v", "t"):
            self._reading = False
        elif local == "rPh":
            self._phonetic -= 1
        elif local == "c" and self._cell is not None:
            self._cell.value = "".join(self._pieces)
            if self._cell.value:
                self._add(64)
                self._cells.append(self._cell)
            self._cell = None
        elif local == "row":
            self.done.append((self._row, self._cells))


def _rows(path: Path, book: _Book, member: str) -> Iterator[NumberedRow]:
    header: list[str] | None = None
    header_at = 0
    for index, cells in _sheet_rows(path, book, member):
        if header is None:
            header, header_at = header_names(path, cells), index
        else:
            number = index - header_at
            yield number, as_row(path, header, cells + [None] * (len(header) - len(cells)), number)


def _sheet_rows(path: Path, book: _Book, member: str) -> Iterator[tuple[int, list[str | None]]]:
    """The rows that hold anything, each with its place from 1."""
    with open_archive(path, "an XLSX workbook", MAX_UNPACKED_BYTES) as archive:
        try:
            texts = _Texts(path, archive, book.texts)
            dates = _date_styles(path, archive, book.styles)
            reader = _SheetReader(path)
            for _ in parse_xml(path, archive, member, start=reader.start, end=reader.end, text=reader.text):
                for index, cells in reader.done:
                    values: list[str | None] = [None] * max((cell.column for cell in cells), default=0)
                    size = 0
                    for cell in cells:
                        text = _text(cell, texts, dates, book.from_1904)
                        size += len(text)
                        if size > limits.MAX_ROW_BYTES:
                            raise row_too_long(path, index)
                        values[cell.column - 1] = text
                    if any(values):
                        yield index, values
                reader.done.clear()
        except (ValueError, KeyError) as error:
            raise InputFileError(path, f"a damaged XLSX workbook ({error})", remedy="Save it again.") from None


def _text(cell: _Cell, texts: _Texts, dates: Mapping[int, bool], from_1904: bool) -> str:
    """A cell as a text: what Excel shows for texts and truth, Python's spelling for numbers and dates."""
    match cell.kind:
        case "s":
            return _unescape(texts.get(int(cell.value)))
        case "b":
            return "TRUE" if int(cell.value) else "FALSE"
        case "d":
            return str(from_ISO8601(cell.value))  # type: ignore[no-untyped-call]
        case "n":
            number = float(cell.value) if re.search("[.eE]", cell.value) else int(cell.value)
            if cell.style not in dates:
                return str(number)
            try:
                epoch = MAC_EPOCH if from_1904 else WINDOWS_EPOCH
                return str(from_excel(number, epoch, timedelta=dates[cell.style]))
            except (OverflowError, ValueError):
                return "#VALUE!"
    return _unescape(cell.value)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text
