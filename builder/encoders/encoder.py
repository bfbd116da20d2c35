"""What an encoder is, and how its vectors are kept: as small whole numbers, so that every cosine is exact.

A vector is kept as int8 with a norm below 4,096. Any product of two such vectors, and any part of its sum, is a whole number
below 2^24 (Cauchy and Schwarz), which float32 holds exactly. So a matrix product gives the same numbers with any library,
number of threads or order of summation, and decisions do not depend on them.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int8]
Cosines = npt.NDArray[np.float64]

_LARGEST = 127
_LONGEST = 4_000.0  # below 4,096 however the entries are rounded, in up to 8,000 dimensions


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
    """Round vectors to int8, each by its own scale: cosines move by less than 0.01 from 64 dimensions on.

    Args:
        vectors: shape (rows, dimensions); NaN and infinities count as 0.
    """
    exact = np.nan_to_num(np.asarray(vectors, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = np.abs(exact).max(axis=1, initial=0.0, keepdims=True)
    largest[largest == 0] = 1.0
    unit = exact / largest
    length = np.sqrt((unit * unit).sum(axis=1, keepdims=True))
    scale = np.minimum(_LARGEST, _LONGEST / np.maximum(length, 1.0))
    codes: Codes = np.rint(unit * scale).astype(np.int8)
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
