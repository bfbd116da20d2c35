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
from datetime import datetime
from functools import partial
from pathlib import Path

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_ISO8601

from builder.errors import InputFileError
from builder.foreign.archives import open_archive, parse_xml
from builder.formats import rows as limits
from builder.formats.containers.merged_cells import FilledDown, Range, merged_ranges
from builder.formats.containers.number_formats import DateFormat, Shown, general, read_format
from builder.formats.containers.sheet_cells import EXPECTED, Cell, SheetReader
from builder.formats.containers.table import as_row, header_names
from builder.formats.rows import Broken, Container, NumberedRow, row_too_long
from builder.language.messages import worded

MAX_UNPACKED_BYTES = 2**30
# The shared texts are the one part that is held.
MAX_TEXT_BYTES = 256 * 2**20
MAX_TEXTS = 4_000_000
# One text that a thousand rows share stands in the file once, and in what is read a thousand times.
MAX_GIVEN_CHARACTERS = 2**28
# Excel allows 64,000 styles and some hundred sheets.
_MAX_ENTRIES = 65_536

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook."""

    name: str
    member: str
    visible: bool


class Workbook:
    """A workbook whose sheets can be read again and again.

    Attributes:
        sheets: in their order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_archive(path, worded("an XLSX workbook"), MAX_UNPACKED_BYTES) as archive:
            self._book = _read_book(path, archive)
        self.sheets = self._book.sheets
        if not self.sheets:
            raise InputFileError(path, worded("the workbook has no sheet"))

    def merged(self, sheet: Sheet) -> list[Range]:
        """The merged ranges of a sheet, from the top."""
        with open_archive(self._path, worded("an XLSX workbook"), MAX_UNPACKED_BYTES) as archive:
            return merged_ranges(self._path, archive, sheet.member)

    def rows(
        self, sheet: Sheet, *, merged: list[Range] | None = None, exact: bool = False
    ) -> Iterator[tuple[int, list[str | None]]]:
        """The rows that hold anything, each with its place from 1.

        Args:
            merged: ranges whose first value is given to the cells below it in rows that hold something of their own; None
                looks for them.
            exact: whether dates are given whole, to be compared, and not as their cells show them.

        Raises:
            InputFileError: damaged, or larger than the caps.
        """
        return _sheet_rows(self._path, self._book, sheet.member, merged, exact)


def open_xlsx(path: Path) -> Container:
    """The first visible sheet as a table of texts, and in the details which sheet it is.

    Formulas give the value that was last computed; numbers are as their cells show them; what is merged holds for all rows of
    the range. Rows without any cell of their own hold no row. Row 1 is the one below the header.

    Raises:
        InputFileError: not a workbook, damaged, or larger than the caps.
    """
    book = Workbook(path)
    sheets = [sheet for sheet in book.sheets if sheet.visible] or book.sheets
    others = ", ".join(sheet.name for sheet in sheets[1:])
    details = {"sheet": sheets[0].name, "other_sheets": others} if others else {}
    return Container("XLSX", partial(_rows, path, book, sheets[0]), details)


@dataclass(slots=True)
class _Book:
    sheets: list[Sheet] = field(default_factory=list)
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
            book.sheets.append(Sheet(attributes.get("name", ""), member, visible))
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
        raise InputFileError(
            path, worded("more than {max_entries:,} {what}", max_entries=_MAX_ENTRIES, what=what), remedy=EXPECTED
        )


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
                    raise InputFileError(path, worded("more than {most}", most=most), remedy=EXPECTED)

        for _ in parse_xml(path, archive, member, start=start, end=end, text=text):
            pass

    def get(self, place: int) -> str:
        if not 0 <= place < len(self._ends) - 1:
            raise ValueError(f"no text {place}")
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")


