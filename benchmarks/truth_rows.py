"""Rows that have a fault and rows that only look like it, and what the signals say of them.

`truth/rows.jsonl` holds one row a line: `instruction`, `input`, `answer` and `language`; the `signal` that should know, and the
`kind` of fault; `flag`, whether the row has it. Half of each kind are look-alikes: precision in somebody's file is another. The rows
were written without a look at the signals' rules.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.truth_answers import imported
from benchmarks.truth_figures import Flags, Found
from builder.signals import SignalValue, measure_row

ROWS = Path(__file__).parent / "truth" / "rows.jsonl"

Values = Mapping[str, SignalValue]


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and whether it has a fault."""

    instruction: str
    input: str
    answer: str
    language: str
    signal: str
    kind: str
    flag: bool


def read_rows() -> list[Row]:
    """All labelled rows."""
    return [Row(**json.loads(line)) for line in ROWS.read_text(encoding="utf-8").splitlines()]


def _has(column: str, *kinds: str) -> Callable[[Values], bool]:
    """Whether a column lists one of some kinds."""

    def has(values: Values) -> bool:
        found = values[column]
        return isinstance(found, list) and not set(kinds).isdisjoint(found)

    return has


# Which values of a row's signals say that it has a fault of this kind; to add one, add a line.
FLAGS: Mapping[str, Callable[[Values], bool]] = {
    "refusal": lambda values: bool(values["refusal"]),
    "cut_off_answer": _has("defects", "cut_off_answer"),
    "unclear_instruction": _has("defects", "unclear_instruction", "unseen_reference"),
    "unsafe": lambda values: bool(values["unsafe"]),
    "language_mismatch": lambda values: bool(values["language_mismatch"]),
    "missing_code": _has("defects", "missing_code"),
    "list_length": lambda values: values["list_length_kept"] is False,
    "merged_tasks": _has("defects", "merged_instructions"),
    "no_answer": _has("defects", "na_answer", "empty_answer"),
    "wrong_sum": lambda values: bool(values["arithmetic_wrong"]),
    "copied_input": _has("defects", "copied_input"),
    "picture_by_address": _has("defects", "picture_request", "unseen_reference"),
    "social_security": _has("privacy", "social_security"),
    "iban": _has("privacy", "iban"),
    "passport": _has("privacy", "passport"),
}


def flagged(rows: Sequence[Row]) -> Flags:
    """Which rows are said to have the fault of their kind."""
    samples = imported({"instruction": row.instruction, "input": row.input, "output": row.answer} for row in rows)
    return np.array([FLAGS[row.kind](measure_row(sample)) for row, sample in zip(rows, samples, strict=True)])


def counted(rows: Sequence[Row], flags: Flags) -> Iterator[tuple[tuple[str, str, str], Found]]:
    """For each signal and kind, in each language and in all, what was found."""
    groups = {(row.signal, row.kind, language): None for row in rows for language in (row.language, "all")}
    for group in sorted(groups):
        these = np.array(
            [group in ((row.signal, row.kind, row.language), (row.signal, row.kind, "all")) for row in rows]
        )
        yield group, Found.count(flags[these], [row.flag for row, here in zip(rows, these, strict=True) if here])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What one may ask for beyond the table."""
    parser.add_argument("--missed", action="store_true", help="list the rows on which the signals are wrong")


def print_tables(arguments: argparse.Namespace) -> None:
    """One table, and what was asked for."""
    rows = read_rows()
    flags = flagged(rows)
    print(f"\nSignals: {len(rows)} rows, of each kind half with the fault and half look-alikes")
    print(f"{'signal':12}{'kind':21}{'':4} {'faults':>6} {'flagged':>7}  {'precision':18} recall")
    for (signal, kind, language), found in counted(rows, flags):
        figures = f"{found.precision!s:18} {found.recall}"
        print(f"{signal:12}{kind:21}{language:4} {found.same:6} {found.found:7}  {figures}".rstrip())
    if arguments.missed:
        for row, flag in zip(rows, flags, strict=True):
            if flag != row.flag:
                print(
                    f"{'missed' if row.flag else 'wrong'} {row.kind}: {json.dumps(row.instruction, ensure_ascii=False)}"
                )
