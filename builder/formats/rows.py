"""What every container gives: numbered rows, one at a time; and what is the matter with rows, gathered to one message."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from builder.errors import InputFileError
from builder.formats.row_format import kind_of
from builder.language.messages import listed, worded

# One row: the longest context windows are some MB of text. Python objects take up to 24 times the size of their JSON.
MAX_ROW_BYTES = 16 * 2**20
# An empty list takes 3 bytes of JSON and 64 of memory; rows of data have some hundred lists and objects.
MAX_NODES = 1_000_000
# Excel's; a file whose rows share no columns is no table.
MAX_COLUMNS = 16_384
# Tables of nothing but repetition hold any number of rows in a few bytes; of a million rows nobody need ask.
MAX_ROWS_A_BYTE = 16
FREE_ROWS = 1_000_000
# Enough to see the pattern of what is wrong.
MAX_ERRORS_SHOWN = 20

# What differs between rows of one cause: quoted values, what stands in brackets, numbers; and the nearest valid word.
_OF_ONE_ROW = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\([^()]*(?:\([^()]*\)[^()]*)*\)|\d+(?:\.\d+)?""")
_LOOKED_AT = 1_000  # characters of what is the matter with a row: it may quote much of it
_NEAREST = re.compile(r", did you mean '[^']*'\?")


class Broken(NamedTuple):
    """What a container gives in place of a row that it cannot read."""

    problem: str


NumberedRow = tuple[int, dict[str, Any] | Broken]


@dataclass(frozen=True, slots=True)
class Container:
    """A file as rows that can be read again and again.

    Attributes:
        name: JSON, JSON Lines, Parquet, CSV or XLSX.
        rows: reads the file from its beginning, a row at a time, `Broken` for each that is none, and raises `InputFileError`
            where nothing behind a place can be read.
        details: how it is read where there was a choice.
    """

    name: str
    rows: Callable[[], Iterator[NumberedRow]]
    details: Mapping[str, str] = field(default_factory=dict)


class Cause(NamedTuple):
    """Why rows were left out: the first of them, what is the matter with it, and how many there are."""

    row: int
    problem: str
    rows: int


class Causes:
    """Rows by what is the matter with them; causes beyond the first 20 count as the last of these."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, str]] = {}
        self._counts = Counter[str]()

    def add(self, row: int, problem: str) -> None:
        """Count a row."""
        cause = _OF_ONE_ROW.sub("…", _NEAREST.sub("", problem[:_LOOKED_AT]))
        if cause not in self._first and len(self._first) >= MAX_ERRORS_SHOWN:
            cause = next(reversed(self._first))
        self._first.setdefault(cause, (row, problem))
        self._counts[cause] += 1

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return self._counts.total()

    def listed(self) -> list[Cause]:
        """Each cause with its first row, in the order of these."""
        return [Cause(*first, self._counts[cause]) for cause, first in self._first.items()]


class RowErrors:
    """The broken rows of a file, reported at once; the first 20 are kept."""

    def __init__(self, path: Path, remedy: str = "Mend or remove these rows; nothing was read.") -> None:
        self._path = path
        self._remedy = remedy
        self._first: list[tuple[int, str]] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, row: int, problem: str) -> None:
        """Note a broken row."""
        self._count += 1
        if self._count <= MAX_ERRORS_SHOWN:
            self._first.append((row, problem))

    def raise_any(self) -> None:
        """Report them.

        Raises:
            InputFileError: there is at least one.
        """
        if not self._first:
            return
        (row, problem), *others = self._first
        lines = [f"\n  row {number}: {text}" for number, text in others]
        if self._count > MAX_ERRORS_SHOWN:
            lines.append(worded("\n  and {number} more rows", number=self._count - MAX_ERRORS_SHOWN))
        raise InputFileError(self._path, listed([problem, *lines], ""), row=row, remedy=self._remedy)


def not_an_object(value: Any) -> str:
    """What is wrong with a row that is no object."""
    return worded("the row is {kind_of}, expected an object {{column: value}}", kind_of=kind_of(value))


def row_too_long(path: Path, row: int) -> InputFileError:
    """The error for a row that no memory limit allows for, where nothing behind it can be read."""
    return InputFileError(path, too_long(), row=row, remedy=worded("Split or remove it."))


def too_long() -> str:
    """What is wrong with a row that no memory limit allows for."""
    return f"the row is longer than {MAX_ROW_BYTES // 2**20} MiB or {MAX_NODES:,} lists and objects"


def check_row_count(path: Path, count: int) -> None:
    """Refuse a table of more rows than can say something in a file of its size.

    Raises:
        InputFileError: it has.
    """
    size = path.stat().st_size
    if count > FREE_ROWS and count > MAX_ROWS_A_BYTE * size:
        raise InputFileError(
            path,
            worded("says that it holds {count:,} rows, in {size:,} bytes", count=count, size=size),
            remedy=worded("Rows that are all alike are no data; leave out those that repeat others."),
        )
