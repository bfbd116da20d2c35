"""DOCX: paragraphs and tables in the order of the body; the file has no pages of its own."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from builder.documents.document import Page, check_length, check_parts, parsing, read_bytes

if TYPE_CHECKING:
    from docx.table import Table


def read_docx(path: Path) -> tuple[Page, ...]:
    """Paragraphs apart by a blank line, a table's rows as lines, cells separated by ` | `.

    Raises:
        InputFileError: damaged, protected or over the caps.
        UsageError: the extra `documents` is not installed.
    """
    data = read_bytes(path)
    check_parts(path)
    with parsing(path, "DOCX"):
        from docx import Document
        from docx.table import Table

        blocks = [
            "\n".join(_rows(block)) if isinstance(block, Table) else block.text.strip()
            for block in Document(BytesIO(data)).iter_inner_content()
        ]
    text = "\n\n".join(block for block in blocks if block)
    check_length(path, len(text))
    return (Page(None, text),)


def _rows(table: "Table") -> Iterator[str]:
    for row in table.rows:
        cells, texts, place = row.cells, [], 0
        while place < len(cells):
            texts.append(" ".join(cells[place].text.split()))
            place += cells[place].grid_span  # a merged cell comes once for each column that it spans
        yield " | ".join(texts)
