"""What a signal is: a measurement of one row, taken once and kept."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from builder.schema import Sample

SignalValue = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement with the columns it fills.

    Attributes:
        name: of the signal and of its file, `signals/<name>.parquet`.
        columns: column names, unique over all signals, with their Arrow types.
        measure: from one row to one value for each column, in their order; None is "nothing to say".
        meaning_en: what the columns say, for readers of a report.
        meaning_zh: the same in Chinese.
    """

    name: str
    columns: tuple[tuple[str, pa.DataType], ...]
    measure: Callable[[Sample], tuple[SignalValue, ...]]
    meaning_en: str
    meaning_zh: str


def join_turns(sample: Sample) -> str:
    """The text of all turns before the last answer, one blank line between two."""
    return "\n\n".join(turn.content for turn in sample.prompt if turn.content)


def task_text(sample: Sample) -> str:
    """The instruction, or the first user message where the source had no instruction."""
    if sample.instruction is not None:
        return sample.instruction
    return next((turn.content for turn in sample.messages if turn.role == "user"), "")
