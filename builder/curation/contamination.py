"""Overlap with held-out benchmarks: a row that holds a piece of one would make its score mean little.

A text of at least `ngram` tokens overlaps where that many of its tokens stand in a row's turn in the same order without a
gap (13 words: GPT-3's decontamination, Brown et al. 2020, appendix C; a Chinese character is one token). A shorter text must
stand there whole: as a part of a turn from 8 tokens on (the least n that appendix C uses), as the whole turn from 4 on, and
answers of fewer than 8 tokens never ("Yes", 对, "I am not sure"), since every dataset has them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from builder.schema import Check, Sample
from builder.text import tokenise

_LEAST_IN_TURN = 8
_LEAST_AS_TURN = 4
# An n-gram in more than 10 different benchmark prompts is the benchmark's template, "answer with one of the letters …"
# (appendix C drops n-grams that are in more than 10 documents).
_MOST_TEXTS = 10

Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What must not be in the data.

    Attributes:
        texts: the different prompts and answers, as tokens, each with the name of the first row that holds it, such as
            `eval.jsonl, row 7`, and whether it is a prompt.
    """

    texts: dict[Gram, tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class _Index:
    """Benchmark rows by n-gram or whole text of 8 tokens and more, and by whole prompt of 4 to 7.

    `beginnings` are the first tokens of `grams`, as many as the shortest has, so that one look decides about most places.
    """

    grams: dict[Gram, str]
    turns: dict[Gram, str]
    lengths: tuple[int, ...]
    beginnings: frozenset[Gram]


@dataclass(frozen=True, slots=True)
class _Overlap:
    start: int
    length: int
    needed: int
    source: str


def load_benchmark(samples: Iterable[Sample]) -> Benchmark:
    """Read the prompts and answers of benchmark rows; system prompts and tool results are left out."""
    texts: dict[Gram, tuple[str, bool]] = {}
    for sample in samples:
        for turn in sample.messages:
            if turn.role in ("user", "assistant"):
                source = f"{sample.source}, row {sample.row}"
                texts.setdefault(tuple(tokenise(turn.content)), (source, turn.role == "user"))
    return Benchmark(texts)


def find_contamination(samples: Iterable[Sample], benchmark: Benchmark, ngram: int) -> dict[int, Check]:
    """Rows that overlap a benchmark.

    Args:
        samples: the rows; their prompts and answers are searched turn by turn.
        benchmark: what they must not hold.
        ngram: tokens that must match; shorter texts must match whole.

    Returns:
        For each such row `contaminated` with the longest run of matching tokens, how many were needed, and as evidence the
        run as it stands in the row and the benchmark row.
    """
    index = _index(benchmark, ngram)
    found = {sample.row: _check(sample, index) for sample in samples}
    return {row: check for row, check in found.items() if check is not None}


def _index(benchmark: Benchmark, ngram: int) -> _Index:
    counted: Counter[Gram] = Counter()
    for tokens in benchmark.texts:
        counted.update(set(_runs(tokens, ngram)))
    grams: dict[Gram, str] = {}
    turns: dict[Gram, str] = {}
    for tokens, (source, is_prompt) in benchmark.texts.items():
        if len(tokens) >= ngram:
            for gram in _runs(tokens, ngram):
                if counted[gram] <= _MOST_TEXTS:
                    grams.setdefault(gram, source)
        elif len(tokens) >= _LEAST_IN_TURN:
            grams.setdefault(tokens, source)
        elif is_prompt and len(tokens) >= _LEAST_AS_TURN:
            turns.setdefault(tokens, source)
    lengths = tuple(sorted({len(gram) for gram in grams}))
    beginnings = frozenset(gram[: lengths[0]] for gram in grams)
    return _Index(grams, turns, lengths, beginnings)


def _check(sample: Sample, index: _Index) -> Check | None:
    longest: tuple[int, Check] | None = None
    for turn in sample.messages:
        if turn.role not in ("user", "assistant"):
            continue
        tokens = tokenise(turn.content)
        overlap = _longest_overlap(tokens, index)
        if overlap is not None and (longest is None or overlap.length > longest[0]):
            span = _span(turn.content, tokens, overlap)
            evidence = f"{span[:160]} ← {overlap.source}"
            check = Check("contaminated", float(overlap.length), float(overlap.needed), evidence=evidence)
            longest = overlap.length, check
    return longest[1] if longest else None


def _longest_overlap(tokens: Sequence[str], index: _Index) -> _Overlap | None:
    whole = index.turns.get(tuple(tokens))
    if whole is not None:
        return _Overlap(0, len(tokens), len(tokens), whole)
    if not index.lengths:
        return None
    places = [i for i, run in enumerate(_runs(tokens, index.lengths[0])) if run in index.beginnings]
    best: _Overlap | None = None
    for size in index.lengths:
        starts = [i for i in places if tuple(tokens[i : i + size]) in index.grams]
        for start, end in _stretches(starts):
            length = end - start + size
            if best is None or length > best.length:
                best = _Overlap(start, length, size, index.grams[tuple(tokens[start : start + size])])
    return best


def _stretches(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of places that follow each other."""
    start = None
    for i, place in enumerate(places):
        start = place if start is None else start
        if i + 1 == len(places) or places[i + 1] != place + 1:
            yield start, place
            start = None


def _runs(tokens: Sequence[str], size: int) -> Iterable[Gram]:
    return zip(*(tokens[i:] for i in range(size)), strict=False)


def _span(text: str, tokens: Sequence[str], overlap: _Overlap) -> str:
    """The overlap as it stands in the text; tokens follow each other there, so each is the next occurrence."""
    folded = text.lower()
    place, start = 0, 0
    for i, token in enumerate(tokens[: overlap.start + overlap.length]):
        found = folded.find(token, place)
        if found < 0 or len(folded) != len(text):
            # Full-width letters, or letters whose lower case has another length: the tokens themselves have to do.
            return " ".join(tokens[overlap.start : overlap.start + overlap.length])
        start = found if i == overlap.start else start
        place = found + len(token)
    return text[start:place]
