"""CSV and tab-separated files: their encoding, their delimiter, their header, their rows."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TextIO

from builder.errors import InputFileError
from builder.foreign.charsets import UTF_8, find_charset
from builder.foreign.unpacking import open_text, unpacked_name
from builder.formats import rows as limits
from builder.formats.containers.delimiters import DELIMITERS, Layout, find_layout
from builder.formats.rows import Broken, Container, NumberedRow
from builder.language.messages import worded

_LINES_SNIFFED = 20
_QUOTES = worded('A cell that holds the delimiter, a quote or a line break must stand in quotes, and " in it be "".')


def open_csv(path: Path) -> Container:
    """A table of texts.

    Blank lines hold no row. A row shorter than the header lacks its last columns.

    Raises:
        InputFileError: no encoding that is read, or a line over the caps; reading raises for broken quotes, a row longer than the
            header, two columns of one name.
    """
    codec, encoding = find_charset(path)
    with open_text(path, codec, newline="") as file:
        first = next((line for line in _Lines(path, file) if line.strip()), None)
    layout = None if first is None else find_layout(path, codec)
    if layout is None:
        raise InputFileError(path, worded("the file is empty"))
    details = {} if encoding == UTF_8.name else {"encoding": encoding}
    details |= {} if layout.delimiter == "," else {"delimiter": layout.delimiter}
    details |= {} if layout.quote == '"' else {"quotes": layout.quote or "none"}
    return Container("CSV", partial(_rows, path, codec, layout), details)


def open_records(path: Path) -> Callable[[], Iterator[tuple[int, list[str | None]]]]:
    """What reads a table's records as they stand, no header presumed, each with its number from 1; blank ones hold nothing.

    Raises:
        InputFileError: as `open_csv` does.
    """
    codec, _ = find_charset(path)
    with open_text(path, codec, newline="") as file:
        lines = [line for line in islice(_Lines(path, file), _LINES_SNIFFED) if line.strip()]
    layout = find_layout(path, codec) if lines else None
    if layout is None:
        raise InputFileError(path, worded("the file is empty"))
    if not layout.has_hint and unpacked_name(path).suffix.lower() != ".tsv":
        layout = Layout(_sniff(lines), '"')

    def records() -> Iterator[tuple[int, list[str | None]]]:
        with open_text(path, codec, newline="") as file:
            for number, record in enumerate(_records(path, file, layout), 1):
                cells: list[str | None] = [cell if cell.strip() else None for cell in record]
                if any(cells) and not (layout.has_hint and number == 1):
                    yield number, cells

    return records


def _sniff(lines: Sequence[str]) -> str:
    """The delimiter that splits most lines into as many cells, of these into most: titles have none, and texts now more, now fewer."""

    def rank(delimiter: str) -> tuple[int, int]:
        counts = Counter(count for line in lines if (count := _outside_quotes(line, delimiter)))
        return max(((alike, count) for count, alike in counts.items()), default=(0, 0))

    return max(DELIMITERS, key=rank)


def _outside_quotes(line: str, delimiter: str) -> int:
    return sum(part.count(delimiter) for part in line.split('"')[::2])


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
                    worded(
                        "the record that begins at line {first} is longer than {max_row_bytes:,} Mi characters; is a "
                        "quote never closed?",
                        first=self._first + 1,
                        max_row_bytes=limits.MAX_ROW_BYTES // 2**20,
                    ),
                    remedy=_QUOTES,
                )
            yield line


def _rows(path: Path, codec: str, layout: Layout) -> Iterator[NumberedRow]:
    header: list[str] | None = None
    number = 0
    with open_text(path, codec, newline="") as file:
        for record in islice(_records(path, file, layout), int(layout.has_hint), None):
            if header is None:
                header = header_names(path, record) if record else None
                continue
            number += 1
            if record:
                yield number, as_row(header, record)


def _records(path: Path, file: TextIO, layout: Layout) -> Iterator[list[str]]:
    lines = _Lines(path, file)
    # strict: an unclosed quote would otherwise swallow all rows after it
    quoting: Literal[0, 3] = csv.QUOTE_NONE if layout.quote is None else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=layout.delimiter, quotechar=layout.quote, quoting=quoting, strict=True)
    while True:
        # the limit is the whole process's, so that it is raised for the moment of one record
        limit = csv.field_size_limit(limits.MAX_ROW_BYTES)
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise InputFileError(
                path,
                worded("broken quotes at line {line_num} ({error})", line_num=reader.line_num, error=error),
                remedy=_QUOTES,
            ) from None
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
        raise InputFileError(path, worded("it has no header"), remedy=worded("The first row must name the columns."))
    if len(names) > limits.MAX_COLUMNS:
        raise InputFileError(
            path,
            worded("more than {max_columns:,} columns", max_columns=limits.MAX_COLUMNS),
            remedy=worded("Is its first row the header?"),
        )
    names = [name or worded("column {number}", number=number) for number, name in enumerate(names, 1)]
    counts = Counter(names)
    repeated = next((name for name in names if counts[name] > 1), None)
    if repeated is not None:
        raise InputFileError(
            path,
            worded("two columns are named '{repeated}'", repeated=repeated),
            remedy=worded("Rename or remove one of them."),
        )
    return names


def as_row(header: Sequence[str], cells: Sequence[str | None]) -> dict[str, Any] | Broken:
    """A record as a row, which is broken where it has more cells than columns; only empty ones may stand beyond the header."""
    if any(cells[len(header) :]):
        return Broken(
            worded(
                "{cells} cells where the header has {header}; a cell that holds the delimiter must stand in quotes",
                cells=len(cells),
                header=len(header),
            )
        )
    return dict(zip(header, cells, strict=False))


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """CSV text: a byte order mark, which Excel needs to see UTF-8, and every cell in quotes.

    CSV cannot mark a cell as text, so that a spreadsheet may run `=1+1`; contents go out unchanged all the same. XLSX is
    the format to open in a spreadsheet.
    """
    file.write("\ufeff")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
