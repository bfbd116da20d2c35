"""Token sequences of many texts in flat arrays: equal sequences are held once, and a token is a number."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from builder.config import Execution
from builder.cores import usable_cores
from builder.execution import run
from builder.text import FIRST_CHARACTER, tokenise_column

Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]
Bits = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

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
        in_characters: whether each sequence is of a text in characters (`builder.text.in_characters`).
    """

    codes: Codes
    starts: Numbers
    frequencies: Numbers
    in_characters: Mask

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
        """The codes of some sequences, and where each starts among them, then the end of the last."""
        if len(numbers) and (np.diff(numbers) == 1).all():
            starts = self.starts[numbers[0] : numbers[-1] + 2]
            return self.codes[starts[0] : starts[-1]], starts - starts[0]
        sizes = self.sizes_of(numbers)
        starts = np.append(0, np.cumsum(sizes))
        return self.codes[np.arange(starts[-1]) + np.repeat(self.starts[numbers] - starts[:-1], sizes)], starts

    def each(self, numbers: Numbers) -> "TokenSequences":
        """A sequence for each number, in any order and as often as it is there; `frequencies` stay those of all."""
        return TokenSequences(*self.gather(numbers), self.frequencies, self.in_characters[numbers])

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


def token_sequences(texts: pa.ChunkedArray, execution: Execution) -> Tokenised:
    """Tokenise texts (`builder.text.tokenise`).

    Args:
        texts: strings.
        execution: the workers that tokenise: threads, or those of a cluster, which take a partition of rows at a time.
    """
    if execution.engine == "ray":
        parts = list(run(_encode, _slices(texts, execution.partition_rows), execution))
    else:
        with ThreadPoolExecutor(execution.workers or usable_cores()) as pool:
            parts = list(pool.map(_encode, _slices(texts, _TEXTS_AT_ONCE)))
    encoded = pa.chunked_array([tokens for tokens, _ in parts], _DICTIONARY).unify_dictionaries()
    codes = np.concatenate([np.asarray(chunk.indices) for chunk in encoded.chunks] or [np.zeros(0, dtype=np.int32)])
    sizes = np.concatenate([sizes for _, sizes in parts] or [np.zeros(0, dtype=np.int64)])
    tokens = encoded.chunk(0).dictionary if parts else pa.array([], pa.large_string())
    counts = np.bincount(codes, minlength=len(tokens))
    falling = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(counts), dtype=np.uint32)
    ranks[falling] = np.arange(len(counts), dtype=np.uint32)
    characters = np.asarray(pc.greater_equal(tokens, FIRST_CHARACTER))[codes]
    starts = np.append(0, np.cumsum(sizes))
    within = np.append(0, np.cumsum(characters))
    every = TokenSequences(ranks[codes], starts, counts[falling], within[starts[1:]] > within[starts[:-1]])
    numbers = _numbered(every)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(numbers), prepend=-1))
    return Tokenised(every if len(first) == len(every) else every.each(first), numbers)


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