def _formats(path: Path, archive: zipfile.ZipFile, member: str | None) -> dict[int, DateFormat | Shown]:
    """The styles of cells whose numbers are not shown as they are."""
    codes = dict(BUILTIN_FORMATS)
    styles: list[int] = []
    inside = False

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal inside
        match _local(name):
            case "numFmt":
                codes[int(attributes["numFmtId"])] = attributes["formatCode"]
            case "cellXfs":
                inside = True
            case "xf" if inside:
                styles.append(int(attributes.get("numFmtId", 0)))
        _check_count(path, max(len(styles), len(codes)), "styles")

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and _local(name) != "cellXfs"

    if member is not None:
        for _ in parse_xml(path, archive, member, start=start, end=end):
            pass
    shown = {number: read_format(codes.get(number, "")) for number in set(styles)}
    return {place: form for place, number in enumerate(styles) if (form := shown[number]) is not None}


def _rows(path: Path, book: Workbook, sheet: Sheet) -> Iterator[NumberedRow]:
    header: list[str] | None = None
    header_at = 0
    for index, cells in book.rows(sheet):
        if header is None:
            header, header_at = header_names(path, cells), index
        else:
            number = index - header_at
            row = as_row(header, cells + [None] * (len(header) - len(cells)))
            if isinstance(row, Broken):
                row = Broken(
                    worded(
                        "{cells} cells where the header has {header}; `seedbed convert` finds a header that stands below "
                        "titles and notes",
                        cells=len(cells),
                        header=len(header),
                    )
                )
            yield number, row


def _sheet_rows(
    path: Path, book: _Book, member: str, merged: list[Range] | None, exact: bool
) -> Iterator[tuple[int, list[str | None]]]:
    with open_archive(path, worded("an XLSX workbook"), MAX_UNPACKED_BYTES) as archive:
        try:
            below = FilledDown(merged_ranges(path, archive, member) if merged is None else merged)
            texts = _Texts(path, archive, book.texts)
            formats = _formats(path, archive, book.styles)
            reader = SheetReader(path)
            given = 0
            for _ in parse_xml(path, archive, member, start=reader.start, end=reader.end, text=reader.text):
                for index, cells in reader.done:
                    values: list[str | None] = [None] * max((cell.column for cell in cells), default=0)
                    size = 0
                    for cell in cells:
                        text = _text(cell, texts, formats, MAC_EPOCH if book.from_1904 else WINDOWS_EPOCH, exact)
                        size += len(text)
                        if size > limits.MAX_ROW_BYTES:
                            raise row_too_long(path, index)
                        values[cell.column - 1] = text
                    if not any(values):
                        continue
                    given += size + below.fill(index, values)
                    if given > MAX_GIVEN_CHARACTERS:
                        most = worded(
                            "{max_given_characters} Mi characters", max_given_characters=MAX_GIVEN_CHARACTERS // 2**20
                        )
                        raise InputFileError(
                            path,
                            worded("the cells up to here hold more than {most}", most=most),
                            row=index,
                            remedy=EXPECTED,
                        )
                    yield index, values
                reader.done.clear()
        except (ValueError, KeyError) as error:
            raise InputFileError(
                path, worded("a damaged XLSX workbook ({error})", error=error), remedy=worded("Save it again.")
            ) from None


def _text(cell: Cell, texts: _Texts, formats: Mapping[int, DateFormat | Shown], epoch: datetime, exact: bool) -> str:
    """A cell as a text: what Excel shows for texts, truth, numbers and dates."""
    match cell.kind:
        case "s":
            return _unescape(texts.get(int(cell.value)))
        case "b":
            return "TRUE" if int(cell.value) else "FALSE"
        case "d":
            return str(from_ISO8601(cell.value))  # type: ignore[no-untyped-call]
        case "n":
            number = float(cell.value) if re.search("[.eE]", cell.value) else int(cell.value)
            shown = formats.get(cell.style)
            if shown is None:
                return general(number)
            return shown.shown(number, epoch, exact=exact) if isinstance(shown, DateFormat) else shown(number)
    return _unescape(cell.value)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text
