"""From rows and their signals to one verdict each: the order of the decisions, and nothing else.

    row checks → exact duplicates → novelty → phrasings → balance and target → split

Every row that fails a row check carries all its failed checks; a duplicate or a too similar row names the row that decided it,
which was kept when all were compared: it may still go later, for the mix or as a seed that is not published. Preference order
is: rows a human kept, seeds, then the rest by score, then by row number; where not all rows fit, those of the higher quality (the
score beside others of the same form) come first. All of it works on columns, a line for each row, so that a million rows need no
object each.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from builder.config import Settings
from builder.curation.balance import balance_rows
from builder.curation.classifying import Guesses, guess_categories, guess_notes, with_guesses
from builder.curation.contamination import contamination_table, index_benchmark, load_benchmark
from builder.curation.covering import cells_of, choose_by_coverage, in_proportion
from builder.curation.difficulty import COLUMNS as DIFFICULTY_COLUMNS
from builder.curation.difficulty import LEVEL, score_difficulty
from builder.curation.diversity import diversity_notes, measure_diversity
from builder.curation.exact import repeated_rows
from builder.curation.facts import facts_table, find_missing
from builder.curation.filtering import FAILED_SCHEMA, columns_needed, failed_checks, failed_texts, needs_text
from builder.curation.meaning import near_rows, same_meaning
from builder.curation.novelty.requests import REQUEST_COLUMNS
from builder.curation.paraphrase import Paraphrases, background_of
from builder.curation.phrasings import draw_phrasings
from builder.curation.quality import QUALITY, SCORE, columns_scored, score_rows
from builder.curation.redacting import replaced_rows, with_inherited_marks
from builder.curation.similar_rows import similar_rows, with_families
from builder.curation.split import split_columns
from builder.encoders import Codes, character_codes
from builder.language.notes import Note
from builder.schema import CHECK_TYPE, VERDICT_SCHEMA, Sample
from builder.signals import SIGNALS, SignalValue
from builder.store.reviews import Ruling

SignalValues = Mapping[str, SignalValue]

# The table of signals that holds which reviews the verdicts obey.
REVIEWED = "reviewed"
REVIEWED_SCHEMA = {"row": pl.Int64, "decision": pl.String, "note": pl.String, "of": pl.Int64}
_BY_HAND = {"drop": "reviewed_drop", "replaced": "edited", "withdrawn": "edit_withdrawn"}
SAMPLE_COLUMNS = ("row", "task_id", "category", "language", "origin", "kind")
FACT_COLUMNS = (
    *("fingerprint", "novelty_text", *REQUEST_COLUMNS, "wording", "given", "redaction_of", "evolved_from"),
    "picture_key",
)
_CONTAMINATION_COLUMNS = ("overlap", "overlap_needed", "overlap_text")
# Of a review, of a redaction, and of what is said after all row filters.
_FIRST_RANK, _REDACTED_RANK, _LAST_RANK = -1_000_000, -999_999, 1_000_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        verdicts: one for each row, in row order (`VERDICT_SCHEMA`).
        quality: the score of each row and its components, as `score_rows` gives them.
        difficulty: of each row, as `score_difficulty` gives it.
        notes: what a reader should know.
        diversity: of the kept rows beside a random choice, as `measure_diversity` gives it.
        guesses: categories for rows without one, where they are asked for and possible.
        reviewed: what people's reviews came to that were obeyed (row, decision, note, of).
    """

    verdicts: pa.Table
    quality: pl.DataFrame
    difficulty: pl.DataFrame
    notes: list[Note]
    diversity: Mapping[str, Any]
    guesses: Guesses | None
    reviewed: pl.DataFrame

    @property
    def kept(self) -> int:
        return int(np.count_nonzero(self.verdicts["kept"]))


def columns_read(settings: Settings) -> set[str]:
    """The columns of signals that `decide_rows` reads under these settings, where they were measured."""
    filtered = (
        columns_needed(settings.filters) | columns_scored(settings.quality) | {*FACT_COLUMNS, *DIFFICULTY_COLUMNS}
    )
    return filtered | set(_CONTAMINATION_COLUMNS if settings.contamination.against else ())


