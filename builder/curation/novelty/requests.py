"""Whose request is whose: the second look of the scan, which guards imported rows.

    "List five tips."   "Please list 5 tips!"   one request in the same words: ROUGE-L decides, and `telling_difference`
    "List five tips."   "List five myths."      two requests, however close

Grown rows are held against each other by ROUGE-L alone, as Self-Instruct does. Where an imported row is one of the two, only
those of one `request_key` are compared: thousands of requests in one template meet none of the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from builder.config import Execution
from builder.curation.differences import telling_difference
from builder.curation.novelty.edges import Edges, exceeding
from builder.curation.novelty.neighbours import Neighbours, neighbours
from builder.curation.novelty.token_sequences import Mask, Numbers, Tokenised, TokenSequences, mask, token_sequences
from builder.text import tokenise

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Requests:
    """What a scan compares, by number: the token sequences of grown rows first, then the texts of imported ones.

    Attributes:
        sequences: of each; several texts may have one sequence.
        grown: how many are of grown rows.
        keys: of each, equal for one request in the same words; empty where no row is imported.
        shared: whether it has tokens, and there is another of its key.
        texts: of the imported ones.
        first: for each a text of its rows.
    """

    sequences: TokenSequences
    grown: int
    keys: Keys
    shared: Mask
    texts: pa.Array
    first: Numbers

    def told_apart(self, some: int, other: int) -> bool:
        """Whether something tells two of them apart; of a grown row only its words are compared, since they are it."""
        texts = [self.texts[self.first[number]].as_py() for number in (some, other)]
        if min(some, other) < self.grown:
            texts = [" ".join(tokenise(text)) for text in texts]
        return telling_difference(*texts) is not None


def requests_of(
    rows: pa.Table, tokens: Tokenised | None, workers: int, shards: Execution | None
) -> tuple[Requests, Numbers]:
    """What rows are compared by, and the number of each.

    Args:
        rows: text, and where there are imported rows: imported: bool, request: binary (`request_key` of the text).
        tokens, workers, shards: as for `scan_columns`.
    """
    sequences, numbers = tokens or token_sequences(rows["text"], workers, shards)
    texts = rows["text"].combine_chunks()
    imported = np.asarray(rows["imported"]) if "imported" in rows.column_names else np.zeros(len(rows), dtype=bool)
    if not imported.any():
        nobody = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=bool), texts, np.zeros(0, dtype=np.int64)
        return Requests(sequences, len(sequences), *nobody), numbers
    own, places = np.full(len(rows), -1), np.arange(len(rows))
    grown, first_grown, own[~imported] = _numbered(numbers[~imported])
    _, first, which = _numbered(np.asarray(texts.filter(pa.array(imported)).dictionary_encode().indices))
    own[imported] = which + len(grown)
    first = np.append(places[~imported][first_grown], places[imported][first])
    keys = np.frombuffer(b"".join(rows["request"].take(first).to_pylist()), dtype=np.uint64)
    every = sequences.each(numbers[first])
    _, of_key, count = np.unique(keys, return_inverse=True, return_counts=True)
    shared = (count[of_key] > 1) & (every.sizes > 0)
    return Requests(every, len(grown), keys, shared, texts, first), own


def _numbered(names: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The distinct names, rising, where each is first, and for each name its place among them."""
    return np.unique(names, return_index=True, return_inverse=True)


@contextmanager
def close_requests(
    requests: Requests,
    threshold: float,
    *,
    among: Numbers | None,
    memory_limit: int | None,
    spill: Path | None,
    workers: int,
    shards: Execution | None,
) -> Iterator[Neighbours]:
    """The neighbours of requests: by ROUGE-L among grown rows, and where nothing tells apart wherever one is imported.

    Args:
        requests: all of them.
        threshold, among, memory_limit, spill, workers, shards: as for `neighbours`.
    """
    grown = requests.sequences if not len(requests.keys) else requests.sequences.each(np.arange(requests.grown))
    asked = among if among is None else among[among < requests.grown]
    if not len(grown) or (asked is not None and not len(asked)):
        yield RequestNeighbours(requests, threshold, None, workers)
        return
    with neighbours(
        grown, threshold, among=asked, memory_limit=memory_limit, spill=spill, workers=workers, shards=shards
    ) as near:
        yield near if not len(requests.keys) else RequestNeighbours(requests, threshold, near, workers)


class RequestNeighbours:
    """Those of requests among which some are imported.

    Args:
        requests: all of them.
        threshold: of ROUGE-L F1.
        grown: of the grown ones; None where there are none to be asked about.
        workers: threads.
    """

    def __init__(self, requests: Requests, threshold: float, grown: Neighbours | None, workers: int) -> None:
        self._requests, self._threshold, self._grown, self._workers = requests, threshold, grown, workers

    @property
    def parts(self) -> int:
        return 1 if self._grown is None else self._grown.parts

    def only(self, numbers: Numbers) -> "RequestNeighbours":
        grown = None if self._grown is None else self._grown.only(self._of_grown(numbers))
        return RequestNeighbours(self._requests, self._threshold, grown, self._workers)

    def edges(self, some: Numbers, others: Numbers) -> Edges:
        found = self._alike(*self._pairs(some, others))
        return found if self._grown is None else found + self._grown.edges(self._of_grown(some), self._of_grown(others))

    def edges_up_to(self, most: int, some: Numbers, others: Numbers) -> Edges | None:
        pairs = self._pairs(some, np.union1d(some, others))
        if len(pairs[0]) > most:
            return None
        grown = None
        if self._grown is not None:
            grown = self._grown.edges_up_to(most, self._of_grown(some), self._of_grown(others))
            if grown is None:
                return None
        found = self._alike(*pairs)
        return found if grown is None else found + grown

    def _of_grown(self, numbers: Numbers) -> Numbers:
        return numbers[numbers < self._requests.grown]

    def _pairs(self, some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        """Of each of some with each of others those of one key, one of them imported; each pair once."""
        keys, shared = self._requests.keys, self._requests.shared
        some, others = some[shared[some]], others[shared[others]]
        others = others[np.argsort(keys[others], kind="stable")]
        start, stop = (np.searchsorted(keys[others], keys[some], side=side) for side in ("left", "right"))
        counts = stop - start
        mine = np.repeat(some, counts)
        theirs = others[
            np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(start, counts)
        ]
        both = mask(some, len(keys)) & mask(others, len(keys))
        twice = both[mine] & both[theirs]
        chosen = (mine != theirs) & (~twice | (mine < theirs)) & (np.maximum(mine, theirs) >= self._requests.grown)
        return mine[chosen], theirs[chosen]

    def _alike(self, some: Numbers, others: Numbers) -> Edges:
        """The edges of pairs that nothing tells apart."""
        found = exceeding(self._requests.sequences, (some, others), self._threshold, self._workers)
        half = len(found.some) // 2
        pairs = zip(found.some[:half].tolist(), found.others[:half].tolist(), strict=True)
        alike = np.array([not self._requests.told_apart(*pair) for pair in pairs], dtype=bool)
        return found.where(np.append(alike, alike))
