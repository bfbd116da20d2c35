"""Made-up instructions and answers with the statistics of real ones, drawn without end."""

import math
import random
from bisect import bisect
from collections import deque
from itertools import accumulate, pairwise

# Shares of the tokens by rank in two public Alpaca samples (999 English, 1,000 Chinese instructions); beyond, English falls as
# from 100 to 1,000, and Chinese characters come to an end.
_WORDS = ((1, 0.087), (2, 0.067), (10, 0.0131), (100, 0.0013), (1_000, 0.0001), (100_000, 6e-7))
_CHARACTERS = ((1, 0.057), (2, 0.029), (10, 0.0074), (100, 0.0021), (1_000, 0.0001), (3_500, 4e-6))
# Median and spread (of the logarithm) of their token counts: English 10 (5 to 95 %: 6 to 17), Chinese 15 (7 to 28).
_ENGLISH, _CHINESE = (10, 0.32), (15, 0.42)
# The same of their answers: English median 80 (5 to 95 %: 6 to 311), Chinese 123 (11 to 353).
_ENGLISH_ANSWER, _CHINESE_ANSWER, _LONGEST_ANSWER = (80, 1.1), (123, 1.0), 400
_SENTENCES = 1_000
# In both about two in five begin with three tokens that another of the thousand begins with, one in forty with the same three.
_OPENINGS, _OPENED = 400, 0.4
_CHANGED = 0.05
_FRAME = 12


class Instructions:
    """Half English, half Chinese; one in twenty is an earlier one with a token changed.

    Args:
        rng: what all is drawn from.
        framed: the share of all that are English and begin with one frame of 12 tokens.
        slot: the most tokens that follow the frame; None is as many as an ordinary instruction has.
    """

    def __init__(self, rng: random.Random, framed: float = 0.1, slot: int | None = None) -> None:
        self._rng, self._framed, self._slot = rng, framed, slot
        self._words = _Tokens([f"w{i}" for i in range(_WORDS[-1][0])], _WORDS)
        self._characters = _Tokens([chr(0x4E00 + i) for i in range(_CHARACTERS[-1][0])], _CHARACTERS)
        self._openings = {
            source: [source.draw(rng, rng.randint(2, 5)) for _ in range(_OPENINGS)]
            for source in (self._words, self._characters)
        }
        self._popularity = list(accumulate(1 / (rank + 5) for rank in range(_OPENINGS)))
        self._frame = self._words.draw(rng, _FRAME)
        self._sentences = {
            source: [source.draw(rng, rng.randint(6, 18)) for _ in range(_SENTENCES)]
            for source in (self._words, self._characters)
        }
        self._recent: deque[list[str]] = deque(maxlen=1_000)
        self._drawn = 0

    def next(self) -> str:
        """The next instruction."""
        self._drawn += 1
        chinese = self._drawn % 2 == 0
        tokens = self._changed() if self._recent and self._rng.random() < _CHANGED else self._new(chinese)
        self._recent.append(tokens)
        return ("" if len(tokens[0]) == 1 else " ").join(tokens)

    def draw(self, language: str, length: int) -> list[str]:
        """So many tokens of ordinary text, `en` or `zh`."""
        return (self._words if language == "en" else self._characters).draw(self._rng, length)

    def answer(self, chinese: bool) -> str:
        """An answer of whole sentences, each of which other answers have too."""
        middle, spread = _CHINESE_ANSWER if chinese else _ENGLISH_ANSWER
        sentences = self._sentences[self._characters if chinese else self._words]
        length = min(_LONGEST_ANSWER, middle * self._rng.lognormvariate(0, spread))
        parts: list[str] = []
        while length > 0:
            sentence = self._rng.choice(sentences)
            parts.append("".join(sentence) + "。" if chinese else " ".join(sentence).capitalize() + ". ")
            length -= len(sentence)
        return "".join(parts).rstrip()

    def _new(self, chinese: bool) -> list[str]:
        rng = self._rng
        source = self._characters if chinese else self._words
        middle, spread = _CHINESE if chinese else _ENGLISH
        length = max(3, round(middle * rng.lognormvariate(0, spread)))
        if not chinese and rng.random() < 2 * self._framed:
            return self._frame + source.draw(rng, length if self._slot is None else rng.randint(1, self._slot))
        opening: list[str] = []
        if rng.random() < _OPENED:
            [opening] = rng.choices(self._openings[source], cum_weights=self._popularity)
        return opening + source.draw(rng, max(1, length - len(opening)))

    def _changed(self) -> list[str]:
        tokens = list(self._rng.choice(self._recent))
        source = self._characters if len(tokens[0]) == 1 else self._words
        tokens[self._rng.randrange(len(tokens))] = source.draw(self._rng, 1)[0]
        return tokens


class _Tokens:
    def __init__(self, tokens: list[str], shares: tuple[tuple[int, float], ...]) -> None:
        self._tokens = tokens
        self._sums = list(accumulate(_share(rank + 1, shares) for rank in range(len(tokens))))

    def draw(self, rng: random.Random, count: int) -> list[str]:
        total = self._sums[-1]
        return [self._tokens[bisect(self._sums, rng.random() * total)] for _ in range(count)]


def _share(rank: int, shares: tuple[tuple[int, float], ...]) -> float:
    """Between two ranks the share falls by a power of the rank."""
    (low, first), (high, last) = next(pair for pair in pairwise(shares) if rank <= pair[1][0])
    return first * math.pow(rank / low, math.log(last / first) / math.log(high / low))
