"""Where a sheet's header is: below titles, notes and units, in one row or in two."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, takewhile

from builder.formats.columns import CHAT_NAMES, NAMES, fold_name
from builder.formats.containers.merged_cells import Range
from builder.formats.conversations.grid import Cells, Grid
from builder.formats.conversations.times import is_time
from builder.formats.numbered import round_of

# A header further down than that is found with --header-row.
_LOOKED_AT = 30
_LONGEST_NAME = 30
_BRACKETS = re.compile(r"[(（\[【][^)）\]】\n]{0,80}[)）\]】]|[*＊:：?？]+")


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a sheet's columns.

    Attributes:
        row: of the header's first line as a spreadsheet counts; 0 where there is none and columns are called A, B, C.
        last: of its last line.
        names: column by column.
        known: how many of them are names that we know.
    """

    row: int
    last: int
    names: tuple[str, ...]
    known: int


def plain_name(name: str) -> str:
    """A column's name as it is compared, without what stands in brackets: `消息内容（脱敏）` is 消息内容."""
    folded = fold_name(_BRACKETS.sub("", name))
    return folded or fold_name(name)


@cache
def _known() -> frozenset[str]:
    return frozenset(fold_name(name) for names in (CHAT_NAMES, NAMES) for several in names.values() for name in several)


def is_known(name: str) -> bool:
    """Whether a column's name says what is in it, numbers behind it aside."""
    return plain_name(name) in _known() or round_of(name) is not None


def find_header(grid: Grid) -> Header | None:
    """The header of a sheet; None where the sheet holds nothing.

    Of the rows above, it is the one with most names that we know; where there are none, the first that is wide and has neither
    times nor long texts, unless what is below looks the same.
    """
    rows = grid.preview[:_LOOKED_AT]
    if not rows:
        return None
    width = grid.width
    merged = list(takewhile(lambda one: one[0] <= rows[-1][0], grid.merged))
    best: Header | None = None
    for place, (number, cells) in enumerate(rows):
        for last in (number, rows[place + 1][0]) if place + 1 < len(rows) and _spans(merged, number) else (number,):
            names = _names(merged, number, last, rows[place : place + 1 + (last > number)], width)
            known = sum(map(is_known, {name for name in names if name}))
            if known >= 2 and _is_header(cells) and (best is None or known > best.known):
                best = Header(number, last, _numbered(names), known)
    if best is not None:
        return best
    for (number, cells), (_, below) in pairwise([*rows, (0, [])]):
        filled = [cell for cell in cells if cell]
        if len(filled) >= max(2, 0.6 * width) and _is_header(cells) and len(set(filled)) == len(filled):
            numbered = _numbered(_names(merged, number, number, [(number, cells)], width))
            if any(map(is_known, numbered)) or (any(below) and not _is_header(below)):
                return Header(number, number, numbered, sum(map(is_known, numbered)))
            break
    return Header(0, 0, tuple(letters(place) for place in range(1, width + 1)), 0)


def header_at(grid: Grid, row: int) -> Header | None:
    """The header that a user says is in a row; 0 says that there is none. None where that row holds nothing."""
    if row == 0:
        return Header(0, 0, tuple(letters(place) for place in range(1, grid.width + 1)), 0)
    for place, (number, _) in enumerate(grid.preview):
        if number == row:
            names = _numbered(_names(grid.merged, row, row, grid.preview[place : place + 1], grid.width))
            return Header(row, row, names, sum(map(is_known, names)))
    return None


def letters(place: int) -> str:
    """What a spreadsheet calls its columns, from 1: A, B, …, Z, AA."""
    name = ""
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name


def _is_header(cells: Cells) -> bool:
    """Whether no cell is a time, a number or a long text, as a name would not be."""
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    return len(filled) >= 2 and all(
        len(cell) <= _LONGEST_NAME and not is_time(cell) and not cell.replace(".", "").isdecimal() for cell in filled
    )


def _spans(merged: Sequence[Range], row: int) -> bool:
    """Whether merged cells of a row say that the header goes on in the next one."""
    return any(
        first == row and (last == row + 1 or (last == row and right > left)) for first, last, left, right in merged
    )


def _names(merged: Sequence[Range], first: int, last: int, rows: Sequence[tuple[int, Cells]], width: int) -> list[str]:
    """The name of each column: that of the lower line, else that of the upper one, which may hold for several columns."""
    names = [""] * width
    for number, cells in rows:
        filled = dict(enumerate(cells))
        for top, bottom, left, right in merged:
            if top == number and bottom <= last and left <= len(cells) and last > first:
                filled |= dict.fromkeys(range(left - 1, min(right, width)), cells[left - 1])
        for place in range(width):
            cell = (filled.get(place) or "").strip()
            names[place] = cell or names[place]
    return names


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Names that differ: an empty one is its letter, a second one of the same name has it behind."""
    seen: set[str] = set()
    found = []
    for place, name in enumerate(names, 1):
        name = name or letters(place)
        found.append(name if name not in seen else f"{name} ({letters(place)})")
        seen.add(found[-1])
    return tuple(found)
