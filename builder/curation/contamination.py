"""Overlap with held-out benchmarks: a row that holds a piece of one would make its score mean little.

    benchmark  Which bird can fly backwards for as long as it likes, and which bird can not fly at all?
    row        … 请回答：WHICH  BIRD can fly backwards for aslong as it likes, and which …

Texts are compared as `builder.curation.folding` sees them: case, width, spacing, punctuation, marks on letters,
traditional or simplified characters and Cyrillic or Greek letters in place of Latin ones make no difference. A turn overlaps where it holds

- `ngram`: that many tokens of a benchmark's turn in a row (13 words: GPT-3's decontamination, Brown et al. 2020,
  appendix C), with at least three letters for every two tokens: a Chinese character is one token, and 20 of them say about
  what 13 words say;
- `characters`: that many letters and digits of one in a row, whatever the spaces between them (50: GPT-4's, OpenAI 2023,
  appendix C), which finds words that were run together or torn apart;
- `exact`: a shorter text whole: as a part of the turn from 8 tokens on (the least n that GPT-3's appendix uses), as the
  whole turn from 4 on where it is a prompt. Answers of fewer than 8 tokens never ("Yes", 对), since every dataset has them;
- `picture`: a turn with pictures whole, with the same ones: "What is this?" about another picture is another question.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from builder.curation.folding import Folded, Places, fold, places_of
from builder.curation.grams import Grams, Hashes, Sums, index_grams, locate
from builder.formats.options import lists_options
from builder.pictures import pictures_in
from builder.schema import Message, Sample
from builder.signals.signal import table_schema
from builder.text import count_words, normalise

# Held against the other half of a file of Chinese Alpaca rows, 500 rows give 9 hits at 13 characters, 5 of them polite
# phrases, and 5 at 20, all of them copies but one, a law of physics; of English rows 13 words give 2 such phrases.
_LETTERS_PER_TOKEN = 1.5
_LEAST_IN_TURN = 8
_LEAST_AS_TURN = 4
_SHORT = 50  # characters of a question: a longer one has grams of its own
# A gram in more than 10 different benchmark texts is the benchmark's template, "answer with one of the letters …"
# (GPT-3's appendix C drops n-grams that are in more than 10 documents).
_MOST_TEXTS = 10
# Turns are searched together, as many as this, and longer ones in pieces that overlap by more than any short text.
_CHARACTERS_AT_ONCE = 500_000
_OVERLAP = 4_000
# What is shown of a match, and of what stands around it.
_SHOWN = 160
_AROUND = 24

CONTAMINATION = "contamination"
CONTAMINATION_VERSION = 3


@dataclass(frozen=True, slots=True)
class BenchmarkText:
    """A turn of a benchmark row.

    Attributes:
        source: such as `eval.jsonl#7 messages[0]`.
        is_prompt: whether the user says it.
        pictures: that it holds.
    """

    text: str
    source: str
    is_prompt: bool
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchmarkIndex:
    """Benchmark turns made searchable: about 30 bytes for each of their letters; it can be sent to other processes.

    Attributes:
        name: a hash of the benchmark and the settings; rows that were searched for the same need no second search.
        sources: of each text.
        folded: the texts.
        ngrams, runs: places in the folded texts by tokens and by characters.
        parts: the numbers of texts that must stand whole in a turn, by their first 8 codes.
        part_hashes: of each text, whole.
        turns: the numbers of texts that a turn may be, by their whole hash.
        pictured: the sources of turns with pictures, which are none of the texts, by what they hold.
    """

    name: str
    ngram: int
    characters: int
    sources: tuple[str, ...]
    folded: Folded
    ngrams: Grams
    runs: Grams
    parts: Grams
    part_hashes: Hashes
    turns: Grams
    pictured: Mapping["_Pictured", str] = field(default_factory=dict)

    def count_tokens(self, text: int) -> int:
        """How many tokens one of the texts has."""
        return self.folded.count_tokens(int(self.folded.starts[text]), int(self.folded.ends[text]))


@dataclass(frozen=True, slots=True)
class Overlap:
    """The longest match of a turn.

    Attributes:
        turn: its place in the row's messages.
        kind: `ngram`, `characters`, `exact` or `picture`.
        length: tokens that match, or characters where the kind is that; of a turn with pictures its words and pictures.
        needed: how many had to.
        evidence: where the match is, the match with some words around it, and the benchmark's turn.
    """

    turn: int
    kind: str
    length: int
    needed: int
    evidence: str


@dataclass(frozen=True, slots=True)
class _Match:
    """Codes `start` to `end` of a folded turn, the benchmark's text, and whether it must be the turn whole."""

    kind: str
    start: int
    end: int
    length: int
    needed: int
    text: int
    is_turn: bool = False


