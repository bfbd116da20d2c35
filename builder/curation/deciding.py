"""From rows and their signals to one verdict each: the order of the decisions, and nothing else.

    row checks → exact duplicates → novelty → phrasings → balance and target → split

Every row that fails a row check carries all its failed checks; a duplicate or a too similar row names the kept row that
decided it. Preference order is: rows a human kept, seeds, then the rest by row number.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from builder.config import Settings
from builder.curation.balance import Candidate, balance
from builder.curation.contamination import find_contamination, load_benchmark
from builder.curation.exact import find_exact_duplicates
from builder.curation.filtering import check_row
from builder.curation.novelty import find_similar
from builder.curation.phrasings import draw_phrasings
from builder.curation.split import SplitRow, split
from builder.dataset_folder import Review
from builder.notes import Note
from builder.schema import Check, Sample, Verdict
from builder.signals import SignalValue
from builder.similarity import novelty_text

SignalValues = Mapping[str, SignalValue]


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict for each row, in row order, and what a reader should know."""

    verdicts: list[Verdict]
    notes: list[Note]

    @property
    def kept(self) -> int:
        return sum(verdict.kept for verdict in self.verdicts)


def decide(
    samples: Sequence[Sample],
    values: Sequence[SignalValues],
    settings: Settings,
    *,
    reviews: Mapping[int, Review],
    benchmark: Sequence[Sample] = (),
) -> Decision:
    """Judge every row.

    Args:
        samples: all rows, in row order.
        values: their signals, in the same order.
        settings: thresholds, caps, target.
        reviews: the last human decision of each row; it overrides every check.
        benchmark: rows that must not be in the published data.
    """
    failed = _row_checks(samples, values, settings, reviews, benchmark)
    notes: list[Note] = []
    forced = {row for row, review in reviews.items() if review.decision == "keep"}
    passing = [sample for sample in samples if sample.row not in failed]
    order = sorted(passing, key=lambda s: (s.row not in forced, s.origin != "seed", s.row))

    def drop(checks: Mapping[int, Check]) -> None:
        nonlocal order
        failed.update({row: [check] for row, check in checks.items()})
        order = [sample for sample in order if sample.row not in checks]

    # Seeds and rows that a human kept stay whatever they are close to; other rows are still held against them.
    exempt = forced | {sample.row for sample in order if sample.origin == "seed"}
    drop({row: check for row, check in find_exact_duplicates(order).items() if row not in exempt})
    drop(find_similar(order, settings.novelty, exempt=exempt))
    if not settings.seeds.publish:
        drop({s.row: Check("seed") for s in order if s.origin == "seed" and s.row not in forced})
    drop(draw_phrasings(order, settings.balance.phrasings, settings.seed, first=exempt))
    balanced = balance(
        [Candidate(s.row, s.category, s.language, 0.0, s.task_id, s.kind) for s in order if s.origin != "seed"],
        settings.balance,
        settings.target,
    )
    drop(balanced.dropped)
    notes += balanced.warnings
    order.sort(key=lambda sample: sample.row)
    sides = split(
        [SplitRow(s.row, s.task_id, s.category, s.language, novelty_text(s, settings.novelty.key)) for s in order],
        settings.split,
        settings.seed,
    )
    notes += sides.notes
    notes += _diversity_notes(order)
    verdicts = [_verdict(sample.row, failed.get(sample.row, []), sides.assignment) for sample in samples]
    return Decision(verdicts, notes)


def _row_checks(
    samples: Sequence[Sample],
    values: Sequence[SignalValues],
    settings: Settings,
    reviews: Mapping[int, Review],
    benchmark: Sequence[Sample],
) -> dict[int, list[Check]]:
    contaminated: Mapping[int, Check] = {}
    if benchmark:
        contaminated = find_contamination(samples, load_benchmark(benchmark), settings.contamination.ngram)
    failed: dict[int, list[Check]] = {}
    for sample, row_values in zip(samples, values, strict=True):
        review = reviews.get(sample.row)
        if review is not None and review.decision == "keep":
            continue
        checks = [] if sample.origin == "seed" else check_row(sample, row_values, settings.filters)
        if sample.row in contaminated:
            checks.append(contaminated[sample.row])
        if review is not None:
            checks.insert(0, Check("reviewed_drop", evidence=review.note))
        if checks:
            failed[sample.row] = checks
    return failed


def _verdict(row: int, checks: list[Check], assignment: Mapping[int, str]) -> Verdict:
    if checks:
        return Verdict(row, False, checks[0].reason, checks[0].of, tuple(checks))
    return replace(Verdict(row, True), split="validation" if assignment[row] == "validation" else "train")


def _diversity_notes(kept: Sequence[Sample]) -> list[Note]:
    """Warn where one category holds more than half of the kept rows that have a category."""
    counts = Counter(sample.category for sample in kept if sample.category)
    if not counts:
        return []
    category, count = counts.most_common(1)[0]
    if count * 2 <= counts.total() or len(kept) < 20:
        return []
    share = f"{count / counts.total():.0%}"
    return [
        Note(
            "warning",
            f"{share} of the kept rows are in one category ({category}); set balance.max_share to cap it.",
            f"保留的数据中有 {share} 属于同一类别（{category}）；可用 balance.max_share 设上限。",
        )
    ]
