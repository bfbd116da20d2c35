"""ROUGE-L as `rouge_score` decides it, and a growing index that finds every earlier text above a threshold.

ROUGE-L F1 of two token sequences of m and n tokens with a longest common subsequence of L tokens is 2pr/(p+r) with p = L/n
and r = L/m (Lin 2004). Whether that "exceeds" a threshold is decided by rounding on ties: `rouge_score`'s own float
expression decides here too, through `least_lcs`, the smallest L that exceeds.
"""

import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal, TypeVar

from rapidfuzz.distance import LCSseq

from builder.schema import Sample
from builder.text import tokenise

NoveltyKey = Literal["auto", "instruction", "prompt", "conversation", "answer"]

# Records up to this many tokens are found by prefix signatures (at most 34 occurrences, 561 pairs at 0.7); longer ones,
# few in practice, are compared with every record of an admissible length.
_LONGEST_SIGNED = 64
_SURROGATES = range(0xD800, 0xE000)
_LARGEST_CODE = 0x10FFFF

Encoded = str | tuple[int, ...]
T = TypeVar("T")


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


@lru_cache(maxsize=1 << 12)
def _smallest_overlap(m: int, threshold: float) -> int:
    low, high = admissible_lengths(m, threshold)
    return min(
        (a for n in range(low, high + 1) if (a := least_lcs(m, n, threshold)) is not None),
        default=m + 1,
    )


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier record above the threshold: its row and the ROUGE-L F1."""

    row: int
    similarity: float


class NoveltyIndex:
    """Finds the earlier record most similar to a text, among those above the threshold; exact, never approximate.

    Every record of at most 64 tokens emits pairs of its rarest token occurrences: if the overlap of two records must reach
    alpha >= 2, their two rarest shared occurrences lie in the first m - alpha + 2 of either, in any fixed order. The order
    here is "first seen later is rarer", which never changes once a token has its number.

    Args:
        threshold: in (0, 1]; a match has ROUGE-L F1 > threshold. At 1 nothing matches.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._tokens: dict[str, int] = {}
        self._occurrences: dict[tuple[int, int], int] = {}
        self._records: list[Encoded] = []
        self._owners: list[list[tuple[int, str]]] = []
        self._by_text: dict[Encoded, int] = {}
        self._by_pair: dict[tuple[int, int], list[int]] = {}
        self._by_length: dict[int, list[int]] = {}
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._owners))

    def add(self, row: int, tokens: Sequence[str], group: str) -> None:
        """Add a record; `group` is its task, whose members never match one another."""
        encoded = self._encode(tokens)
        known = self._by_text.get(encoded)
        if known is not None:
            self._owners[known].append((row, group))
            return
        number = len(self._records)
        self._records.append(encoded)
        self._owners.append([(row, group)])
        self._by_text[encoded] = number
        length = len(encoded)
        if length not in self._by_length:
            self._by_length[length] = []
            bisect.insort(self._lengths, length)
        self._by_length[length].append(number)
        if self._signed(length):
            for pair in self._signatures(encoded):
                self._by_pair.setdefault(pair, []).append(number)

    def match(self, tokens: Sequence[str], group: str | None = None) -> Match | None:
        """The most similar earlier record above the threshold outside `group`; among equals the lowest row."""
        encoded = self._encode(tokens)
        length = len(encoded)
        if not length or self.threshold >= 1:
            return None
        same = self._by_text.get(encoded)
        if same is not None and (row := self._first_owner(same, group)) is not None:
            return Match(row, 1.0)
        best: Match | None = None
        for number in self._candidates(encoded):
            other = self._records[number]
            least = least_lcs(length, len(other), self.threshold)
            if least is None or number == same:
                continue
            lcs = LCSseq.similarity(encoded, other, score_cutoff=least)
            if lcs < least or (row := self._first_owner(number, group)) is None:
                continue
            score = rouge_l(lcs, length, len(other))
            if best is None or (score, -row) > (best.similarity, -best.row):
                best = Match(row, score)
        return best

    def _candidates(self, encoded: Encoded) -> Iterable[int]:
        length = len(encoded)
        low, high = admissible_lengths(length, self.threshold)
        found: set[int] = set()
        if length <= _LONGEST_SIGNED:
            for pair in self._signatures(encoded):
                found.update(self._by_pair.get(pair, ()))
        first = bisect.bisect_left(self._lengths, low)
        for other in self._lengths[first : bisect.bisect_right(self._lengths, high)]:
            if length > _LONGEST_SIGNED or not self._signed(other):
                found.update(self._by_length[other])
        return found

    def _signed(self, length: int) -> bool:
        return length <= _LONGEST_SIGNED and _smallest_overlap(length, self.threshold) >= 2

    def _signatures(self, encoded: Encoded) -> Iterable[tuple[int, int]]:
        seen: dict[int, int] = {}
        numbered: list[int] = []
        for item in encoded:
            code = ord(item) if isinstance(item, str) else item
            count = seen[code] = seen.get(code, 0) + 1
            numbered.append(self._occurrences.setdefault((code, count), len(self._occurrences)))
        numbered.sort(reverse=True)
        # Two shared occurrences need an overlap of 2: shorter overlaps are found by length, in `_candidates`.
        overlap = max(2, _smallest_overlap(len(encoded), self.threshold))
        return combinations(numbered[: len(encoded) - overlap + 2], 2)

    def _first_owner(self, number: int, group: str | None) -> int | None:
        return min((row for row, owner in self._owners[number] if owner != group), default=None)

    def _encode(self, tokens: Sequence[str]) -> Encoded:
        """One character for each distinct token, which makes the LCS bit-parallel; numbers once characters run out."""
        codes = [self._tokens.setdefault(token, _code(len(self._tokens))) for token in tokens]
        if codes and max(codes) > _LARGEST_CODE:
            return tuple(codes)
        return "".join(map(chr, codes))


def _code(number: int) -> int:
    return number if number < _SURROGATES.start else number + len(_SURROGATES)


def novelty_text(sample: Sample, key: NoveltyKey) -> str:
    """The text of a row whose novelty is judged (law 4 of the design).

    `auto` is the instruction for seeds and grown tasks, the whole prompt for imported rows.
    """
    if key == "auto":
        key = "prompt" if sample.origin == "imported" else "instruction"
    if key == "instruction" and sample.instruction is not None:
        return sample.instruction
    if key == "answer":
        return sample.answer
    turns = sample.messages if key == "conversation" else sample.prompt
    return "\n".join(part for turn in turns for part in (turn.content, turn.tool_calls or "") if part)


def scan(
    rows: Iterable[T],
    threshold: float,
    *,
    text: Callable[[T], str],
    row: Callable[[T], int],
    group: Callable[[T], str],
    exempt: Callable[[T], bool] = lambda _: False,
) -> dict[int, Match]:
    """The one scan: visit rows in order and drop each that a kept one exceeds.

    Args:
        rows: in preference order, best first.
        text, row, group: what is compared, the row's number, and the task within which rows are exempt.
        exempt: rows that are kept whatever they are close to, such as seeds.

    Returns:
        For each dropped row the kept row that decided it.
    """
    index = NoveltyIndex(threshold)
    dropped: dict[int, Match] = {}
    for item in rows:
        tokens = tokenise(text(item))
        found = None if exempt(item) else index.match(tokens, group(item))
        if found is None:
            index.add(row(item), tokens, group(item))
        else:
            dropped[row(item)] = found
    return dropped
