"""Signals: one file for each measurement. To add one, add a file and one line in `SIGNALS`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import pyarrow as pa

from builder.schema import Sample
from builder.signals.answer import ANSWER
from builder.signals.arithmetic import ARITHMETIC
from builder.signals.concreteness import CONCRETENESS
from builder.signals.defects import DEFECT
from builder.signals.format import FORMAT
from builder.signals.language import LANGUAGE
from builder.signals.length import LENGTH
from builder.signals.privacy import PRIVACY
from builder.signals.readability import READABILITY
from builder.signals.refusal import REFUSAL
from builder.signals.repetition import REPETITION
from builder.signals.signal import ROWS_AT_ONCE, Signal, SignalValue
from builder.signals.substance import SUBSTANCE
from builder.signals.unsafe import UNSAFE

__all__ = ["SIGNALS", "Signal", "SignalValue", "measure_all", "measure_row", "signal_tables"]

_ALL = (
    *(LENGTH, SUBSTANCE, READABILITY, REPETITION, CONCRETENESS, REFUSAL, LANGUAGE),
    *(DEFECT, PRIVACY, UNSAFE, FORMAT, ARITHMETIC, ANSWER),
)
SIGNALS: Mapping[str, Signal] = {signal.name: signal for signal in _ALL}


def measure_row(sample: Sample) -> dict[str, SignalValue]:
    """All columns of all signals for one row."""
    return {
        column: value
        for signal in SIGNALS.values()
        for (column, _), value in zip(signal.columns, signal.measure(sample), strict=True)
    }


def measure_all(samples: Iterable[Sample], names: Iterable[str] | None = None) -> dict[str, pa.Table]:
    """Measure rows, in one pass.

    Args:
        samples: the rows.
        names: signals to measure; None is all of them.

    Returns:
        For each signal a table of `row` (int64) and its columns, in the order of the samples.
    """
    signals = [SIGNALS[name] for name in (SIGNALS if names is None else names)]
    rows: list[int] = []
    values: list[list[tuple[SignalValue, ...]]] = [[] for _ in signals]
    remaining = iter(samples)
    while chunk := list(islice(remaining, ROWS_AT_ONCE)):
        rows += [sample.row for sample in chunk]
        for signal, measured in zip(signals, values, strict=True):
            measured += map(signal.measure, chunk)
    return {signal.name: _table(signal, rows, measured) for signal, measured in zip(signals, values, strict=True)}


def signal_tables(rows: Sequence[int], values: Sequence[Mapping[str, SignalValue]]) -> dict[str, pa.Table]:
    """The tables of all signals, from what `measure_row` gave for each row.

    Args:
        rows: the rows' numbers, in the order of `values`.
        values: columns that no signal has are left out.
    """
    return {
        signal.name: _table(signal, rows, [tuple(row[name] for name, _ in signal.columns) for row in values])
        for signal in SIGNALS.values()
    }


def _table(signal: Signal, rows: Sequence[int], measured: Sequence[tuple[SignalValue, ...]]) -> pa.Table:
    columns = [[values[place] for values in measured] for place in range(len(signal.columns))]
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip([rows, *columns], signal.schema, strict=True)],
        schema=signal.schema,
    )
