"""Whose request is whose: how imported rows are compared, and grown ones with them.

    "List five tips."   "Please list 5 tips!"   the same words: one request, unless their order or a sign tells otherwise
    "List five tips."   "List five myths."      two requests, however close
    "List five tipps."  "List five tips."       nearly the same words and word for word the same answer: one request

Grown rows are held against each other by ROUGE-L alone, as Self-Instruct does. Where an imported row is one of the two, a pair is
proposed by equal keys: of the words that are asked (`builder.curation.asking`), or of the answer. So thousands of requests in one
template meet none of the others.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from builder.config import Execution
from builder.curation.asking import overlap, read_request
from builder.curation.differences import ordered_key, reordered, telling_difference
from builder.curation.novelty.edges import NO_EDGES, Edges
from builder.curation.novelty.neighbours import neighbours
from builder.curation.novelty.token_sequences import Mask, Numbers, TokenSequences, distinct, token_sequences
from builder.text import Thresholds, token_mode, tokenise

Keys = npt.NDArray[np.uint64]
Pairs = tuple[Numbers, Numbers]

# What an imported row is compared by, beside its text (see `builder.curation.facts`).
REQUEST_COLUMNS = ("request", "material", "answer", "answer_size")
# An answer of so many words is nobody's by chance; one of so few is a label, a number or a name, which says a thing of its own.
_TELLING_ANSWER, _CLOSED_ANSWER = 8, 4
# An answer that more requests have is a stock phrase, and tells nothing of them.
_MOST_ASKING = 8
# Of the same words so many texts are compared in any order; of more, such as anagrams, only those of one order.
_MOST_TEXTS = 64


@dataclass(frozen=True, slots=True)
class Requests:
    """What a scan compares, by number: of grown rows first, then of imported ones.

    Attributes:
        sequences: the tokens of the grown ones.
        filled: which have tokens at all; the others are compared with nothing.
        imported: of those that an imported row can be compared with; None where no row is imported.
    """

    sequences: TokenSequences
    filled: Mask
    imported: "ImportedRequests | None"

    def __len__(self) -> int:
        return len(self.filled)

    def in_characters(self) -> Mask:
        """Whether the text of each is (`builder.text.in_characters`)."""
        if self.imported is None:
            return self.sequences.in_characters
        return np.array([token_mode(text) == "cjk" for text in self.imported.texts.to_pylist()], dtype=bool)


@dataclass(frozen=True, slots=True)
class ImportedRequests:
    """All requests where some are imported: each a text and an answer.

    Attributes:
        grown: how many are of grown rows.
        by_words, by_answer: keys, of which two of one are compared; 0 for those that share theirs with none.
        texts: of each.
        answers: of each, 0 where it has none; equal for answers that read the same.
        closed: whether the answer is no longer than a label, a number or a name.
    """

    grown: int
    by_words: Keys
    by_answer: Keys
    texts: pa.Array
    answers: Keys
    closed: Mask

    def overlap(self, some: int, other: int, needed: float) -> float:
        """How alike two of them are, 0 to 1; 0 where something tells them apart, or they share too little."""
        text, compared = self.texts[some].as_py(), self.texts[other].as_py()
        same_answer = bool(self.answers[some] and self.answers[some] == self.answers[other])
        if self.by_words[some] == self.by_words[other] != 0:
            if not same_answer and self._say_different_things(some, other) and tokenise(text) != tokenise(compared):
                return 0.0
            return 0.0 if reordered(text, compared) else 1.0
        shared = overlap(read_request(text), read_request(compared))
        if shared <= needed or telling_difference(text, compared, same_answer=True) is not None:
            return 0.0
        return shared

    def _say_different_things(self, some: int, other: int) -> bool:
        """Two labels, numbers or names that differ; of long answers to one request no two are alike."""
        return bool(self.closed[some] and self.closed[other] and self.answers[some] and self.answers[other])


def requests_of(rows: pa.Table, execution: Execution) -> tuple[Requests, Numbers]:
    """What rows are compared by, and the number of each.

    Args:
        rows: text, and where there are imported rows: imported: bool, and `REQUEST_COLUMNS` of every row.
        execution: the workers that tokenise.
    """
    texts = rows["text"].combine_chunks()
    imported = np.asarray(rows["imported"]) if "imported" in rows.column_names else np.zeros(len(rows), dtype=bool)
    if not imported.any():
        sequences, numbers = token_sequences(rows["text"], execution)
        return Requests(sequences, sequences.sizes > 0, None), numbers
    answers = _keys(rows, "answer")
    of_text, of_answer = (
        np.unique(values, return_inverse=True)[1] for values in (np.asarray(texts.dictionary_encode().indices), answers)
    )
    of_key = np.unique(_keys(rows, "request"), return_inverse=True)[1]  # one text about two pictures has two
    of_text = np.unique(of_text * len(rows) + of_key, return_inverse=True)[1]
    named = (imported * len(rows) + of_text) * len(rows) + of_answer
    _, first, own = np.unique(named, return_index=True, return_inverse=True)
    grown = int(np.count_nonzero(~imported[first]))
    compared = rows.take(pa.array(first))
    sequences, numbers = token_sequences(compared["text"][:grown], execution)
    words, lengths = _keys(compared, "request"), np.asarray(compared["answer_size"])
    found = ImportedRequests(
        grown,
        _shared(_in_order(words, compared["text"], of_text[first]), words != 0),
        _shared(
            answers[first] ^ _keys(compared, "material"), (lengths >= _TELLING_ANSWER) & (words != 0), _MOST_ASKING
        ),
        compared["text"].combine_chunks(),
        answers[first],
        (lengths > 0) & (lengths < _CLOSED_ANSWER),
    )
    return Requests(sequences.each(numbers), words != 0, found), own


def _keys(rows: pa.Table, name: str) -> Keys:
    """A column of eight bytes as numbers; 0 for null."""
    return np.frombuffer(b"".join(rows[name].fill_null(bytes(8)).to_pylist()), dtype=np.uint64)


def _in_order(keys: Keys, texts: pa.ChunkedArray, of_text: Numbers) -> Keys:
    """The keys, with those that too many texts have for all of them to be compared made anew, of order and signs as well."""
    _, first = np.unique(of_text, return_index=True)
    _, of_key, counts = np.unique(keys, return_inverse=True, return_counts=True)
    texts_of = np.bincount(of_key[first], minlength=len(counts))
    crowded = np.flatnonzero((texts_of[of_key] > _MOST_TEXTS) & (keys != 0))
    found = keys.copy()
    made = {text: ordered_key(text) for text in texts.take(pa.array(crowded)).unique().to_pylist()}
    if len(crowded):
        ordered = np.frombuffer(b"".join(made[texts[place].as_py()] for place in crowded.tolist()), np.uint64)
        found[crowded] = ordered ^ keys[crowded]  # of the same pictures still
    return found


def _shared(keys: Keys, there: Mask, at_most: int | None = None) -> Keys:
    """The keys that several of those there have, but no more than so many; 0 in place of the others."""
    _, of_key, counts = np.unique(np.where(there, keys, np.uint64(0)), return_inverse=True, return_counts=True)
    count = counts[of_key]
    return np.where(there & (count > 1) & (count <= (at_most or len(keys))), keys, np.uint64(0))


class Close(Protocol):
    """Which requests are close to which."""

    @property
    def parts(self) -> int:
        """In how many parts the work is done."""

    def only(self, numbers: Numbers) -> "AbstractContextManager[Close]":
        """The same of some requests, the questions being about them alone."""

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        """Edges between some requests and others, each pair once and both ways; the sets rise and may overlap."""

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        """Edges of some requests with one another and with others, none of which is among them; None where it costs more.

        Args:
            most: meetings of signatures, or work that takes as long.
        """


@contextmanager
def close_requests(
    requests: Requests, thresholds: Thresholds, execution: Execution, among: Numbers | None = None
) -> Iterator[Close]:
    """Those of requests: by ROUGE-L among grown rows, and where nothing tells apart wherever one is imported.

    Args:
        requests: all of them.
        thresholds, execution, among: as for `neighbours`.
    """
    grown, imported = requests.sequences, requests.imported
    if imported is None:
        with neighbours(grown, thresholds, execution, among) as near:
            yield near
        return
    asked = among if among is None else among[among < len(grown)]
    if not len(grown) or (asked is not None and not len(asked)):
        yield RequestNeighbours(imported, thresholds, None)
        return
    with neighbours(grown, thresholds, execution, asked) as near:
        yield RequestNeighbours(imported, thresholds, near)


class RequestNeighbours:
    """Those of requests among which some are imported.

    Args:
        requests: all of them.
        thresholds: that the overlap must exceed.
        grown: of the grown ones; None where there are none to be asked about.
    """

    def __init__(self, requests: ImportedRequests, thresholds: Thresholds, grown: Close | None) -> None:
        self._requests, self._thresholds, self._grown = requests, thresholds, grown

    @property
    def parts(self) -> int:
        return 1 if self._grown is None else self._grown.parts

    @contextmanager
    def only(self, numbers: Numbers) -> "Iterator[RequestNeighbours]":
        with nullcontext() if self._grown is None else self._grown.only(self._of_grown(numbers)) as grown:
            yield RequestNeighbours(self._requests, self._thresholds, grown)

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        pairs = self._pairs(some, others)
        assert pairs is not None
        found = self._alike(pairs)
        if self._grown is None:
            return found
        return Edges.joined([found, self._grown.edges(self._of_grown(some), self._of_grown(others))])

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        pairs = self._pairs(some, np.union1d(some, others), most)
        if pairs is None:
            return None
        grown: Edges | None = NO_EDGES
        if self._grown is not None:
            grown = self._grown.edges_up_to(most, self._of_grown(some), self._of_grown(others))
        return None if grown is None else Edges.joined([self._alike(pairs), grown])

    def _of_grown(self, numbers: Numbers) -> Numbers:
        return numbers[numbers < self._requests.grown]

    def _pairs(self, some: Numbers, others: Numbers, most: int | None = None) -> Pairs | None:
        """Of each of some with each of others those of one key, one of them imported; each pair once, None for too many."""
        found = [np.zeros(0, dtype=np.int64)]
        for keys in (self._requests.by_words, self._requests.by_answer):
            pairs = self._of_one_key(keys, some, others, most)
            if pairs is None:
                return None
            found.append(pairs)
        packed = distinct(np.concatenate(found))
        return packed >> 32, packed & 0xFFFFFFFF

    def _of_one_key(self, keys: Keys, some: Numbers, others: Numbers, most: int | None) -> Numbers | None:
        some, others = some[keys[some] != 0], others[keys[others] != 0]
        others = others[np.argsort(keys[others], kind="stable")]
        start, stop = (np.searchsorted(keys[others], keys[some], side=side) for side in ("left", "right"))
        counts = stop - start
        if most is not None and counts.sum() > most:
            return None
        mine = np.repeat(some, counts)
        theirs = others[
            np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(start, counts)
        ]
        smaller, larger = np.minimum(mine, theirs), np.maximum(mine, theirs)
        packed: Numbers = (smaller << 32 | larger)[(smaller < larger) & (larger >= self._requests.grown)]
        return packed

    def _alike(self, pairs: Pairs) -> Edges:
        """The edges of pairs that nothing tells apart."""
        some, others = pairs
        needed = self._needed(some, others)
        compared = zip(some.tolist(), others.tolist(), needed.tolist(), strict=True)
        scores = np.array([self._requests.overlap(*pair) for pair in compared], dtype=np.float64)
        above = np.flatnonzero(scores > needed)
        some, others, scores = some[above], others[above], scores[above]
        return Edges(np.append(some, others), np.append(others, some), np.append(scores, scores))

    def _needed(self, some: Numbers, others: Numbers) -> npt.NDArray[np.float64]:
        """The threshold of each pair."""
        modes = {
            number: token_mode(self._requests.texts[number].as_py()) == "cjk"
            for number in distinct(np.append(some, others)).tolist()
        }
        pairs = zip(some.tolist(), others.tolist(), strict=True)
        return np.array([self._thresholds.of(modes[a], modes[b]) for a, b in pairs], dtype=np.float64)