def decide(
    samples: Sequence[Sample],
    values: Sequence[SignalValues],
    settings: Settings,
    *,
    reviews: Mapping[int, Ruling],
    benchmark: Sequence[Sample] = (),
    vectors: Codes | None = None,
) -> Decision:
    """Judge rows that are in memory, as `decide_rows` does.

    Args:
        samples: all rows, in row order.
        values: their signals, in the same order.
        settings: thresholds, weights, caps, target.
        reviews: what people's reviews of each row come to; it overrides every check.
        benchmark: rows that must not be in the published data.
        vectors: as for `decide_rows`.
    """
    columns = {name: [getattr(sample, name) for sample in samples] for name in SAMPLE_COLUMNS}
    frames = [
        pl.DataFrame(columns, schema={name: pl.Int64 if name == "row" else pl.String for name in SAMPLE_COLUMNS}),
        _frame(find_missing(facts_table(samples, settings.novelty.key), {})).drop("row"),
        _values_frame(values, columns_read(settings)),
    ]
    if benchmark:
        sizes = settings.contamination
        index = index_benchmark(load_benchmark(benchmark), sizes.ngram, sizes.characters)
        frames.append(_frame(contamination_table(samples, index)).drop("row"))
    texts = failed_texts(samples, settings.filters) if needs_text(settings.filters) else None
    return decide_rows(pl.concat(frames, how="horizontal"), settings, reviews=reviews, texts=texts, vectors=vectors)


def _values_frame(values: Sequence[SignalValues], wanted: set[str]) -> pl.DataFrame:
    types = {name: kind for signal in SIGNALS.values() for name, kind in signal.columns}
    present = sorted(wanted & {name for row in values[:1] for name in row} | wanted & types.keys())
    return _frame(pa.table({name: pa.array([row.get(name) for row in values], types.get(name)) for name in present}))


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def decide_rows(
    rows: pl.DataFrame,
    settings: Settings,
    *,
    reviews: Mapping[int, Ruling],
    texts: pl.DataFrame | None = None,
    vectors: Codes | None = None,
) -> Decision:
    """Judge every row.

    Args:
        rows: one line for each row, in row order: `SAMPLE_COLUMNS` and `columns_read`.
        settings: thresholds, weights, caps, target.
        reviews: what people's reviews of each row come to; it overrides every check.
        texts: the failed checks that only the text could tell (`failed_texts`).
        vectors: of every row, by its number, where a setting needs them; behind them may stand those of the typical requests
            (see `builder.curation.classifying`).
    """
    kept_by_hand = sorted(row for row, review in reviews.items() if review.decision == "keep")
    rows = with_families(with_inherited_marks(rows))
    quality, difficulty = score_rows(rows, settings.quality), score_difficulty(rows)
    guesses = None
    if settings.categories.guess:
        guesses = guess_categories(rows, settings.categories, vectors)
        rows = rows if guesses is None else with_guesses(rows, guesses.table)
    rows = rows.with_columns(
        quality[QUALITY], quality[SCORE], difficulty[LEVEL], forced=pl.col("row").is_in(kept_by_hand)
    ).with_columns(
        # Seeds and rows that a human kept stay whatever they are close to; other rows are still held against them.
        exempt=pl.col("forced") | (pl.col("origin") == "seed"),
        # Published rules stand alone.
        imported=(pl.col("origin") == "imported") & (settings.growth.preset is None),
    )
    failed = _row_checks(rows, settings, reviews, texts)
    course = _Course(rows, failed)
    course.drop(repeated_rows(course.left))
    _drop_close(course, settings, vectors)
    if not settings.seeds.publish:
        seeds = (pl.col("origin") == "seed") & ~pl.col("forced")
        course.drop(course.left.filter(seeds).select("row", reason=pl.lit("seed")))
    course.drop(draw_phrasings(course.left, settings.balance.phrasings, settings.seed))
    pool = course.left.filter(pl.col("origin") != "seed").sort(
        [~pl.col("forced"), -pl.col(QUALITY)], maintain_order=True
    )
    cells = cells_of(settings.balance) if settings.balance.choose == "coverage" else []
    balanced = balance_rows(in_proportion(pool, cells) if cells else pool, settings.balance, settings.target)
    left_out = balanced.dropped
    if cells and len(left_out):
        codes = character_codes(pool["novelty_text"].to_list()) if vectors is None else vectors[pool["row"].to_numpy()]
        left_out = choose_by_coverage(pool, left_out, codes, cells)
    course.drop(left_out)
    kept = course.left.sort("row")
    with ThreadPoolExecutor(1) as beside:
        measured = beside.submit(measure_diversity, pool.sort("row"), kept["row"], vectors, settings.seed)
        sides, split_notes = _sides(kept, settings, vectors)
        diversity = measured.result()
    notes = [*balanced.warnings, *split_notes, *diversity_notes(kept), *guess_notes(guesses)]
    verdicts = _verdicts(rows["row"], course.failed(), sides)
    return Decision(verdicts, quality, difficulty, notes, diversity, guesses, reviewed_table(reviews))


