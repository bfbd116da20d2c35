"""The rows of one sheet of a workbook, as its XML gives them: cells with their places, kinds and styles."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.containers.merged_cells import place_of
from builder.formats.rows import row_too_long
from builder.language.messages import worded

# A sheet's largest number of rows in Excel.
MAX_ROWS = 1_048_576
EXPECTED = worded("Save it as CSV, or split it.")


@dataclass(slots=True)
class Cell:
    """A cell that holds something, with the text of its value as the file has it."""

    column: int
    kind: str
    style: int
    value: str


class SheetReader:
    """Collects whole rows while a sheet is parsed: (row from 1, cells)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done: list[tuple[int, list[Cell]]] = []
        self._row = 0
        self._column = self._size = 0
        self._cells: list[Cell] = []
        self._cell: Cell | None = None
        self._pieces: list[str] = []
        self._reading = False
        self._phonetic = 0
        self._names: dict[str, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = self._names.get(name) or self._names.setdefault(name, name.rpartition(" ")[2])
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
                raise InputFileError(
                    self._path, worded("more than {max_rows:,} rows", max_rows=MAX_ROWS), remedy=EXPECTED
                )

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        place = place_of(attributes.get("r", ""))
        self._column = place[1] if place else self._column + 1
        if self._column > limits.MAX_COLUMNS:
            raise InputFileError(
                self._path,
                worded("a cell beyond column {max_columns:,}", max_columns=limits.MAX_COLUMNS),
                row=self._row,
                remedy=EXPECTED,
            )
        self._cell = Cell(self._column, attributes.get("t", "n"), int(attributes.get("s") or 0), "")
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
