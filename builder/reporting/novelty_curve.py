"""How often a grown row that goes as `too_similar` asks for the same, and how many such rows are found, at every threshold; and
the same of imported rows, which are compared by what they ask.

Measured on the labelled pairs of requests in benchmarks/truth/requests.jsonl by `python -m benchmarks.novelty_curve --write`, apart
for texts that are split into words and into Chinese characters: one threshold means different things for them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unicodedata import east_asian_width

from builder.language import Language
from builder.language.labels import WORDS, pick
from builder.text import Thresholds, TokenMode

CURVE = Path(__file__).with_name("novelty_curve.json")


@dataclass(frozen=True, slots=True)
class Point:
    """What one threshold does.

    Attributes:
        threshold: of ROUGE-L F1.
        found: pairs of which one would go.
        right: of these, pairs that ask for the same.
        low, high: the 95 % interval of right / found.
    """

    threshold: float
    found: int
    right: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One way to split texts: the pairs measured, those that ask for the same, the points of grown rows by rising threshold, and
    that of imported rows.
    """

    pairs: int
    same: int
    points: Sequence[Point]
    imported: Point


@cache
def read_curves() -> Mapping[TokenMode, Curve]:
    """The curves by how texts are split, as they ship."""
    stored = json.loads(CURVE.read_text(encoding="utf-8"))
    return {
        mode: Curve(one["pairs"], one["same"], tuple(Point(*point) for point in one["points"]), Point(*one["imported"]))
        for mode, one in stored.items()
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One threshold with its precision and recall, words before characters; the last line is of imported rows.

    Attributes:
        threshold: empty for imported rows.
        cells: precision with its interval and recall, of words and then of characters.
        chosen: whether it is the threshold that is set for words, and for characters.
    """

    threshold: str
    cells: Sequence[str]
    chosen: tuple[bool, bool]


def curve_lines(thresholds: Thresholds) -> list[Line]:
    """The table: a line for each threshold, then that of imported rows.

    Args:
        thresholds: that are set; the nearest lines at or below them are marked.
    """
    curves = [read_curves()[mode] for mode in ("word", "cjk")]
    steps = [point.threshold for point in curves[0].points]
    words, characters = (
        max((step for step in steps if step <= set_to + 1e-9), default=steps[0])
        for set_to in (thresholds.words, thresholds.characters)
    )
    lines = []
    for number, step in enumerate(steps):
        cells = [cell for curve in curves for cell in _cells(curve.points[number], curve.same)]
        lines.append(Line(f"{step:.2f}", cells, (step == words, step == characters)))
    brought = [cell for curve in curves for cell in _cells(curve.imported, curve.same)]
    return [*lines, Line("", brought, (False, False))]


def _cells(point: Point, same: int) -> tuple[str, str]:
    precision = "–"
    if point.found:
        precision = f"{point.right / point.found:.0%} ({point.low:.0%}–{point.high:.0%})"
    return precision, f"{point.right / same:.0%}" if same else "–"


def curve_text(thresholds: Thresholds, language: Language) -> Iterator[str]:
    """The table as lines for a terminal, with what it is about before it; a star marks the threshold that is set."""
    curves = read_curves()
    yield pick(WORDS["curve_intro"], language).format(**{mode: curve.pairs for mode, curve in curves.items()})
    yield pick(WORDS["curve_heading"], language)
    for line in curve_lines(thresholds):
        words, characters = ("*" if chosen else " " for chosen in line.chosen)
        marked = [f"{words}{line.cells[0]}", line.cells[1], f"{characters}{line.cells[2]}", line.cells[3]]
        first = line.threshold or pick(WORDS["curve_imported"], language)
        width = sum(2 if east_asian_width(character) in "WF" else 1 for character in first)
        yield f"  {first}{' ' * (10 - width)}" + "".join(f"{cell:17}" for cell in marked).rstrip()