def _drop_close(course: "_Course", settings: Settings, vectors: Codes | None) -> None:
    """Drop what a kept row says already, by its words or by its meaning.

    Both are one scan in preference order: a row that goes for its meaning drops no other by its words. So where it would have,
    the words are compared again without it, until the same rows go as did before.
    """
    meant = pl.DataFrame(schema={"row": pl.Int64})
    measure = None if vectors is None else _paraphrases(course.left, vectors, settings)
    while True:
        compared = course.left.join(meant, on="row", how="anti", maintain_order="left")
        similar = similar_rows(compared, settings.novelty.thresholds, settings.execution)
        if vectors is None or measure is None:
            course.drop(similar)
            return
        left = course.left.join(similar, on="row", how="anti", maintain_order="left")
        dropped = same_meaning(left, vectors[left["row"].to_numpy()], settings.meaning, measure)
        now = dropped.select("row")
        is_more = len(meant.join(now, on="row", how="anti")) == 0
        if is_more and (len(now) == len(meant) or not len(similar.join(now, left_on="of", right_on="row", how="semi"))):
            course.drop(similar)
            course.drop(dropped)
            return
        meant = now


def _paraphrases(rows: pl.DataFrame, vectors: Codes, settings: Settings) -> Paraphrases | None:
    """The measure of meaning, where rows are compared by it."""
    encoder = settings.meaning.encoder
    if encoder == "none":
        return None
    return Paraphrases(encoder, background_of(encoder, rows["novelty_text"], vectors[rows["row"].to_numpy()]))


class _Course:
    """The rows that are left, in preference order, and the checks that the others failed.

    Attributes:
        left: those that passed.
    """

    def __init__(self, rows: pl.DataFrame, failed: pl.DataFrame) -> None:
        self._failed = [failed]
        left = rows.lazy().select(
            *SAMPLE_COLUMNS, *FACT_COLUMNS, QUALITY, SCORE, LEVEL, "forced", "exempt", "imported", "family"
        )
        passed = left.collect().filter(~pl.col("row").is_in(failed["row"].unique().implode()))
        self.left = passed.sort([~pl.col("forced"), pl.col("origin") != "seed", -pl.col(SCORE), pl.col("row")])

    def drop(self, failed: pl.DataFrame) -> None:
        """Leave out rows.

        Args:
            failed: row, reason, and of value, threshold, of and evidence those that there are.
        """
        if len(failed):
            self._failed.append(_complete(failed, _LAST_RANK))
            self.left = self.left.join(failed.select("row"), on="row", how="anti", maintain_order="left")

    def failed(self) -> pl.DataFrame:
        """Every failed check, by row and rank."""
        return pl.concat(self._failed).sort("row", "rank", maintain_order=True)


def _complete(failed: pl.DataFrame, rank: int) -> pl.DataFrame:
    defaults = {"rank": rank, "value": None, "threshold": None, "of": None, "evidence": ""}
    added = [pl.lit(value).alias(name) for name, value in defaults.items() if name not in failed.columns]
    return failed.with_columns(added).select(pl.col(name).cast(kind) for name, kind in FAILED_SCHEMA.items())


