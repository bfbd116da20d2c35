"""Made-up Alpaca rows with the statistics of real ones: an instruction, an input for some, an answer of ordinary length."""

import json
import random
from pathlib import Path
from typing import Any

from benchmarks.instructions import Instructions

_CATEGORIES = ("writing", "rewriting", "open_qa", "brainstorming", "code", "mathematics", "translation", "reasoning")
# Of 1,999 public Alpaca rows: 412 of 999 English and 139 of 1,000 Chinese ones have an input; answers have 77 words in the
# middle (5 to 95 %: 5 to 305) in English and 121 characters (11 to 353) in Chinese, with a mark about every 12.
_WITH_INPUT = {"en": 0.41, "zh": 0.14}
_INPUT = {"en": (6, 1.0), "zh": (12, 1.0)}
_ANSWER = {"en": (77, 1.0), "zh": (121, 0.9)}
_MARKS = {"en": ". ", "zh": "。"}
_MARK_EVERY = 12
_LONGEST = 600


class AlpacaRows:
    """Half English, half Chinese; see `Instructions` for the instructions. One in two hundred repeats an earlier row."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._instructions = Instructions(rng)
        self._earlier: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """The next row: instruction, input, output, category."""
        if self._earlier and self._rng.random() < 0.005:
            return self._rng.choice(self._earlier)
        instruction = self._instructions.next()
        language = "en" if instruction.isascii() else "zh"
        has_input = self._rng.random() < _WITH_INPUT[language]
        row = {
            "instruction": instruction,
            "input": self._text(language, *_INPUT[language]) if has_input else "",
            "output": self._text(language, *_ANSWER[language]),
            "category": self._rng.choice(_CATEGORIES),
        }
        if len(self._earlier) < 1_000:
            self._earlier.append(row)
        return row

    def _text(self, language: str, middle: float, spread: float) -> str:
        length = min(_LONGEST, max(1, round(middle * self._rng.lognormvariate(0, spread))))
        tokens = self._instructions.draw(language, length)
        space = " " if language == "en" else ""
        sentences = [space.join(tokens[i : i + _MARK_EVERY]) for i in range(0, length, _MARK_EVERY)]
        return _MARKS[language].join(sentences) + _MARKS[language].strip()


def write_rows(path: Path, count: int, seed: int = 0) -> None:
    """Write so many rows as JSON Lines."""
    rows = AlpacaRows(random.Random(seed))
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            file.write(json.dumps(rows.next(), ensure_ascii=False) + "\n")
