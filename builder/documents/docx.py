"""DOCX: paragraphs and tables in the order of the body; the file has no pages of its own.

Read as it streams by, without a tree and without laying tables out: 870 bytes can say that a cell spans 10^8 columns, and 4 kB that
it spans 20,000 rows.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

from builder.documents.document import MAX_NODES, MAX_UNPACKED_BYTES, Page, check_length
from builder.errors import InputFileError
from builder.foreign.archives import open_archive, parse_xml
from builder.language.messages import worded

_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",  # strict Open XML
)
# What is not read: how things look (tab stops are called as tabs are), where a text was moved from, how it is pronounced.
_SKIPPED = ("pPr", "rPr", "tblPr", "sectPr", "moveFrom", "rt")
_SECOND_FORM = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"  # of a drawing
_CHARACTERS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-"}
_CONTENTS = "Table of Contents"
MAX_COLUMNS = 16_384  # as in a workbook; Word itself has 63


def read_docx(path: Path) -> tuple[Page, ...]:
    """Paragraphs apart by a blank line, a table's rows as lines, cells separated by ` | `.

    A cell that was merged with the one above it holds the same text; a table of contents is left out.

    Raises:
        InputFileError: damaged, protected or over the caps.
    """
    with closing(open_archive(path, worded("a DOCX file"), MAX_UNPACKED_BYTES)) as archive:
        member = _find_body(path, archive)
        body = _Body(path)
        for _ in parse_xml(path, archive, member, start=body.start, end=body.end, text=body.text):
            pass
    text = "\n\n".join(body.blocks)
    check_length(path, len(text))
    return (Page(None, text),)


def _find_body(path: Path, archive: ZipFile) -> str:
    """The part that holds the text: by its relation, since some programs call it document2.xml."""
    found = []

    def start(_: str, attributes: Mapping[str, str]) -> None:
        if attributes.get("Type", "").endswith("/officeDocument"):
            found.append(attributes.get("Target", "").lstrip("/"))

    names = archive.namelist()
    if "_rels/.rels" in names:
        for _ in parse_xml(path, archive, "_rels/.rels", start=start):
            pass
    for name in (*found, "word/document.xml"):
        if name in names:
            return name
    raise InputFileError(path, worded("not a DOCX file: it holds no document"), remedy=worded("Save it again."))


class _Table:
    """A table while it is read.

    Attributes:
        rows: those that are whole, as lines.
        above: the text of each cell of the row before, by its first column.
    """

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.above: dict[int, str] = {}
        self.row: dict[int, str] = {}
        self.column = 0
        self.span = 1
        self.continues = False
        self.cell: list[str] = []


class _Body:
    """What is read, event by event.

    Attributes:
        blocks: paragraphs and tables that are whole.
    """

    def __init__(self, path: Path) -> None:
        self.blocks: list[str] = []
        self._path = path
        self._nodes = self._characters = 0
        self._paragraphs: list[list[str]] = []  # a text box stands inside a paragraph
        self._tables: list[_Table] = []
        self._skipped = 0  # elements that are open since the one that is skipped
        self._in_text = False
        self._content_controls: list[bool] = []  # those that are open, and whether each is a table of contents

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if self._nodes > MAX_NODES:
            raise InputFileError(
                self._path,
                worded("holds more than {max_nodes:,} elements of XML", max_nodes=MAX_NODES),
                remedy=worded("Split the file."),
            )
        namespace, _, tag = name.rpartition(" ")
        if self._skipped or name == _SECOND_FORM or (tag in _SKIPPED and namespace in _WORD):
            self._skipped += 1
        elif namespace in _WORD:
            self._open(tag, attributes.get(f"{namespace} val", ""), attributes.get(f"{namespace} type", ""))

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        namespace, _, tag = name.rpartition(" ")
        if namespace in _WORD:
            self._close(tag)

    def text(self, characters: str) -> None:
        if self._in_text and not self._skipped:
            self._write(characters)

    def _write(self, characters: str) -> None:
        if self._paragraphs and True not in self._content_controls:
            self._count(len(characters))
            self._paragraphs[-1].append(characters)

    def _count(self, characters: int) -> None:
        self._characters += characters
        check_length(self._path, self._characters)

    def _open(self, tag: str, value: str, kind: str) -> None:
        table = self._tables[-1] if self._tables else None
        match tag:
            case "t":
                self._in_text = True
            case "tab" | "cr" | "noBreakHyphen" if self._paragraphs:
                self._write(_CHARACTERS[tag])
            case "br" if kind in ("", "textWrapping"):
                self._write("\n")
            case "p":
                self._paragraphs.append([])
            case "tbl":
                self._tables.append(_Table())
            case "tr" if table is not None:
                table.row, table.column = {}, 0
            case "gridBefore" if table is not None:
                table.column = self._columns(value)
            case "tc" if table is not None:
                table.cell, table.span, table.continues = [], 1, False
            case "gridSpan" if table is not None:
                table.span = self._columns(value)
            case "vMerge" if table is not None:
                table.continues = value != "restart"
            case "sdt":
                self._content_controls.append(False)
            case "docPartGallery" if self._content_controls:
                self._content_controls[-1] = value == _CONTENTS

    def _close(self, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        match tag:
            case "t":
                self._in_text = False
            case "p" if self._paragraphs:
                self._add("".join(self._paragraphs.pop()).strip())
            case "tc" if table is not None:
                text = " ".join(" ".join(table.cell).split())
                table.row[table.column] = table.above.get(table.column, text) if table.continues else text
                table.column += max(1, table.span)
            case "tr" if table is not None:
                self._count(sum(map(len, table.row.values())))
                table.rows.append(" | ".join(table.row.values()))
                table.above = table.row
            case "tbl" if table is not None:
                self._tables.pop()
                self._add("\n".join(table.rows))
            case "sdt" if self._content_controls:
                self._content_controls.pop()

    def _add(self, block: str) -> None:
        if block:
            (self._tables[-1].cell if self._tables else self.blocks).append(block)

    def _columns(self, value: str) -> int:
        """How many columns something spans."""
        columns = int(value) if value.isdecimal() and len(value) < 12 else 0 if not value else MAX_COLUMNS + 1
        if columns > MAX_COLUMNS:
            raise InputFileError(
                self._path,
                worded(
                    "a cell spans {value} columns; {max_columns:,} at most are read",
                    value=value[:20],
                    max_columns=MAX_COLUMNS,
                ),
                remedy=worded("Save it again."),
            )
        return columns
