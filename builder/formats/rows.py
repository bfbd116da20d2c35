"""What every container gives: numbered rows, one at a time, and the errors of rows gathered to one message."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.errors import InputFileError
from builder.formats.row_format import kind_of

# One row: the longest context windows are some MB of text. Python objects take up to 24 times the size of their JSON.
MAX_ROW_BYTES = 16 * 2**20
# An empty list takes 3 bytes of JSON and 64 of memory; rows of data have some hundred lists and objects.
MAX_NODES = 1_000_000
# Excel's; a file whose rows share no columns is no table.
MAX_COLUMNS = 16_384
# Enough to see the pattern of what is wrong.
MAX_ERRORS_SHOWN = 20

NumberedRow = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Container:
    """A file as rows that can be read again and again.

    Attributes:
        name: JSON, JSON Lines, Parquet, CSV or XLSX.
        rows: reads the file from its beginning, a row at a time, and raises `InputFileError`.
        details: how it is read where there was a choice.
    """

    name: str
    rows: Callable[[], Iterator[NumberedRow]]
    details: Mapping[str, str] = field(default_factory=dict)


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
            lines.append(f"\n  and {self._count - MAX_ERRORS_SHOWN} more rows")
        raise InputFileError(self._path, problem + "".join(lines), row=row, remedy=self._remedy)


def not_an_object(value: Any) -> str:
    """What is wrong with a row that is no object."""
    return f"the row is {kind_of(value)}, expected an object {{column: value}}"


def row_too_long(path: Path, row: int) -> InputFileError:
    """The error for a row that no memory limit allows for."""
    limit = f"{MAX_ROW_BYTES // 2**20} MiB or {MAX_NODES:,} lists and objects"
    return InputFileError(path, f"the row is longer than {limit}", row=row, remedy="Split or remove it.")
