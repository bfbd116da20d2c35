"""The encoder that needs no model and no network: character n-grams, hashed into a fixed number of dimensions.

    "Fix the bug" → fix, ·fi fix ix·, ·fix fix· … bug, ·bu bug ug· …      "修复错误" → 修 复 …, 修复 复错 错误, 修复错 …

It sees words and parts of words, not what they mean: it knows a sentence again in another order, in another form of its words
or with a "please" before it, and knows no synonyms.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from builder.encoders.encoder import Codes, Vectors, quantise
from builder.text import FUNCTION_CHARACTERS, FUNCTION_WORDS, normalise

NAME = "characters"
DIMENSIONS = 512
_VERSION = 1

_HAN = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
_RUN = re.compile(f"([{_HAN}]+)|([^\\W_{_HAN}]+)")
# A Chinese word has one or two characters; of other words, parts of three and four tell forms of one word.
_HAN_WEIGHTS = {1: 0.5, 2: 1.0, 3: 0.5}
_PART_WEIGHTS = {3: 0.4, 4: 0.4}
_WORD_WEIGHT = 1.0
# What function words count beside others: in place of document frequencies, which would depend on the rows at hand.
_FUNCTION_WEIGHT = 0.2
# A prompt's later text (a document to work on, say) changes its meaning less and less.
_LONGEST_TEXT = 4_000
_TEXTS_AT_ONCE = 8_192


class CharacterEncoder:
    """Sublinear counts of n-grams, weighted by length and by whether they belong to a function word."""

    name = NAME
    version = f"{NAME}/{_VERSION}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `Encoder`; 512 dimensions."""
        places: list[int] = []
        weights: list[float] = []
        for text, first in zip(texts, range(0, len(texts) * DIMENSIONS, DIMENSIONS), strict=True):
            for gram, count in Counter(_grams(normalise(text[:_LONGEST_TEXT]))).items():
                place, weight = _place(gram)
                places.append(first + place)
                weights.append(weight if count == 1 else weight * (1.0 + math.log(count)))
        summed = np.bincount(np.array(places, dtype=np.int64), weights, minlength=len(texts) * DIMENSIONS)
        return summed.reshape(len(texts), DIMENSIONS).astype(np.float32)


def character_codes(texts: Sequence[str]) -> Codes:
    """The vectors of texts by this encoder, as they are compared; shape (texts, 512)."""
    parts = [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]
    return np.concatenate([quantise(CharacterEncoder().encode(part)) for part in parts or [()]])


def _grams(text: str) -> list[str]:
    grams: list[str] = []
    for han, word in _RUN.findall(text):
        if han:
            for size in _HAN_WEIGHTS:
                grams += [han[start : start + size] for start in range(len(han) - size + 1)]
        else:
            grams += _parts(word)
    return grams


@lru_cache(maxsize=1 << 17)
def _parts(word: str) -> tuple[str, ...]:
    """The word itself, marked by "=", and its parts, marked by spaces at its ends."""
    if word in FUNCTION_WORDS:
        return (f"={word}",)
    padded = f" {word} "
    parts = (padded[start : start + size] for size in _PART_WEIGHTS for start in range(len(padded) - size + 1))
    return (f"={word}", *parts)


@lru_cache(maxsize=1 << 19)
def _place(gram: str) -> tuple[int, float]:
    """The dimension of an n-gram, and its weight with a sign, so that what shares a dimension cancels out on average."""
    digest = int.from_bytes(hashlib.blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    sign = 1.0 if digest >> 63 else -1.0
    return digest % DIMENSIONS, sign * _weight(gram)


def _weight(gram: str) -> float:
    if gram.startswith("="):
        return _WORD_WEIGHT * (_FUNCTION_WEIGHT if gram[1:] in FUNCTION_WORDS else 1.0)
    if not gram.isascii() and (run := _RUN.fullmatch(gram)) and run.group(1):
        function = all(character in FUNCTION_CHARACTERS for character in gram)
        return _HAN_WEIGHTS[len(gram)] * (_FUNCTION_WEIGHT if function else 1.0)
    return _PART_WEIGHTS[len(gram)]
