"""Token sequences of many texts in flat arrays: equal sequences are held once, and a token is a number."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from builder.config import Execution
from builder.execution import run
from builder.text import tokenise_column

Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]
Bits = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Lengths = npt.NDArray[np.uint16]

_TEXTS_AT_ONCE = 32_768
_PAIRS_AT_ONCE = 131_072
_SURROGATES = range(0xD800, 0xE000)
_CHARACTERS = 0x110000 - len(_SURROGATES)
_DICTIONARY = pa.dictionary(pa.int32(), pa.large_string())


@dataclass(frozen=True, slots=True)
class TokenSequences:
    """Distinct token sequences, numbered from 0.

    Attributes:
        codes: the tokens of all sequences, one after the other; the most frequent token is 0.
        starts: where each sequence starts in `codes`, then the end of the last.
        frequencies: how often each token occurs; they fall.
    """

    codes: Codes
    starts: Numbers
    frequencies: Numbers

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> Numbers:
        """The number of tokens of each sequence."""
        return np.diff(self.starts)

    def sizes_of(self, numbers: Numbers) -> Numbers:
        """Those of some sequences."""
        return self.starts[numbers + 1] - self.starts[numbers]

    def gather(self, numbers: Numbers) -> tuple[Codes, Numbers]:
        """The codes of some sequences, and where each starts among them, then the end of the last; numbers rise."""
        if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1:
            starts = self.starts[numbers[0] : numbers[-1] + 2]
            return self.codes[starts[0] : starts[-1]], starts - starts[0]
        sizes = self.sizes_of(numbers)
        starts = np.append(0, np.cumsum(sizes))
        return self.codes[np.arange(starts[-1]) + np.repeat(self.starts[numbers] - starts[:-1], sizes)], starts

    def only(self, numbers: Numbers) -> "TokenSequences":
        """Some sequences, numbered anew; `frequencies` stay those of all. Numbers rise."""
        return self if len(numbers) == len(self) else TokenSequences(*self.gather(numbers), self.frequencies)

    def each(self, numbers: Numbers) -> "TokenSequences":
        """A sequence for each number, in any order and as often as it is there; `frequencies` stay those of all."""
        sizes = self.sizes_of(numbers)
        starts = np.append(0, np.cumsum(sizes))
        codes = self.codes[np.arange(starts[-1]) + np.repeat(self.starts[numbers] - starts[:-1], sizes)]
        return TokenSequences(codes, starts, self.frequencies)

    def classes(self) -> Bits:
        """For each sequence, of 64 classes of tokens those that it has, as bits."""
        bits = np.uint64(1) << np.arange(len(self.frequencies), dtype=np.uint64) % np.uint64(64)
        classes = np.zeros(len(self), dtype=np.uint64)
        filled = np.flatnonzero(self.sizes)
        if len(filled):
            classes[filled] = np.bitwise_or.reduceat(bits[self.codes], self.starts[filled])
        return classes

    def lcs(self, first: Numbers, second: Numbers, workers: int) -> Numbers:
        """The LCS length of each pair of sequences."""
        parts = [slice(start, start + _PAIRS_AT_ONCE) for start in range(0, len(first), _PAIRS_AT_ONCE)]
        found = [self._lcs(first[part], second[part], workers) for part in parts]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def lcs_table(self, first: Numbers, second: Numbers, workers: int) -> Lengths:
        """The LCS length of each of some sequences (rows) with each of others (columns): a tenth of `lcs`'s time a pair."""
        numbers, places = np.unique(np.concatenate((first, second)), return_inverse=True)
        strings = self._strings(numbers)
        if strings is None:
            axis = 0 if len(first) >= len(second) else 1
            halves = [
                (half, second) if axis == 0 else (first, half) for half in np.array_split((first, second)[axis], 2)
            ]
            return np.concatenate([self.lcs_table(*half, workers) for half in halves], axis=axis)
        queries, choices = ([strings[place] for place in half.tolist()] for half in np.split(places, [len(first)]))
        table: Lengths = process.cdist(queries, choices, scorer=LCSseq.similarity, dtype=np.uint16, workers=workers)
        return table

    def _lcs(self, first: Numbers, second: Numbers, workers: int) -> Numbers:
        numbers, places = np.unique(np.concatenate((first, second)), return_inverse=True)
        strings = self._strings(numbers)
        if strings is None:
            half = len(first) // 2
            parts = (slice(None, half), slice(half, None))
            return np.concatenate([self._lcs(first[part], second[part], workers) for part in parts])
        queries, choices = ([strings[place] for place in half.tolist()] for half in np.split(places, 2))
        lcs = process.cpdist(queries, choices, scorer=LCSseq.similarity, dtype=np.int32, workers=workers)
        return lcs.astype(np.int64)

    def _strings(self, numbers: Numbers) -> list[str] | None:
        """The sequences with one character for each token, which makes the LCS bit-parallel; None where that takes too many.

        Two sequences, or fewer, always have enough.
        """
        codes, starts = self.gather(numbers)
        if len(self.frequencies) > _CHARACTERS:
            used, own = np.unique(codes, return_inverse=True)
            if len(used) > _CHARACTERS and len(numbers) > 2:
                return None
            codes = own.astype(np.uint32)
        codes = np.where(codes < _SURROGATES.start, codes, codes + np.uint32(len(_SURROGATES)))
        text = codes.astype("<u4").tobytes().decode("utf-32-le")
        return [text[start:end] for start, end in pairwise(starts.tolist())]


