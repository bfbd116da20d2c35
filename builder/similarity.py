"""ROUGE-L as `rouge_score` decides it, and the text of a row that it compares.

ROUGE-L F1 of two token sequences of m and n tokens with a longest common subsequence of L tokens is 2pr/(p+r) with p = L/n
and r = L/m (Lin 2004). Whether that "exceeds" a threshold is decided by rounding on ties: `rouge_score`'s own float
expression decides here too, through `least_lcs`, the smallest L that exceeds.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from rapidfuzz.distance import LCSseq

from builder.schema import Sample

NoveltyKey = Literal["auto", "instruction", "prompt", "conversation", "answer"]


def rouge_l(lcs: int, m: int, n: int) -> float:
    """ROUGE-L F1 from the LCS length and the two lengths in tokens, in `rouge_score`'s own order of operations."""
    if not lcs:
        return 0.0
    precision, recall = lcs / n, lcs / m
    return 2 * precision * recall / (precision + recall)


def similarity(a: Sequence[str], b: Sequence[str]) -> float:
    """ROUGE-L F1 of two token sequences, 0 to 1; 0 where either is empty."""
    return rouge_l(LCSseq.similarity(a, b), len(a), len(b)) if a and b else 0.0


@lru_cache(maxsize=1 << 16)
def least_lcs(m: int, n: int, threshold: float) -> int | None:
    """The smallest LCS length whose ROUGE-L F1 exceeds `threshold` for lengths m and n, or None where none can."""
    shorter = min(m, n)
    low = min(shorter, max(1, int(threshold * (m + n) / 2) - 1))
    while low > 1 and rouge_l(low - 1, m, n) > threshold:
        low -= 1
    while low <= shorter and not rouge_l(low, m, n) > threshold:
        low += 1
    return low if low <= shorter else None


@lru_cache(maxsize=1 << 12)
def admissible_lengths(m: int, threshold: float) -> tuple[int, int]:
    """The smallest and largest length n with which a text of m tokens can exceed the threshold; (m, m - 1) for none.

    From L <= min(m, n): n between m·t/(2 − t) and m·(2 − t)/t, 0.538 m and 1.857 m at 0.7; the ends are then checked.
    """
    low = max(1, int(m * threshold / (2 - threshold)) - 1)
    high = int(m * (2 - threshold) / threshold) + 2
    while low <= m and least_lcs(m, low, threshold) is None:
        low += 1
    while high >= m and least_lcs(m, high, threshold) is None:
        high -= 1
    return (low, high) if low <= high else (m, m - 1)


def novelty_text(sample: Sample, key: NoveltyKey) -> str:
    """The text of a row whose novelty is judged (law 4 of the design); a system text is never part of it.

    `auto` is the instruction for seeds and grown tasks, the whole prompt for imported rows. The instruction of a row that came
    as a conversation is what its users say before the last answer, all rounds together: a greeting or "go on" alone would make
    different requests one.
    """
    if key == "auto":
        key = "prompt" if sample.origin == "imported" else "instruction"
    if key == "answer":
        return sample.answer
    if key == "instruction" and sample.instruction is not None:
        return sample.instruction
    turns = sample.messages if key == "conversation" else sample.prompt
    heard = ("user",) if key == "instruction" else ("user", "assistant", "tool")
    return "\n".join(
        part for turn in turns if turn.role in heard for part in (turn.content, turn.tool_calls or "") if part
    )
