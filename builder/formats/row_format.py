"""What every row format is: how to recognise it, how to read a row, how to write one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from builder.language.messages import worded
from builder.schema import Mend, Message, Sample

Row = Mapping[str, Any]


class RowError(Exception):
    """One row cannot be read; the text says what was found and expected, without the file and the row number."""


class RowLeftOutError(RowError):
    """A row that cannot be kept whole and is left out, the others being read: the text says why, in the same words for all."""


class InexpressibleError(Exception):
    """A sample that a format has no place for; the text says why."""


@dataclass(slots=True)
class SampleParts:
    """What one row says, before it becomes a `Sample`.

    Attributes:
        task_id: the row's own task, or None where it names none.
        language: as the row names it, or None.
        label: whether the row labels its answer as good, or None where it does not say.
        notes: what a reader of the file should know about this row, such as a column that was not used.
        mended: what was put right in it (see `builder.formats.mending`).
        left_out: how much of the row is in no sample, by cause (`builder.formats.left_out`).
    """

    messages: tuple[Message, ...]
    tools: str | None = None
    rejected: str | None = None
    instruction: str | None = None
    input: str | None = None
    task_id: str | None = None
    category: str | None = None
    language: str | None = None
    answer_key: str | None = None
    label: bool | None = None
    notes: tuple[str, ...] = ()
    mended: tuple[Mend, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowFormat:
    """One way to lay a sample out in a row.

    Attributes:
        name: as `--format` takes it.
        title: by language code, for people.
        expects: the columns it needs, for the error that lists the choices; empty where no person lays out such rows.
        required: fields that every row must have; a null counts as present and empty.
        detect: from the columns' names and the rows to field → column, or None where the format does not fit.
        read: from field → value to the row's samples (several only where a row holds several instances); raises
            `RowError`.
        write: from a sample to a row; raises `InexpressibleError`. None where the format is only read.
        survey: from all rows of a file, as fields, to fields that hold for each of them, where one row alone does not say how
            it is meant.
    """

    name: str
    title: Mapping[str, str]
    expects: str
    required: tuple[str, ...]
    detect: Callable[[Sequence[str], Sequence[Row]], dict[str, str] | None]
    read: Callable[[Row], list[SampleParts]]
    write: Callable[[Sample], dict[str, Any]] | None = None
    survey: Callable[[Iterable[Row]], Mapping[str, Any]] | None = None


def check_plain(messages: Sequence[Message]) -> None:
    """Refuse what only the messages formats have a place for.

    Raises:
        InexpressibleError: a turn is not to be trained on.
    """
    if any(turn.weight == 0 for turn in messages):
        raise InexpressibleError(
            worded("a turn is not to be trained on (weight 0), which this format has no place for")
        )


def kind_of(value: Any) -> str:
    """Name a value's kind as an error message needs it."""
    if value is None:
        return worded("no value")
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, Mapping):
        return worded("an object")
    if isinstance(value, list | tuple):
        return worded("a list")
    if isinstance(value, int | float):
        return worded("a number")
    return worded("plain text") if isinstance(value, str) else f"a {type(value).__name__}"


def text_of(row: Row, field: str) -> str:
    """A field's text, unchanged; nothing is an empty text, and a number or a date is its usual spelling.

    Raises:
        RowError: it holds a list, an object or bytes.
    """
    value = row.get(field)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple | bytes):
        raise RowError(worded("'{field}' holds {kind_of}, expected text", field=field, kind_of=kind_of(value)))
    return str(value).lower() if isinstance(value, bool) else str(value)


def optional_text(row: Row, field: str) -> str | None:
    """A field's text, or None where it is absent or null."""
    return None if row.get(field) is None else text_of(row, field)


def any_value(rows: Iterable[Row], column: str) -> Any:
    """The first value of a column that is not null, or None."""
    return next((row[column] for row in rows if row.get(column) is not None), None)
