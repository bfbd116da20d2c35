"""Rows that say nearly what a kept row says, by ROUGE-L."""

from collections.abc import Collection, Sequence

from builder.config import Novelty
from builder.schema import Check, Sample
from builder.similarity import Match, novelty_text, scan
from builder.text import token_mode

_EVIDENCE_CHARACTERS = 120


def find_similar(
    samples: Sequence[Sample], novelty: Novelty, *, exempt: Collection[int] | None = None
) -> dict[int, Check]:
    """The one scan: rows that a kept one exceeds by ROUGE-L F1.

    Rows of one task are exempt among themselves. Texts without tokens, such as emoji, never match.

    Args:
        samples: in preference order; rows that failed another check are left out by the caller.
        novelty: what is compared, and the threshold.
        exempt: rows that stay whatever they are close to and still decide about others; None is the seeds.

    Returns:
        For each row that is not novel `too_similar`, with the score and the kept row that decided it.
    """
    if exempt is None:
        exempt = {sample.row for sample in samples if sample.origin == "seed"}
    texts = {sample.row: novelty_text(sample, novelty.key) for sample in samples}
    dropped = scan(
        samples,
        novelty.threshold,
        text=lambda sample: texts[sample.row],
        row=lambda sample: sample.row,
        group=lambda sample: sample.task_id,
        exempt=lambda sample: sample.row in exempt,
    )
    return {row: too_similar(match, novelty.threshold, texts[row], texts[match.row]) for row, match in dropped.items()}


def too_similar(match: Match, threshold: float, text: str, other: str) -> Check:
    """The check of a text that an earlier one exceeds."""
    return Check("too_similar", match.similarity, threshold, match.row, compared(text, other))


def compared(text: str, other: str) -> str:
    """The evidence of a comparison: how the texts were split, `word` or `cjk`, and how the other one begins."""
    return f"{token_mode(text)}: {' '.join(other.split())[:_EVIDENCE_CHARACTERS]}"
