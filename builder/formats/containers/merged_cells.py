"""Merged cells of a sheet: the value stands in the first of them, and holds for those below it.

Where cells are merged is written after all rows, so that a sheet is looked through before it is read.
"""

import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

from builder.errors import InputFileError
from builder.foreign.archives import parse_xml
from builder.language.messages import worded

MAX_MERGED = 2**20
_READ_BYTES = 2**20
_MARK = b"mergeCell "
_PLACE = re.compile("([A-Z]{1,3})([0-9]{1,9})")

Range = tuple[int, int, int, int]  # first row, last row, first column, last column, from 1


def merged_ranges(path: Path, archive: zipfile.ZipFile, member: str) -> list[Range]:
    """The merged ranges of a sheet, from the top.

    Raises:
        InputFileError: more than 1,048,576, or the sheet is damaged.
    """
    found: list[Range] = []
    if not _has_merged(archive, member):
        return found

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if not name.endswith("mergeCell"):
            return
        first, _, last = attributes.get("ref", "").partition(":")
        places = place_of(first), place_of(last or first)
        if None not in places:
            (row, column), (last_row, last_column) = places  # type: ignore[misc]
            found.append((row, last_row, column, last_column))
        if len(found) > MAX_MERGED:
            raise InputFileError(
                path,
                worded("more than {max_merged:,} merged ranges", max_merged=MAX_MERGED),
                remedy=worded("Save it as CSV, or split it."),
            )

    for _ in parse_xml(path, archive, member, start=start):
        pass
    found.sort(key=itemgetter(0, 2))
    return found


def place_of(reference: str) -> tuple[int, int] | None:
    """Row and column, from 1, of a reference such as `C12`; None where it is none."""
    match = _PLACE.fullmatch(reference)
    return None if match is None else (int(match[2]), _column(match[1]))


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return column


def _has_merged(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether a sheet names merged cells: a search takes a twentieth of the time that parsing does."""
    try:
        with archive.open(member) as file:
            before = b""
            while data := file.read(_READ_BYTES):
                if _MARK in before + data or b"\0" in data[:64]:  # UTF-16
                    return True
                before = data[-len(_MARK) :]
    except Exception:  # whatever is wrong with it is named where it is read
        return True
    return False


class FilledDown:
    """Fills the cells of rows that come from the top down; only the first column of a range has its value."""

    def __init__(self, ranges: list[Range]) -> None:
        self._ranges = [one for one in ranges if one[1] > one[0]]
        self._next = 0
        self._open: dict[int, tuple[int, str]] = {}  # column → last row, value

    def fill(self, row: int, cells: list[str | None]) -> int:
        """Give the cells the values from above, in place; returns how many characters that adds."""
        if not self._open and self._next == len(self._ranges):
            return 0
        added = 0
        for column, (last, value) in [*self._open.items()]:
            if row > last:
                del self._open[column]
            elif column > len(cells) or cells[column - 1] is None:
                cells.extend([None] * (column - len(cells)))
                cells[column - 1] = value
                added += len(value) + 64
        while self._next < len(self._ranges) and self._ranges[self._next][0] <= row:
            first, last, column, _ = self._ranges[self._next]
            if first == row and column <= len(cells) and (top := cells[column - 1]) is not None:
                self._open[column] = (last, top)
            self._next += 1
        return added
