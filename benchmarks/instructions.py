"""Made-up instructions and answers with the statistics of real ones, drawn without end."""

import bisect
import random
from collections import deque
from itertools import accumulate

_WORDS, _CHARACTERS = 30_000, 3_500
# Median and spread (of the logarithm) of the token counts of two public Alpaca samples: English 10 (5 to 95 %: 6 to 17),
# Chinese 14 (7 to 28).
_ENGLISH, _CHINESE = (10, 0.32), (14, 0.42)
# The same of their answers: English median 80 (5 to 95 %: 6 to 311), Chinese 123 (11 to 353).
_ENGLISH_ANSWER, _CHINESE_ANSWER, _LONGEST_ANSWER = (80, 1.1), (123, 1.0), 400
_SENTENCES = 1_000


class Instructions:
    """Half English, half Chinese: Zipf words, a third with one of many openings, a tenth in one shared frame of 12 tokens,
    one in twenty an earlier one with a token changed.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._words = _Zipf([f"w{i}" for i in range(_WORDS)])
        self._characters = _Zipf([chr(0x4E00 + i) for i in range(_CHARACTERS)])
        self._openings = [[self._words.draw(rng) for _ in range(rng.randint(2, 5))] for _ in range(400)]
        self._frame = [self._words.draw(rng) for _ in range(12)]
        self._sentences: dict[bool, list[list[str]]] = {
            chinese: [
                [(self._characters if chinese else self._words).draw(rng) for _ in range(rng.randint(6, 18))]
                for _ in range(_SENTENCES)
            ]
            for chinese in (False, True)
        }
        self._recent: deque[list[str]] = deque(maxlen=1_000)
        self._drawn = 0

    def next(self) -> str:
        """The next instruction."""
        self._drawn += 1
        chinese = self._drawn % 2 == 0
        tokens = self._changed() if self._recent and self._rng.random() < 0.05 else self._new(chinese)
        self._recent.append(tokens)
        return ("" if len(tokens[0]) == 1 else " ").join(tokens)

    def answer(self, chinese: bool) -> str:
        """An answer of whole sentences, each of which other answers have too."""
        middle, spread = _CHINESE_ANSWER if chinese else _ENGLISH_ANSWER
        length = min(_LONGEST_ANSWER, middle * self._rng.lognormvariate(0, spread))
        parts: list[str] = []
        while length > 0:
            sentence = self._rng.choice(self._sentences[chinese])
            parts.append("".join(sentence) + "。" if chinese else " ".join(sentence).capitalize() + ". ")
            length -= len(sentence)
        return "".join(parts).rstrip()

    def _new(self, chinese: bool) -> list[str]:
        rng = self._rng
        middle, spread = _CHINESE if chinese else _ENGLISH
        length = max(3, round(middle * rng.lognormvariate(0, spread)))
        if chinese:
            return [self._characters.draw(rng) for _ in range(length)]
        share = rng.random()
        opening = self._frame if share < 0.2 else rng.choice(self._openings) if share < 0.5 else []
        return [*opening, *(self._words.draw(rng) for _ in range(length))]

    def _changed(self) -> list[str]:
        tokens = list(self._rng.choice(self._recent))
        source = self._characters if len(tokens[0]) == 1 else self._words
        tokens[self._rng.randrange(len(tokens))] = source.draw(self._rng)
        return tokens


class _Zipf:
    def __init__(self, items: list[str]) -> None:
        self._items = items
        self._sums = list(accumulate(1 / (rank + 3) for rank in range(len(items))))

    def draw(self, rng: random.Random) -> str:
        return self._items[bisect.bisect(self._sums, rng.random() * self._sums[-1])]
