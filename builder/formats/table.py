"""CSV and tab-separated files: their encoding, their delimiter, their header, their rows."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from builder.charsets import UTF_8, find_charset
from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.rows import Container, NumberedRow

DELIMITERS = (",", ";", "\t")
_QUOTES = 'A cell that holds the delimiter, a quote or a line break must stand in quotes, and " in it be "".'


def open_csv(path: Path) -> Container:
    """A table of texts.

    Blank lines hold no row. A row shorter than the header lacks its last columns.

    Raises:
        InputFileError: no encoding that is read, or a line over the caps; reading raises for broken quotes, a row longer than the
            header, two columns of one name.
    """
    codec, encoding = find_charset(path)
    with path.open(encoding=codec, newline="") as file:
        first = next((line for line in _Lines(path, file) if line.strip()), None)
    if first is None:
        raise InputFileError(path, "the file is empty")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _sniff(first)
    details = {} if encoding == UTF_8.name else {"encoding": encoding}
    details |= {} if delimiter == "," else {"delimiter": delimiter}
    return Container("CSV", partial(_rows, path, codec, delimiter), details)


def _sniff(header: str) -> str:
    """The delimiter that splits the header into most columns; a comma where none does."""
    quoted = False
    counts = dict.fromkeys(DELIMITERS, 0)
    for character in header:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in counts:
            counts[character] += 1
    return max(DELIMITERS, key=counts.__getitem__)


class _Lines:
    """A file's lines for the csv module, which would read a record without an end into memory."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file
        self._held = 0  # characters since the last whole record
        self._number = self._first = 0

    def record_ended(self) -> None:
        self._held, self._first = 0, self._number

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(limits.MAX_ROW_BYTES + 1):
            self._number += 1
            self._held += len(line)
            if self._held > limits.MAX_ROW_BYTES:
                raise InputFileError(
                    self._path,
                    f"the record that begins at line {self._first + 1} is longer than"
                    f" {limits.MAX_ROW_BYTES // 2**20:,} Mi characters; is a quote never closed?",
                    remedy=_QUOTES,
                )
            yield line


def _rows(path: Path, codec: str, delimiter: str) -> Iterator[NumberedRow]:
    header: list[str] | None = None
    number = 0
    with path.open(encoding=codec, newline="") as file:
        for record in _records(path, file, delimiter):
            if header is None:
                header = header_names(path, record) if record else None
                continue
            number += 1
            if record:
                yield number, as_row(path, header, record, number)


def _records(path: Path, file: TextIO, delimiter: str) -> Iterator[list[str]]:
    lines = _Lines(path, file)
    # strict: an unclosed quote would otherwise swallow all rows after it
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        # the limit is the whole process's, so that it is raised for the moment of one record
        limit = csv.field_size_limit(limits.MAX_ROW_BYTES)
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise InputFileError(path, f"broken quotes at line {reader.line_num} ({error})", remedy=_QUOTES) from None
        finally:
            csv.field_size_limit(limit)
        if record is None:
            return
        lines.record_ended()
        yield record


def header_names(path: Path, cells: Sequence[str | None]) -> list[str]:
    """Column names from a header; an unnamed column is `column 3`, and unnamed ones at the end are left out.

    Raises:
        InputFileError: two columns have the same name, or there are too many.
    """
    names = [(cell or "").strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise InputFileError(path, "it has no header", remedy="The first row must name the columns.")
    if len(names) > limits.MAX_COLUMNS:
        raise InputFileError(path, f"more than {limits.MAX_COLUMNS:,} columns", remedy="Is its first row the header?")
    names = [name or f"column {number}" for number, name in enumerate(names, 1)]
    counts = Counter(names)
    repeated = next((name for name in names if counts[name] > 1), None)
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
