"""Tables of messages, or of questions and answers, as utterances; and sheets below their headers as rows like any others.

会话  发送方  内容      {"conversation": "会话", "speaker": "发送方", "text": "内容"}
1     买家    在吗      Utterance(row=2, conversation="1", speaker="买家", text="在吗")
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from builder.errors import InputFileError
from builder.formats.conversations.grid import PREVIEWED, Cells, Grid
from builder.formats.conversations.header import Header
from builder.formats.conversations.layout import Layout, direction_of, kind_of_row
from builder.formats.conversations.roles import side_by_name
from builder.formats.conversations.times import Order, Times, is_time, order_of
from builder.formats.conversations.utterance import Utterance
from builder.formats.reading import CheckedRow, RowFile
from builder.formats.row_format import RowError, text_of
from builder.formats.rows import Causes
from builder.language.messages import worded

_RELIABLE = 0.9  # share of a column's cells that are times
_FILLED = 0.2  # share of blank speakers from which on a blank is the one above
_FIRST = datetime(1970, 1, 2)
_TELLS_APART = frozenset(("conversation", "partner", "receiver", "time", "date"))


def rows_below(path: Path, grid: Grid, header: Header) -> RowFile:
    """A sheet below its header; how many rows that are takes reading it (`count_rows`)."""
    names = header.names

    def named(cells: Cells) -> dict[str, Any]:
        return dict.fromkeys(names) | {name: cell for name, cell in zip(names, cells, strict=False) if cell}

    # A sheet may have notes beside its table; what a CSV has there is the rest of a text.
    width = next((len(cells) for number, cells in grid.preview if number == header.row and not grid.name), grid.width)

    def rows() -> Iterator[CheckedRow]:
        for number, cells in grid.rows():
            if number > header.last:
                if not grid.name and any(cells[width:]):
                    problem = f"{len(cells)} cells where the header has {width}; a cell that holds the delimiter must stand in quotes"
                    raise InputFileError(path, problem, row=number, remedy=worded("Mend or remove this row."))
                yield CheckedRow(number, named(cells))

    first = [named(cells) for number, cells in grid.preview if number > header.last]
    columns = {name: next((row[name] for row in first if row[name]), None) for name in names}
    return RowFile(path, "XLSX" if grid.name else "CSV", {}, columns, {}, 0, Causes(), rows)


def count_rows(file: RowFile) -> RowFile:
    """The rows of a sheet, with how many they are."""
    filled = Counter[str]()
    count = 0
    for row in file.rows():
        count += 1
        filled.update(name for name, value in row.values.items() if value)
    return replace(file, filled=filled, count=count)


def preview_of(file: RowFile) -> list[dict[str, str]]:
    """The first rows as texts, by the names of their columns."""
    rows = (row.values for row in islice(file.rows(), PREVIEWED))
    return [{name: str(value) for name, value in row.items() if value is not None} for row in rows]


def _day_order(file: RowFile, layout: Layout, preview: Sequence[Mapping[str, str]]) -> Order:
    """Which of 01/02/2023 is the day, in the column of times: by what is seen first, else by all of it."""
    column = layout.columns.get("date") or layout.columns.get("time")
    if column is None:
        return "day"
    order, told = order_of(row[column] for row in preview if row.get(column))
    if not told and len(preview) == PREVIEWED:
        order, _ = order_of(str(row.values[column]) for row in file.rows() if row.values.get(column))
    return order


class Reader:
    """A table's rows as utterances.

    Args:
        first: the first rows, as `preview_of` has them.

    Attributes:
        outside: after `utterances` was read to its end: how many rows are none, by cause: `outside` (units, notes, totals),
            `header` (the header once more).
        rows: how many rows there are.
    """

    def __init__(self, file: RowFile, layout: Layout, first: Sequence[Mapping[str, str]]) -> None:
        self._file, self._layout = file, layout
        self._columns = layout.columns
        self._order = _day_order(file, layout, first)
        self.outside: Counter[str] = Counter()
        self.rows = 0
        self._is_parted = layout.kind == "messages" and not _TELLS_APART & layout.columns.keys()
        numbers = [row.number for row in islice(file.rows(), PREVIEWED)] if self._is_parted else []
        self._parts_at_blanks = 2 * sum(two > one + 1 for one, two in pairwise(numbers)) < len(numbers)
        preview = [self._fields(0, row) for row in first]
        spoken = [fields for fields in preview if fields.get("text")]
        self._fills_speakers = sum(not fields.get("speaker") for fields in spoken) > _FILLED * len(spoken)
        times = [fields["time"] for fields in preview if fields.get("time")]
        self._times_are_reliable = len(times) >= 3 and sum(map(is_time, times)) >= _RELIABLE * len(times)

    def _fields(self, number: int, row: Mapping[str, Any]) -> dict[str, str]:
        """Our field → text."""
        try:
            found = {
                name: text_of(row, column).strip()
                for name, column in self._columns.items()
                if row.get(column) is not None
            }
        except RowError as error:
            raise InputFileError(self._file.path, str(error), row=number or None) from None
        if "date" in found:
            found["time"] = f"{found.pop('date')} {found.get('time', '')}".strip()
        return found

    @property
    def divides(self) -> bool:
        """Whether conversations are told apart by pauses: the table does not number them."""
        columns = self._columns
        return "conversation" not in columns and (
            self._layout.kind == "messages" or ("partner" in columns and bool({"time", "date"} & columns.keys()))
        )

    def utterances(self) -> Iterator[Utterance]:
        """One for each message, in the order of the rows.

        Raises:
            InputFileError: the file cannot be read, or a cell holds no text.
        """
        self.outside, self.rows = Counter(), 0
        times = Times(self._order)
        above: dict[str, str] = {}
        names = {column.strip() for column in self._file.columns}
        part = order = last = 0
        for number, row, *_ in self._file.rows():
            self.rows += 1
            fields = self._fields(number, row)
            time = times.read(fields.get("time", ""))
            if self._is_outside(fields, time):
                values = {str(value).strip() for value in row.values() if value}
                self.outside["header" if values <= names else "outside"] += 1
                continue
            for name in ("conversation", "partner", *(("speaker",) if self._fills_speakers else ())):
                fields[name] = above[name] = fields.get(name) or above.get(name, "")
            if self._is_parted:  # a row of blanks, or counting from the start again, is all that there is
                placed = int(fields["order"][:9]) if fields.get("order", "").isdecimal() else order
                part += placed < order or (self._parts_at_blanks and number > last + 1 and last > 0)
                order, last = placed, number
                fields["conversation"] = f"#{part}" if part else ""
            if time is None and fields.get("order", "").isdecimal() and "conversation" in self._columns:
                time = _FIRST + timedelta(seconds=int(fields["order"][:9]))
            read = self._message if self._layout.kind == "messages" else self._round
            yield from read(number, fields, time)

    def _is_outside(self, fields: Mapping[str, str], time: datetime | None) -> bool:
        """Whether a row is none of a conversation: units below the header, notes and totals below the data, the header again."""
        if self._layout.kind == "rounds":
            said = bool(fields.get("question") or fields.get("answer"))
            return not said or fields.get("question") == self._columns["question"]
        if not fields.get("text") and not (fields.get("speaker") or fields.get("direction") or fields.get("kind")):
            return True
        if fields.get("text") == self._columns["text"]:
            return True
        return time is None and bool(fields.get("time")) and self._times_are_reliable

    def _message(self, number: int, fields: Mapping[str, str], time: datetime | None) -> Iterator[Utterance]:
        text, speaker = fields.get("text", ""), fields.get("speaker", "")
        if "direction" in self._columns:
            side = direction_of(fields.get("direction", ""), self._columns["direction"])
            names_it = side is None or side_by_name(speaker) == side
            speaker = speaker if names_it and speaker else f"{speaker} ({side})" if speaker else side or ""
        if kind := kind_of_row(fields.get("kind", "")):
            speaker, text = ("", text) if kind == "system" else (speaker, kind)
        conversation = fields.get("conversation") or None
        if conversation is None and fields.get("receiver"):
            conversation = " – ".join(sorted((speaker, fields["receiver"])))
        yield Utterance(number, conversation or fields.get("partner") or None, speaker, text, time)

    def _round(self, number: int, fields: Mapping[str, str], time: datetime | None) -> Iterator[Utterance]:
        # Nothing but a time says no more of two rows than that they were written down one after the other.
        conversation = fields.get("conversation") or (fields.get("partner") if self.divides else "") or f"#{number}"
        for side in ("question", "answer"):
            yield Utterance(
                number, conversation, "user" if side == "question" else "assistant", fields.get(side, ""), time
            )
