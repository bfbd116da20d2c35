"""What an encoder is, and how its vectors are kept: in 16 bits a number, as whole numbers, so that every cosine is exact.

A vector is kept as int16 with a norm of 4,000, whatever it was. Any product of two such vectors, and any part of its sum, is a
whole number below 2^24 (Cauchy and Schwarz), which float32 holds exactly. So a matrix product gives the same numbers with any
library, number of threads or order of summation, and decisions do not depend on them. IEEE half precision has no such bound.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int16]
Cosines = npt.NDArray[np.float64]

_AT_ONCE = 16_384
_NORM = 4_000.0  # below 4,096 however the entries are rounded, in up to 36,000 dimensions


class Encoder(Protocol):
    """Texts in, vectors out. The vector of a text depends on that text alone."""

    @property
    def name(self) -> str:
        """As in `ENCODERS`; the vectors are kept in `embeddings/<name>.parquet`."""

    @property
    def version(self) -> str:
        """Names everything that a vector depends on, such as `openai/1/text-embedding-3-small`."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimensions); any length, all zeros for a text that has nothing to encode."""


def quantise(vectors: npt.ArrayLike) -> Codes:
    """Round vectors to int16 of one norm: the cosine of two vectors of 384 numbers moves by about 0.0001.

    Args:
        vectors: shape (rows, dimensions); NaN and infinities count as 0.
    """
    given = np.asarray(vectors)
    codes: Codes = np.zeros(given.shape, dtype=np.int16)
    for start in range(0, len(given), _AT_ONCE):
        exact = np.nan_to_num(given[start : start + _AT_ONCE].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        largest = np.abs(exact).max(axis=1, initial=0.0, keepdims=True)
        exact /= np.where(largest == 0, 1.0, largest)  # before squares, which could overflow
        length = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
        codes[start : start + _AT_ONCE] = np.rint(exact * (_NORM / np.maximum(length, 1.0)))
    return codes


def norms(codes: Codes) -> Cosines:
    """The length of each vector; 1 for a vector of zeros, whose cosine with anything is then 0."""
    squares = np.einsum("ij,ij->i", codes, codes, dtype=np.int64)
    lengths: Cosines = np.sqrt(np.maximum(squares, 1).astype(np.float64))
    return lengths


def paired_cosines(some: Codes, others: Codes) -> Cosines:
    """The cosine of each vector with the one beside it, exact up to one rounding."""
    products = np.einsum("ij,ij->i", some, others, dtype=np.int64)
    paired: Cosines = products / (norms(some) * norms(others))
    return paired


def cosines(some: Codes, others: Codes) -> Cosines:
    """All cosines, of shape (some, others); the same numbers as `paired_cosines` gives."""
    products = some.astype(np.float32) @ others.astype(np.float32).T
    return products.astype(np.float64) / (norms(some)[:, None] * norms(others)[None, :])
