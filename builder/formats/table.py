"""CSV and tab-separated files: their encoding, their delimiter, their header, their rows."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from builder.errors import InputFileError

DELIMITERS = (",", ";", "\t")
# As long as a line of JSON Lines may be; the csv module's own limit of 131,072 is less than a long document.
MAX_CELL_CHARACTERS = 64 * 2**20

CsvRows = list[tuple[int, dict[str, Any]]]


def read_csv(path: Path, data: bytes) -> tuple[CsvRows, dict[str, str]]:
    """Read a table of texts; returns the numbered rows and how it was read.

    UTF-8 with or without a byte order mark, UTF-16 with one, else GB18030, which Chinese spreadsheets write. Blank lines
    hold no row. A row shorter than the header lacks its last columns.

    Raises:
        InputFileError: no such encoding, broken quotes, a row longer than the header, two columns of one name.
    """
    text, encoding = _decode(path, data)
    if not text.strip():
        raise InputFileError(path, "the file is empty")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _sniff(text)
    records = _records(path, text, delimiter)
    header_at = next((index for index, record in enumerate(records) if record), 0)
    header = header_names(path, records[header_at] if records else [])
    rows = [
        (number, as_row(path, header, record, number))
        for number, record in enumerate(records[header_at + 1 :], 1)
        if record
    ]
    details = {} if encoding == "UTF-8" else {"encoding": encoding}
    return rows, details if delimiter == "," else details | {"delimiter": delimiter}


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        choices = [("utf-16", "UTF-16")]
    else:
        choices = [("utf-8-sig", "UTF-8"), ("gb18030", "GB18030")]
    for codec, name in choices:
        try:
            return data.decode(codec), name
        except UnicodeDecodeError:
            continue
    raise InputFileError(path, f"neither {' nor '.join(name for _, name in choices)}", remedy="Save it as UTF-8.")


def _sniff(text: str) -> str:
    """The delimiter that splits the header into most columns; a comma where none does."""
    header = text.lstrip("\r\n").split("\n", 1)[0]
    quoted = False
    counts = dict.fromkeys(DELIMITERS, 0)
    for character in header:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in counts:
            counts[character] += 1
    return max(DELIMITERS, key=counts.__getitem__)


def _records(path: Path, text: str, delimiter: str) -> list[list[str]]:
    limit = csv.field_size_limit(MAX_CELL_CHARACTERS)
    # strict: an unclosed quote would otherwise swallow all rows after it
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise InputFileError(
            path,
            f"broken quotes at line {reader.line_num} ({error})",
            remedy='A cell that holds the delimiter, a quote or a line break must stand in quotes, and " in it be "".',
        ) from None
    finally:
        csv.field_size_limit(limit)


def header_names(path: Path, cells: Sequence[str | None]) -> list[str]:
    """Column names from a header; an unnamed column is `column 3`, and unnamed ones at the end are left out.

    Raises:
        InputFileError: two columns have the same name.
    """
    names = [(cell or "").strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise InputFileError(path, "it has no header", remedy="The first row must name the columns.")
    names = [name or f"column {number}" for number, name in enumerate(names, 1)]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputFileError(path, f"two columns are named '{repeated}'", remedy="Rename or remove one of them.")
    return names


def as_row(path: Path, header: Sequence[str], cells: Sequence[str | None], number: int) -> dict[str, Any]:
    """A record as a row; only empty cells may stand beyond the header.

    Raises:
        InputFileError: more cells than columns.
    """
    if any(cells[len(header) :]):
        raise InputFileError(
            path,
            f"{len(cells)} cells where the header has {len(header)}",
            row=number,
            remedy="A cell that holds the delimiter must stand in quotes.",
        )
    return dict(zip(header, cells, strict=False))


def format_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV text: a byte order mark, which Excel needs to see UTF-8, and every cell in quotes.

    CSV cannot mark a cell as text, so that a spreadsheet may run `=1+1`; contents go out unchanged all the same. XLSX is
    the format to open in a spreadsheet.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return "\ufeff" + out.getvalue()
