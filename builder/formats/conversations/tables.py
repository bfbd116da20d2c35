"""Tables of messages, of any container, as rows by the names of their columns; and their rows as utterances."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from builder.errors import InputFileError
from builder.formats.conversations.grid import PREVIEWED, Grid
from builder.formats.conversations.header import Header, cells_by_name
from builder.formats.conversations.layout import Layout, direction_of, kind_of_row
from builder.formats.conversations.roles import side_by_name
from builder.formats.conversations.times import Order, Times, is_time, order_of
from builder.formats.conversations.utterance import Utterance
from builder.formats.reading import RowFile
from builder.formats.row_format import RowError, text_of

NumberedRow = tuple[int, Mapping[str, Any]]
_RELIABLE = 0.9  # share of a column's cells that are times
_FILLED = 0.2  # share of blank speakers from which on a blank is the one above
_FIRST = datetime(1970, 1, 2)


@dataclass(frozen=True)
class Table:
    """Rows by the names of their columns.

    Attributes:
        sheet: empty where the file has none.
        columns: in their order.
        header: where the sheet has its header; None where the container says what the columns are.
        rows: reads them, each with its number as a spreadsheet, an editor or a list shows it.
    """

    path: Path
    sheet: str
    columns: Sequence[str]
    header: Header | None
    rows: Callable[[], Iterator[NumberedRow]] = field(repr=False)

    @cached_property
    def preview(self) -> Sequence[Mapping[str, Any]]:
        """The first rows."""
        return [row for _, row in islice(self.rows(), PREVIEWED)]

    @property
    def name(self) -> str:
        """As a message names it."""
        return f"{self.path.name} [{self.sheet}]" if self.sheet else self.path.name


def table_of_grid(path: Path, grid: Grid, header: Header) -> Table:
    """A sheet below its header."""

    def rows() -> Iterator[NumberedRow]:
        for number, cells in grid.rows():
            if number > header.last:
                yield number, cells_by_name(header, cells)

    columns = [*header.names]
    return Table(path, grid.name, columns, header, rows)


def table_of_rows(file: RowFile) -> Table:
    """A file whose container names the columns."""

    def rows() -> Iterator[NumberedRow]:
        for row in file.rows():
            yield row.number, row.values

    return Table(file.path, "", list(file.columns), None, rows)


def rows_above(grid: Grid, header: Header) -> int:
    """How many rows that hold something stand above the data, the header's own included."""
    return sum(number <= header.last for number, _ in grid.preview)


def day_order(table: Table, layout: Layout) -> Order:
    """Which of 01/02/2023 is the day, in the column of times: by what is seen first, else by all of it."""
    column = layout.columns.get("time") or layout.columns.get("date")
    if column is None:
        return "day"
    order, told = order_of(_texts(table.preview, column))
    if not told and len(table.preview) == PREVIEWED:
        order, told = order_of(_texts((row for _, row in table.rows()), column))
    return order


def _texts(rows: Any, column: str) -> Iterator[str]:
    return (str(row[column]) for row in rows if row.get(column))


class Reader:
    """A table's rows as utterances.

    Attributes:
        outside: after `utterances` was read to its end: how many rows are none, by cause: `outside` (units, notes, totals),
            `header` (the header once more).
        rows: how many rows there are.
    """

    def __init__(self, table: Table, layout: Layout) -> None:
        self._table, self._layout = table, layout
        self._columns = layout.columns
        self._order = day_order(table, layout)
        self.outside: Counter[str] = Counter()
        self.rows = 0
        preview = [self._fields(0, row) for row in table.preview]
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
            raise InputFileError(self._table.path, str(error), row=number or None) from None
        if "date" in found:
            found["time"] = f"{found.pop('date')} {found.get('time', '')}".strip()
        return found

    @property
    def divides(self) -> bool:
        """Whether conversations are told apart by pauses: the table does not number them."""
        columns = self._columns
        return "conversation" not in columns and (
            self._layout.kind == "messages" or bool({"partner", "time"} & set(columns))
        )

    def utterances(self) -> Iterator[Utterance]:
        """One for each message, in the order of the rows.

        Raises:
            InputFileError: the file cannot be read, or a cell holds no text.
        """
        self.outside, self.rows = Counter(), 0
        times = Times(self._order)
        above: dict[str, str] = {}
        names = {column.strip() for column in self._table.columns}
        for number, row in self._table.rows():
            self.rows += 1
            fields = self._fields(number, row)
            time = times.read(fields.get("time", ""))
            if self._is_outside(fields, time):
                values = {str(value).strip() for value in row.values() if value}
                self.outside["header" if values <= names else "outside"] += 1
                continue
            for name in ("conversation", "partner", *(("speaker",) if self._fills_speakers else ())):
                fields[name] = above[name] = fields.get(name) or above.get(name, "")
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
        conversation = fields.get("conversation") or fields.get("partner") or (None if time else f"#{number}")
        if not self.divides and "conversation" not in self._columns:
            conversation = f"#{number}"
        for side in ("question", "answer"):
            yield Utterance(
                number, conversation, "user" if side == "question" else "assistant", fields.get(side, ""), time
            )