class Tokenised(NamedTuple):
    """The distinct sequences of some texts, in order of first appearance, and the number of each text's."""

    sequences: TokenSequences
    numbers: Numbers


def token_sequences(texts: pa.ChunkedArray, workers: int, shards: Execution | None = None) -> Tokenised:
    """Tokenise texts (`builder.text.tokenise`).

    Args:
        texts: strings.
        workers: threads.
        shards: the workers that tokenise, a partition of rows at a time; None is this process.
    """
    if shards is None:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(_encode, _slices(texts, _TEXTS_AT_ONCE)))
    else:
        parts = list(run(_encode, _slices(texts, shards.partition_rows), shards))
    encoded = pa.chunked_array([tokens for tokens, _ in parts], _DICTIONARY).unify_dictionaries()
    codes = np.concatenate([np.asarray(chunk.indices) for chunk in encoded.chunks] or [np.zeros(0, dtype=np.int32)])
    sizes = np.concatenate([sizes for _, sizes in parts] or [np.zeros(0, dtype=np.int64)])
    counts = np.bincount(codes, minlength=len(encoded.chunk(0).dictionary) if parts else 0)
    falling = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(counts), dtype=np.uint32)
    ranks[falling] = np.arange(len(counts), dtype=np.uint32)
    every = TokenSequences(ranks[codes], np.append(0, np.cumsum(sizes)), counts[falling])
    numbers = _numbered(every)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(numbers), prepend=-1))
    return Tokenised(every.only(first), numbers)


def distinct(numbers: Numbers) -> Numbers:
    """The distinct ones, rising: sorting takes a fraction of the time of NumPy's `unique`, which hashes first."""
    ordered: Numbers = np.sort(numbers)
    kept: Numbers = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    return kept


def mask(numbers: Numbers, count: int) -> Mask:
    """True at the numbers, of so many."""
    chosen = np.zeros(count, dtype=bool)
    chosen[numbers] = True
    return chosen


def _slices(texts: pa.ChunkedArray, count: int) -> list[pa.ChunkedArray]:
    return [texts.slice(start, count) for start in range(0, len(texts), count)]


def _encode(texts: pa.ChunkedArray) -> tuple[pa.DictionaryArray, Numbers]:
    """The tokens of all texts as one column, and their number in each text."""
    tokens = tokenise_column(pl.Series(texts))
    sizes = tokens.list.len()
    flat = tokens.filter(sizes > 0).explode().to_arrow(compat_level=pl.CompatLevel.oldest())
    return flat.dictionary_encode().cast(_DICTIONARY), sizes.to_numpy().astype(np.int64)


def _numbered(sequences: TokenSequences) -> Numbers:
    """The number of each sequence; equal ones have the same, compared whole as bytes."""
    buffers = [None, pa.py_buffer(sequences.starts * sequences.codes.itemsize), pa.py_buffer(sequences.codes)]
    column = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(sequences), buffers)
    return np.asarray(column.dictionary_encode().indices).astype(np.int64)
