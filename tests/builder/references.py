"""What the tests hold the product against, or through which they ask it about a few rows at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl
import pyarrow as pa

from builder.config import Balance, Execution, Settings, Split
from builder.curation.balance import Profile, balance_rows
from builder.curation.contamination import BenchmarkText, contamination_table, index_benchmark
from builder.curation.deciding import decide
from builder.curation.exact import repeated_rows
from builder.curation.facts import facts_table
from builder.curation.split import split_columns
from builder.generation.novelty_index import Match, NoveltyIndex
from builder.language.notes import Note
from builder.schema import Check, Sample
from builder.signals import measure_row
from builder.store.reviews import Ruling
from builder.text import Thresholds, tokenise

T = TypeVar("T")

# 20 of the 175 seed tasks that are shipped: each build that reads them all takes a quarter of a second longer.
FEW_SEEDS = f"seeds.files=[{Path(__file__).parents[1] / 'fixtures' / 'few_seeds.jsonl'}]"


def scan(
    rows: Iterable[T],
    thresholds: Thresholds,
    *,
    text: Callable[[T], str],
    row: Callable[[T], int],
    group: Callable[[T], str],
    exempt: Callable[[T], bool] = lambda _: False,
) -> dict[int, Match]:
    """Visit rows in order, one after the other, and drop each that a kept one exceeds.

    Args:
        rows: in preference order, best first.
        text, row, group: what is compared, the row's number, and the task within which rows are exempt.
        exempt: rows that are kept whatever they are close to, such as seeds.

    Returns:
        For each dropped row the kept row that decided it.
    """
    index = NoveltyIndex(thresholds)
    dropped: dict[int, Match] = {}
    for item in rows:
        tokens = tokenise(text(item))
        found = None if exempt(item) else index.match(tokens, group(item))
        if found is None:
            index.add(row(item), tokens, group(item))
        else:
            dropped[row(item)] = found
    return dropped


def find_similar(samples: Sequence[Sample], *, kept_by_hand: Iterable[int] = ()) -> dict[int, Check]:
    """The rows of a whole decision that are `too_similar`, each with its check; rows in row order."""
    reviews = {row: Ruling(row, "keep") for row in kept_by_hand}
    decision = decide(samples, [measure_row(sample) for sample in samples], Settings(), reviews=reviews)
    verdicts = decision.verdicts.select(["row", "checks"]).to_pylist()
    checks = {verdict["row"]: Check(**check) for verdict in verdicts for check in verdict["checks"]}
    return {row: check for row, check in checks.items() if check.reason == "too_similar"}


def find_exact_duplicates(samples: Sequence[Sample]) -> dict[int, int]:
    """The rows that repeat an earlier one, each with that row; in preference order."""
    rows = pl.DataFrame(facts_table(samples, "auto")).with_columns(exempt=pl.lit(value=False))
    return dict(repeated_rows(rows).select("row", "of").iter_rows())


def find_contamination(
    samples: Iterable[Sample], benchmark: Sequence[BenchmarkText], ngram: int, characters: int = 50
) -> dict[int, Check]:
    """Rows that overlap a benchmark.

    Args:
        samples: the rows; their prompts and answers are searched turn by turn.
        benchmark: what they must not hold.
        ngram: tokens that must match; shorter texts must match whole.
        characters: letters and digits that must match, whatever the spaces between them.

    Returns:
        For each such row `contaminated` with the longest match, how much was needed, and as evidence the match as it
        stands in the row and the benchmark's turn.
    """
    table = contamination_table(samples, index_benchmark(benchmark, ngram, characters))
    return {
        row: Check("contaminated", float(overlap), float(needed), evidence=text)
        for row, overlap, needed, text in zip(*(column.to_pylist() for column in table.columns), strict=True)
        if overlap is not None
    }


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A kept row and the text by which closeness is judged."""

    row: int
    task_id: str
    category: str | None
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The side of every row, as `SplitColumns` has it."""

    assignment: dict[int, str]
    moved: int
    notes: list[Note]


def split(rows: Sequence[SplitRow], settings: Split, seed: int) -> SplitResult:
    """`split_columns` of rows in memory."""
    columns = {
        "row": pa.array([row.row for row in rows], pa.int64()),
        "group": pa.array([row.task_id for row in rows], pa.string()),
        "category": pa.array([row.category for row in rows], pa.string()),
        "language": pa.array([row.language for row in rows], pa.string()),
        "text": pa.array([row.text for row in rows], pa.string()),
    }
    found = split_columns(pa.table(columns), settings, seed, Execution(workers=1))
    return SplitResult(
        dict(zip(*(found.sides[name].to_pylist() for name in ("row", "split")), strict=True)), found.moved, found.notes
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the mix."""

    row: int
    category: str | None
    language: str
    kind: str | None = None
    difficulty: str | None = None

    @property
    def profile(self) -> Profile:
        return Profile(self.category, self.language, self.kind, self.difficulty)


@dataclass(frozen=True, slots=True)
class BalanceResult:
    """The rows that the mix has no place for, and what could not be had."""

    dropped: dict[int, Check]
    warnings: list[Note]


def balance(rows: Sequence[Candidate], settings: Balance, target: int | None) -> BalanceResult:
    """`balance_rows` for a few rows, in preference order."""
    columns = {"category": pl.String, "language": pl.String, "kind": pl.String, "difficulty_level": pl.String}
    values = [(row.row, *row.profile) for row in rows]
    result = balance_rows(pl.DataFrame(values, schema={"row": pl.Int64, **columns}, orient="row"), settings, target)
    dropped = {
        row: Check(reason, value, threshold, evidence=evidence)
        for row, reason, value, threshold, evidence in result.dropped.iter_rows()
    }
    return BalanceResult(dropped, result.warnings)
