"""What a signal is: a measurement of one row, taken once and kept, with a card that says how far it can be trusted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from builder.schema import Sample
from builder.text import tokenise

SignalValue = int | float | bool | str | list[str] | None

_LONGEST_SPAN = 120
# One signal measures so many rows before the next one does: row by row each would find the processor's caches full of the
# others' patterns, which costs a fifth of the time.
ROWS_AT_ONCE = 64


class Read(NamedTuple):
    """Flagged rows that a person read: of `read` rows in `language`, `right` were flagged rightly."""

    language: str
    right: int
    read: int


class Found(NamedTuple):
    """Rows with the fault, found by reading and not by the signal: of `there` rows in `language`, it flagged `found`."""

    language: str
    found: int
    there: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a signal says and how well.

    Attributes:
        meaning_en: what the columns say, for readers of a report; `meaning_zh` is its twin.
        range_en: the values that there are; `range_zh` is its twin.
        misses_en: what it is known to overlook or to mistake; `misses_zh` is its twin.
        precision: flagged rows that were read by hand, by language (`benchmarks/verdicts.py` counts those of the demo files
            again); empty where nothing is flagged, as for lengths.
        recall: rows with the fault that were found by reading, by language; empty where it was not measured.
        fresh: whether those rows were read before any pattern was made on them, so that others should fare alike.
    """

    meaning_en: str
    meaning_zh: str
    range_en: str
    range_zh: str
    misses_en: str
    misses_zh: str
    precision: tuple[Read, ...] = ()
    recall: tuple[Found, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement with the columns it fills.

    Attributes:
        name: of the signal and of its file, `signals/<name>.parquet`.
        columns: column names, unique over all signals, with their Arrow types.
        measure: from one row to one value for each column, in their order; None is "nothing to say".
        card: what the columns say, and how well.
        version: raised whenever the same row may get another value; rows measured by another version are measured again.
    """

    name: str
    columns: tuple[tuple[str, pa.DataType], ...]
    measure: Callable[[Sample], tuple[SignalValue, ...]]
    card: Card
    version: int = 1

    @property
    def schema(self) -> pa.Schema:
        """Of the table: `row` and the columns; its metadata names the version."""
        return table_schema(f"{self.name}/{self.version}", self.columns)


def table_schema(version: str, columns: Sequence[tuple[str, pa.DataType] | pa.Field]) -> pa.Schema:
    """The schema of a measured table: `row` and its columns; rows of another version are measured again."""
    return pa.schema([pa.field("row", pa.int64(), nullable=False), *columns], metadata={"seedbed.signal": version})


class Finding(NamedTuple):
    """One thing found in a row: its kind and the words that show it, as they stand there."""

    kind: str
    span: str


def kinds_and_spans(findings: Iterable[Finding]) -> tuple[SignalValue, ...]:
    """Two list columns of equal length: each kind once, in order of discovery, and the first span of each."""
    first: dict[str, str] = {}
    for kind, span in findings:
        first.setdefault(kind, span.strip()[:_LONGEST_SPAN])
    return list(first), list(first.values())


@lru_cache(maxsize=4 * ROWS_AT_ONCE)
def tokens_of(text: str) -> tuple[str, ...]:
    """`tokenise`, remembered while rows are measured: several signals ask for the tokens of the same texts."""
    return tuple(tokenise(text))


def last_question(sample: Sample) -> str:
    """The user turn that the last answer replies to, or an empty string."""
    for turn in reversed(sample.prompt):
        if turn.role == "user":
            return turn.content
    return ""


def join_turns(sample: Sample) -> str:
    """The text of all turns before the last answer, one blank line between two."""
    return "\n\n".join(turn.content for turn in sample.prompt if turn.content)


def task_text(sample: Sample) -> str:
    """The instruction, or the first user message where the source had no instruction."""
    if sample.instruction is not None:
        return sample.instruction
    for turn in sample.messages:
        if turn.role == "user":
            return turn.content
    return ""