_Pictured = tuple[tuple[str, ...], str]  # the pictures of a turn and its folded text


@dataclass(frozen=True, slots=True)
class _Piece:
    sample: int
    turn: int
    text: str
    whole: bool


def load_benchmark(samples: Iterable[Sample]) -> list[BenchmarkText]:
    """Read the prompts and answers of benchmark rows, prompts first; system prompts and tool results are left out.

    A short question with options counts without them too: rows ask it in their own way.
    """
    texts = [
        BenchmarkText(text, f"{sample.source} messages[{place}]", turn.role == "user", _pictures(turn))
        for sample in samples
        for place, turn in enumerate(sample.messages)
        if turn.role in ("user", "assistant")
        for text in (turn.content, *(_short_question(sample) if turn.role == "user" else ()))
    ]
    return sorted(texts, key=lambda text: not text.is_prompt)


def _pictures(turn: Message) -> tuple[str, ...]:
    return () if turn.parts is None else tuple(pictures_in([turn]))


def contamination_schema(index: BenchmarkIndex) -> pa.Schema:
    """The schema of `contamination_table`; its version names what was searched for."""
    return table_schema(
        f"{CONTAMINATION}/{CONTAMINATION_VERSION}/{index.name}",
        [("overlap", pa.int64()), ("overlap_needed", pa.int64()), ("overlap_text", pa.string())],
    )


def contamination_table(samples: Iterable[Sample], index: BenchmarkIndex) -> pa.Table:
    """How far rows overlap a benchmark, turn by turn over their prompts and answers.

    Returns:
        For each row `overlap`, the longest match, `overlap_needed`, how much was needed, and `overlap_text`, the match as
        it stands in the row and the benchmark's turn; nulls for clean rows.
    """
    rows: list[int] = []

    def numbered() -> Iterator[Sample]:
        for sample in samples:
            rows.append(sample.row)
            yield sample

    found = find_overlaps(numbered(), index)
    overlaps = [found.get(place) for place in range(len(rows))]
    columns = [
        rows,
        [overlap and overlap.length for overlap in overlaps],
        [overlap and overlap.needed for overlap in overlaps],
        [overlap and overlap.evidence for overlap in overlaps],
    ]
    schema = contamination_schema(index)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _short_question(sample: Sample) -> tuple[str, ...]:
    question = sample.instruction or ""
    return (question,) if len(question) < _SHORT and lists_options(sample.input or "") else ()


def index_benchmark(benchmark: Sequence[BenchmarkText], ngram: int, characters: int = 50) -> BenchmarkIndex:
    """Make a benchmark searchable.

    Args:
        ngram: tokens that must match; shorter texts must match whole.
        characters: letters and digits that must match, whatever the spaces between them.
    """
    named = hashlib.sha256(f"{ngram}\0{characters}".encode())
    for text in benchmark:
        named.update(f"\0{text.text}\0{text.source}\0{text.is_prompt}".encode("utf-8", "surrogatepass"))
        if text.pictures:
            named.update("\0".join(text.pictures).encode("utf-8", "surrogatepass"))
    pictured = {(text.pictures, normalise(text.text)): text.source for text in reversed(benchmark) if text.pictures}
    benchmark = [text for text in benchmark if not text.pictures]
    folded = fold([text.text for text in benchmark])
    sums = Sums(folded.codes)
    ngrams, runs = (
        index_grams(sums.hashes(*windows), windows[0], folded.ends, _MOST_TEXTS)
        for windows in (_token_windows(folded, ngram), _windows(folded, characters))
    )
    bounds = np.searchsorted(folded.tokens, folded.starts), np.searchsorted(folded.tokens, folded.ends)
    counts = bounds[1] - bounds[0]
    # of a text that is too short for either, or all of whose grams are templates, the whole is left
    by_grams = np.isin(np.arange(len(benchmark)), folded.texts_at(ngrams.places))
    by_grams &= np.isin(np.arange(len(benchmark)), folded.texts_at(runs.places))
    prompts = np.array([text.is_prompt for text in benchmark], np.bool_)
    part = np.flatnonzero((counts >= _LEAST_IN_TURN) & ~by_grams)
    turn = np.flatnonzero((counts >= _LEAST_IN_TURN) | (prompts & (counts >= _LEAST_AS_TURN)))
    hashes = sums.hashes(folded.starts, folded.ends)
    return BenchmarkIndex(
        named.hexdigest()[:16],
        ngram,
        characters,
        tuple(text.source for text in benchmark),
        folded,
        ngrams,
        runs,
        index_grams(sums.hashes(folded.starts[part], folded.starts[part] + _LEAST_IN_TURN), part),
        hashes,
        index_grams(hashes[turn], turn),
        pictured,
    )


