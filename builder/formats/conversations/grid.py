"""A file as sheets of cells, before anything is presumed of a header: the workbook's sheets, or the one table of a CSV."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from builder.errors import InputFileError, nearest
from builder.formats.containers.merged_cells import Range
from builder.formats.containers.table import open_records
from builder.language.messages import worded
from builder.text import visible

Cells = list[str | None]
# Enough to see where the header is and what the columns hold.
PREVIEWED = 400


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet.

    Attributes:
        name: of the sheet; empty where the file has no sheets.
        visible: whether a reader of the workbook sees it.
        merged: its merged ranges.
        preview: the first rows that hold anything, each with its number as a spreadsheet shows it.
        rows: reads all of them.
    """

    name: str
    visible: bool
    preview: Sequence[tuple[int, Cells]]
    rows: Callable[[], Iterator[tuple[int, Cells]]]
    merged: Sequence[Range] = field(default=(), repr=False)

    @property
    def width(self) -> int:
        """How many columns the preview has."""
        return max((len(cells) for _, cells in self.preview), default=0)


def open_grids(path: Path) -> list[Grid]:
    """The sheets of a file, those without any cell included.

    Raises:
        InputFileError: the file cannot be read.
    """
    if path.suffix.lower() == ".xlsx":
        from builder.formats.containers.workbook import Workbook  # openpyxl takes a third of a second to load

        book = Workbook(path)
        grids = []
        for sheet in book.sheets:
            merged = book.merged(sheet)
            rows = partial(book.rows, sheet, merged=merged, exact=True)
            grids.append(Grid(sheet.name, sheet.visible, list(islice(rows(), PREVIEWED)), rows, merged))
        return grids
    records = open_records(path)
    return [Grid("", True, list(islice(records(), PREVIEWED)), records)]


def named_sheets(path: Path, grids: Sequence[Grid], name: str) -> list[Grid]:
    """The sheets that are asked for: by name, by number from 1, or several of them with commas.

    Raises:
        InputFileError: there is no such sheet.
    """
    exact = [grid for grid in grids if grid.name == name]
    if exact:
        return exact
    found = []
    for part in (part.strip() for part in name.split(",")):
        named = [grid for grid in grids if grid.name == part]
        if not named and part.isdecimal() and 1 <= int(part) <= len(grids):
            named = [grids[int(part) - 1]]
        if not named:
            names = [grid.name for grid in grids]
            raise InputFileError(
                path,
                worded("--sheet {part}: no sheet '{part}'{nearest}", part=visible(part), nearest=nearest(part, names)),
                remedy=worded("Its sheets are {names}.", names=visible(", ".join(names))),
            )
        found += named
    return found
