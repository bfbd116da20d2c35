"""Frames: runs of words that many rows share, such as a system text, a template or a document that is asked about again and again.

"Translate into French, as a lawyer would: …"     of 1,000 rows 640 begin so
"You are a helpful assistant … Text: … Label:"    two runs around what differs are one frame
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from builder.text import tokenise

# Six words, or six Chinese characters: shorter runs such as "write a short story about" are how people ask.
_LEAST_TOKENS = 6
# Of a text so much is looked at, from either end: frames stand around what differs.
_FIRST, _LAST = 2_000, 500
_MOST_FRAMES = 3
# Of the runs that say most so many are looked for: texts of few words, such as grids of 0 and 1, have hundreds of thousands.
_MOST_TRIED = 100
# Fewer rows than these are no crowd, in however small a file.
_FEWEST = 5
# Two runs of which nearly every row that has one has the other belong to one frame.
_SAME_ROWS = 0.9

_Run = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        text: its words, with an ellipsis for what differs between its runs.
        places: of the texts that hold it, rising.
        runs: of which it is made, as tokens.
    """

    text: str
    places: Sequence[int]
    runs: Sequence[_Run]

    def left_out_of(self, text: str) -> str:
        """A text with an ellipsis in place of the frame, so that what is its own is seen."""
        for run in self.runs:
            text = re.sub(rf"{_pattern(run).pattern}[^\w\s]*", "…", text, count=1, flags=re.IGNORECASE)
        return text


def find_frames(texts: Sequence[str], share: float) -> list[Frame]:
    """The frames that more than a share of the texts hold, five of them at least, the one of most texts first.

    Depends on the texts alone, not on their order, but that the places are theirs. Time is linear in the texts.
    """
    tokens = [tokenise(_ends(text)) for text in texts]
    least = max(share * len(texts), _FEWEST - 1)
    joined = [_joined(row) for row in tokens]
    counts = Counter(gram for row in tokens for gram in _grams(row))
    frequent = {gram for gram, count in counts.items() if count > least}
    found: list[tuple[list[_Run], list[int]]] = []
    while frequent and len(found) < _MOST_FRAMES:
        before = len(frequent)
        for run in _ranked(tokens, frequent):
            if len(found) == _MOST_FRAMES or not frequent.issuperset(_grams(run)):
                continue
            sought = _joined(run)
            places = [place for place, row in enumerate(joined) if sought in row]
            if len(places) > least:
                frequent -= _grams(run)
                beside = next((runs for runs, others in found if _overlap(places, others) >= _SAME_ROWS), None)
                if beside is None:
                    found.append(([run], places))
                else:
                    beside.append(run)
        if len(frequent) == before:
            break
    found.sort(key=lambda frame: (-len(frame[1]), frame[0]))
    frames = []
    for runs, places in found:
        first, ordered = texts[places[0]], _in_order(runs, tokens[places[0]])
        frames.append(Frame(" … ".join(_as_written(run, first) for run in ordered), places, ordered))
    return frames


def _ends(text: str) -> str:
    return text if len(text) <= _FIRST + _LAST else f"{text[:_FIRST]} {text[-_LAST:]}"


def _grams(run: Sequence[str]) -> set[_Run]:
    return {*zip(*(run[start:] for start in range(_LEAST_TOKENS)), strict=False)}


def _ranked(tokens: Sequence[Sequence[str]], frequent: Collection[_Run]) -> list[_Run]:
    """The runs of frequent words that say most, in so many texts."""
    runs = Counter(run for row in tokens for run in set(_frequent_runs(row, frequent)))
    return sorted(runs, key=lambda run: (-runs[run] * len(run), run))[:_MOST_TRIED]


def _frequent_runs(row: Sequence[str], frequent: Collection[_Run]) -> Iterable[_Run]:
    """The longest runs of a text all of whose parts are frequent."""
    start = None
    for place in range(len(row) - _LEAST_TOKENS + 2):
        inside = tuple(row[place : place + _LEAST_TOKENS]) in frequent
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            yield tuple(row[start : place - 1 + _LEAST_TOKENS])
            start = None


def _joined(run: Sequence[str]) -> str:
    """Words as one text, in which those of another run are found where they stand side by side."""
    return f"\x1f{chr(0x1F).join(run)}\x1f"


def _overlap(some: Sequence[int], others: Sequence[int]) -> float:
    return len({*some} & {*others}) / len({*some} | {*others})


def _in_order(runs: Sequence[_Run], row: Sequence[str]) -> list[_Run]:
    """Runs in the order of a text that holds them."""
    joined = _joined(row)
    return sorted(runs, key=lambda run: joined.find(_joined(run)))


def _as_written(run: _Run, text: str) -> str:
    """A run as it stands in a text that holds it."""
    found = _pattern(run).search(text)
    return " ".join(run if found is None else found.group().split())


def _pattern(run: _Run) -> re.Pattern[str]:
    return re.compile(r"[\W_]*".join(map(re.escape, run)), re.IGNORECASE)