def _windows(folded: Folded, size: int) -> tuple[Places, Places]:
    """Starts and ends of all runs of `size` codes inside one text."""
    starts = np.arange(len(folded.codes), dtype=np.int64)
    inside = np.ones(len(starts), np.bool_)
    lengths = folded.ends - folded.starts
    # the last size - 1 codes of each text begin no run
    last = np.minimum(lengths, size - 1)
    inside[np.repeat(folded.ends - np.cumsum(last), last) + np.arange(int(last.sum()))] = False
    starts = starts[inside]
    return starts, starts + size


def _token_windows(folded: Folded, size: int) -> tuple[Places, Places]:
    """Starts and ends of all runs of `size` tokens, and as many more as make up the least letters, inside one text."""
    bounds = np.append(folded.tokens, len(folded.codes))
    numbers = np.arange(max(0, len(bounds) - size))
    starts = bounds[numbers]
    stops = np.maximum(numbers + size, np.searchsorted(bounds, starts + math.ceil(_LETTERS_PER_TOKEN * size)))
    starts, stops = starts[stops < len(bounds)], bounds[stops[stops < len(bounds)]]
    inside = stops <= folded.ends[np.searchsorted(folded.ends, starts, "right")]
    return starts[inside], stops[inside]


def find_overlaps(samples: Iterable[Sample], index: BenchmarkIndex) -> dict[int, Overlap]:
    """The longest match of each sample that has one, by its place among the samples, from 0."""
    found: dict[int, Overlap] = {}
    waiting: list[_Piece] = []
    size = 0
    for piece in _pieces(samples, index, found):
        waiting.append(piece)
        size += len(piece.text)
        if size >= _CHARACTERS_AT_ONCE:
            _search(waiting, index, found)
            waiting, size = [], 0
    if waiting:
        _search(waiting, index, found)
    return found


def _pieces(samples: Iterable[Sample], index: BenchmarkIndex, found: dict[int, Overlap]) -> Iterator[_Piece]:
    """The texts of turns; what turns with pictures share with the benchmark is found on the way."""
    for number, sample in enumerate(samples):
        for place, turn in enumerate(sample.messages):
            if turn.role not in ("user", "assistant"):
                continue
            if turn.parts is not None and index.pictured:
                pictures = _pictures(turn)
                source = index.pictured.get((pictures, normalise(turn.content)))
                if source is not None:
                    length = count_words(turn.content) + len(pictures)
                    shown = f"messages[{place}] picture: {pictures[0][:_SHOWN]} «{turn.content[:_SHOWN]}» ← {source}"
                    found[number] = Overlap(place, "picture", length, length, shown)
            whole = len(turn.content) <= _CHARACTERS_AT_ONCE
            for start in range(0, max(len(turn.content), 1), _CHARACTERS_AT_ONCE):
                text = turn.content[start : start + _CHARACTERS_AT_ONCE + _OVERLAP]
                yield _Piece(number, place, turn.content if whole else text, whole)


def _search(pieces: Sequence[_Piece], index: BenchmarkIndex, found: dict[int, Overlap]) -> None:
    """Add the longest matches of some turns to those found so far."""
    folded = fold([piece.text for piece in pieces])
    best: dict[int, tuple[int, _Match]] = {}
    for number, match in _matches(folded, index):
        piece = pieces[number]
        if match.is_turn and not piece.whole:
            continue
        before = best.get(piece.sample, (0, None))[1] or found.get(piece.sample)
        if before is None or _rank(match) > _rank(before):
            best[piece.sample] = number, match
    for sample, (number, match) in best.items():
        start = int(folded.starts[number])
        evidence = _evidence(pieces[number], match, start, index.sources[match.text])
        found[sample] = Overlap(pieces[number].turn, match.kind, match.length, match.needed, evidence)


def _rank(match: "_Match | Overlap") -> tuple[bool, int]:
    """Tokens say more than characters."""
    return match.kind != "characters", match.length