def _row_checks(
    rows: pl.DataFrame, settings: Settings, reviews: Mapping[int, Ruling], texts: pl.DataFrame | None
) -> pl.DataFrame:
    """Every check that each row fails by itself; rows that a human kept fail none, seeds only what is not a filter."""
    by_hand = reviewed_table(reviews).filter(pl.col("decision") != "keep")
    there = rows.lazy().select("row").collect()
    judged = rows.filter(~pl.col("exempt"))
    found = [failed_checks(judged, settings.filters), _complete(replaced_rows(rows), _REDACTED_RANK)]
    if texts is not None:
        found.append(texts.join(judged, on="row", how="semi"))
    if "overlap" in rows.columns:
        contaminated = rows.filter(pl.col("overlap").is_not_null() & ~pl.col("forced")).select(
            "row",
            reason=pl.lit("contaminated"),
            value="overlap",
            threshold="overlap_needed",
            evidence="overlap_text",
        )
        found.append(_complete(contaminated, _LAST_RANK))
    if len(by_hand):
        reviewed = by_hand.join(there, on="row", how="semi").select(
            "row", "of", evidence="note", reason=pl.col("decision").replace_strict(_BY_HAND, return_dtype=pl.String)
        )
        found.append(_complete(reviewed, _FIRST_RANK))
    return pl.concat(found)


def reviewed_table(rulings: Mapping[int, Ruling]) -> pl.DataFrame:
    """What people's reviews come to, a line for each row that they decide: row, decision, note, of."""
    records = [(one.row, one.decision, one.note, one.of) for _, one in sorted(rulings.items())]
    return pl.DataFrame(records, schema=REVIEWED_SCHEMA, orient="row")


def _sides(kept: pl.DataFrame, settings: Settings, vectors: Codes | None) -> tuple[pl.DataFrame, list[Note]]:
    """The side of each kept row (row, split), and what a reader should know of them."""
    if not settings.split.validation_share:
        return kept.select("row", split=pl.lit("train")), []
    near = None
    if vectors is not None and settings.meaning.encoder != "none":
        near = near_rows(
            vectors[kept["row"].to_numpy()],
            kept["novelty_text"],
            settings.split.max_similarity,
            settings.meaning,
            pictures=kept["picture_key"],
        )
    result = split_columns(
        kept.select(
            "row", "category", "language", "imported", *REQUEST_COLUMNS, group="task_id", text="novelty_text"
        ).to_arrow(),
        settings.split,
        settings.seed,
        settings.execution,
        near=near,
    )
    return _frame(result.sides), result.notes


def _verdicts(rows: pl.Series, failed: pl.DataFrame, sides: pl.DataFrame) -> pa.Table:
    """Verdicts in row order.

    Args:
        failed: every failed check, by row and rank.
        sides: row and split of the kept rows.
    """
    numbers = rows.to_numpy()
    counts = np.bincount(np.searchsorted(numbers, failed["row"].to_numpy()), minlength=len(numbers))
    ends = np.cumsum(counts)
    kept = counts == 0
    first = pa.array(np.where(kept, 0, ends - counts), mask=kept)
    decisive = failed.unique("row", keep="first", maintain_order=True)
    checks = failed.to_arrow().cast(_CHECKS_SCHEMA)
    listed = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], ends]), pa.int32()),
        pa.StructArray.from_arrays(
            [checks[field.name].combine_chunks() for field in CHECK_TYPE], fields=list(CHECK_TYPE)
        ),
    )
    split = pl.DataFrame({"row": rows}).join(sides, on="row", how="left", maintain_order="left")["split"]
    columns = [
        pa.array(numbers),
        pa.array(kept),
        checks["reason"].take(first),
        pl.DataFrame({"row": rows})
        .join(_stood_for(decisive), on="row", how="left", maintain_order="left")["of"]
        .to_arrow(),
        listed,
        split.to_arrow().cast(pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=VERDICT_SCHEMA)


def _stood_for(decisive: pl.DataFrame) -> pl.DataFrame:
    """For each dropped row the row that stood for it (row, of): of a duplicate whose first copy repeats another task, that one.

    The checks name the copy itself. What went after all comparisons (`seed`, the mix) still stood for others until then.
    """
    copies = decisive.filter(pl.col("reason") == "exact_duplicate")
    repeats = decisive.filter(pl.col("reason").is_in(["too_similar", "same_meaning"])).select(of="row", stands="of")
    followed = copies.join(repeats, on="of").select("row", "stands")
    return decisive.join(followed, on="row", how="left").select("row", of=pl.coalesce("stands", "of"))


_CHECKS_SCHEMA = pa.schema([pa.field("row", pa.int64()), pa.field("rank", pa.int32()), *CHECK_TYPE])