def _matches(folded: Folded, index: BenchmarkIndex) -> Iterator[tuple[int, _Match]]:
    """The number of each text that matches, and the match; a text may come several times."""
    sums = Sums(folded.codes)
    yield from _turn_matches(folded, sums, index)
    yield from _part_matches(folded, sums, index)
    for kind, grams, windows, needed in (
        ("ngram", index.ngrams, _token_windows(folded, index.ngram), index.ngram),
        ("characters", index.runs, _windows(folded, index.characters), index.characters),
    ):
        hits, places = locate(grams, sums.hashes(*windows))
        covered = -1
        for start, stop, place in zip(*(a.tolist() for a in (windows[0][hits], windows[1][hits], places)), strict=True):
            if start < covered:
                continue
            number, text = folded.text_at(start), index.folded.text_at(place)
            first, last = _extend(folded, start, number, index.folded, place, text)
            if last < stop:
                continue  # two hashes that are equal by chance
            covered = last
            length = last - first
            if kind == "ngram":
                first, last, length = _whole_tokens(folded, first, last, index.folded, place - start)
            if length >= needed:
                yield number, _Match(kind, first, last, length, needed, text)


def _extend(ours: Folded, start: int, number: int, theirs: Folded, place: int, text: int) -> tuple[int, int]:
    """Where the match that holds a place of ours and one of theirs begins and ends in ours."""
    after = min(int(ours.ends[number]) - start, int(theirs.ends[text]) - place)
    before = min(start - int(ours.starts[number]), place - int(theirs.starts[text]))
    differ = np.flatnonzero(ours.codes[start : start + after] != theirs.codes[place : place + after])
    differed = np.flatnonzero(ours.codes[start - before : start] != theirs.codes[place - before : place])
    return (
        start - before + (int(differed[-1]) + 1 if len(differed) else 0),
        start + (int(differ[0]) if len(differ) else after),
    )


def _whole_tokens(ours: Folded, first: int, last: int, theirs: Folded, shift: int) -> tuple[int, int, int]:
    """The part of a match between two places where a token begins or ends on both sides, and how many tokens it has."""
    common = np.intersect1d(_bounds(ours, first, last), _bounds(theirs, first + shift, last + shift) - shift)
    if len(common) < 2:
        return first, first, 0
    start, end = int(common[0]), int(common[-1])
    return start, end, ours.count_tokens(start, end)


def _bounds(folded: Folded, first: int, last: int) -> Places:
    inside = folded.tokens[np.searchsorted(folded.tokens, first) : np.searchsorted(folded.tokens, last, "right")]
    return (
        inside
        if len(inside) and inside[-1] == last
        else np.append(inside, last)
        if last == len(folded.codes)
        else inside
    )


def _turn_matches(folded: Folded, sums: Sums, index: BenchmarkIndex) -> Iterator[tuple[int, _Match]]:
    """Turns that are a benchmark's turn."""
    hits, texts = locate(index.turns, sums.hashes(folded.starts, folded.ends))
    for number, text in zip(hits.tolist(), texts.tolist(), strict=True):
        start, end = int(folded.starts[number]), int(folded.ends[number])
        if np.array_equal(folded.codes[start:end], index.folded.codes_of(text)):
            length = index.count_tokens(text)
            yield number, _Match("exact", start, end, length, length, text, is_turn=True)


def _part_matches(folded: Folded, sums: Sums, index: BenchmarkIndex) -> Iterator[tuple[int, _Match]]:
    """Turns that hold a short text of a benchmark whole."""
    starts, stops = _windows(folded, _LEAST_IN_TURN)
    hits, texts = locate(index.parts, sums.hashes(starts, stops))
    ends = starts[hits] + index.folded.ends[texts] - index.folded.starts[texts]
    inside = ends <= len(folded.codes)
    equal = np.zeros(len(hits), np.bool_)
    equal[inside] = sums.hashes(starts[hits][inside], ends[inside]) == index.part_hashes[texts[inside]]
    for start, end, text in zip(*(a[equal].tolist() for a in (starts[hits], ends, texts)), strict=True):
        number = folded.text_at(start)
        if end <= folded.ends[number] and np.array_equal(folded.codes[start:end], index.folded.codes_of(text)):
            length = index.count_tokens(text)
            yield number, _Match("exact", start, end, length, length, text)


def _evidence(piece: _Piece, match: _Match, start: int, source: str) -> str:
    places = places_of(piece.text)
    first, last = int(places[match.start - start]), int(places[match.end - 1 - start]) + 1
    span = " ".join(piece.text[first:last].split())
    span = span if len(span) <= _SHOWN else f"{span[: _SHOWN // 2]} … {span[-_SHOWN // 2 :]}"
    before = " ".join(piece.text[max(0, first - _AROUND) : first].split())
    after = " ".join(piece.text[last : last + _AROUND].split())
    around = f"{before} «{span}» {after}".strip()
    return f"messages[{piece.turn}] {match.kind}: {around} ← {source}"
