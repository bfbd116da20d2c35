"""Inline SVG: bars and histograms that take their colours from the page's style, so they suit light and dark.

Bars hold no text: they stretch with the page while their labels stay HTML. Histograms are drawn at panel width and carry
their axis. Nothing refers to anything outside the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup, escape

from builder.language import Language
from builder.language.labels import WORDS, number, pick

Tone = Literal["total", "loss", "gain", "train", "validation", "rest"]

# A bar is drawn in these units and stretched; a count above zero is never thinner than the least.
_WIDTH, _HEIGHT, _LEAST = 1000, 30, 3
_PANEL_WIDTH, _PANEL_HEIGHT, _AXIS = 320, 128, 18


@dataclass(frozen=True, slots=True)
class Span:
    """A coloured stretch of a bar, from `start` to `end` in counts."""

    start: int
    end: int
    tone: Tone


def stage_bar(spans: Sequence[Span], whole: int) -> Markup:
    """One stage of the funnel: its spans on the scale on which `whole` fills the width."""
    scale = _WIDTH / whole if whole else 0.0
    drawn = (_rect(span.start * scale, 0, (span.end - span.start) * scale, _HEIGHT, span.tone) for span in spans)
    return _stretched("".join(drawn), _HEIGHT)


def stage_link(flows: int, joins: int, whole: int) -> Markup:
    """What flows from one stage to the next: the first `flows` of the upper bar, and `joins` that come from elsewhere."""
    scale = _WIDTH / whole if whole else 0.0
    flow = f'<rect class="t-flow" x="0" y="0" width="{flows * scale:.1f}" height="{_HEIGHT}"/>'
    left, right = flows * scale, (flows + joins) * scale
    # Kept clear of the bar above: what joins does not come from it.
    points = f"{left:.1f},{_HEIGHT} {left:.1f},18 {right:.1f},12 {right:.1f},{_HEIGHT}"
    return _stretched(flow + (f'<polygon class="t-joins" points="{points}"/>' if joins else ""), _HEIGHT)


def reason_bar(count: int, whole: int, tone: Tone) -> Markup:
    """A count on a scale shared by the reasons of one stage."""
    return _stretched(_rect(0, 0, count * _WIDTH / whole if whole else 0.0, 10, tone), 10)


def share_bar(before: int, after: int, whole: int) -> Markup:
    """The kept part over all, on a scale shared by the bars of one table."""
    scale = _WIDTH / whole if whole else 0.0
    return _stretched(_rect(0, 0, before * scale, 10, "rest") + _rect(0, 0, after * scale, 10, "total"), 10)


def histogram(column: Mapping[str, Any], title: str, limits: Sequence[float], language: Language) -> Markup:
    """A histogram of all rows with the kept ones over it; hovering a bin tells its counts.

    Args:
        column: a distribution of kind `histogram` (see `builder.reporting.distributions`), with edges.
        title: what a screen reader says.
        limits: thresholds to mark where they lie within the axis.
        language: of the texts.
    """
    edges: Sequence[float] = column["edges"]
    first, last = edges[0], edges[-1]
    top = max(*column["before"], 1)
    base = _PANEL_HEIGHT - _AXIS
    width = _PANEL_WIDTH / (len(edges) - 1)
    shades: tuple[Tone, Tone] = ("rest", "total")
    bins = []
    for i, (before, after) in enumerate(zip(column["before"], column["after"], strict=True)):
        text = pick(WORDS["bin"], language).format(
            low=number(edges[i]), high=number(edges[i + 1]), before=number(before), after=number(after)
        )
        bars = [_column(i * width, width, base, n / top, tone) for n, tone in zip((before, after), shades, strict=True)]
        bins.append(
            f"<g><title>{escape(text)}</title>"
            f'<rect class="hit" x="{i * width:.1f}" y="0" width="{width:.1f}" height="{base}"/>'
            f"{''.join(bars)}</g>"
        )
    places = [((limit - first) / (last - first) * _PANEL_WIDTH, limit) for limit in limits if first < limit < last]
    marks = "".join(_limit(x, base, number(limit), language) for x, limit in places)
    return Markup(
        f'<svg class="histogram" viewBox="0 -14 {_PANEL_WIDTH} {_PANEL_HEIGHT + 14}" role="img" '
        f'aria-label="{escape(title)}">{"".join(bins)}'
        f'<line class="axis" x1="0" x2="{_PANEL_WIDTH}" y1="{base}" y2="{base}"/>{_ticks(edges, base)}{marks}'
        f"{_height_label(top, [x for x, _ in places])}</svg>"
    )


def _ticks(edges: Sequence[float], base: float) -> str:
    bins = len(edges) - 1
    step = next(step for step in (1, 2, 4, 5, 8, 10, 20, 50, 100) if bins / step <= 6)
    ticks = []
    for i in range(0, bins + 1, step):
        x = i / bins * _PANEL_WIDTH
        anchor = "start" if i == 0 else "end" if i == bins else "middle"
        ticks.append(f'<text x="{x:.1f}" y="{base + 14}" text-anchor="{anchor}">{escape(number(edges[i]))}</text>')
    return "".join(ticks)


def _height_label(top: int, taken: Sequence[float]) -> str:
    """The tallest bar's count in the corner that no limit's label needs."""
    left, right = (any(x <= _PANEL_WIDTH / 2 for x in taken), any(x > _PANEL_WIDTH / 2 for x in taken))
    if left and right:
        return ""
    return f'<text x="{_PANEL_WIDTH if left else 0}" y="-4" text-anchor="{"end" if left else "start"}">{number(top)}</text>'


def _limit(x: float, base: float, text: str, language: Language) -> str:
    words = escape(pick(WORDS["limit"], language).format(n=text))
    anchor, shift = ("end", -3) if x > _PANEL_WIDTH / 2 else ("start", 3)
    return (
        f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="-12" y2="{base}"/>'
        f'<text class="limit" x="{x + shift:.1f}" y="-4" text-anchor="{anchor}">{words}</text>'
    )


def _column(x: float, width: float, base: float, height: float, tone: Tone) -> str:
    tall = max(height * base, 1.0) if height else 0.0
    return (
        f'<rect class="t-{tone}" x="{x + 0.5:.1f}" y="{base - tall:.1f}" width="{width - 1:.1f}" height="{tall:.1f}"/>'
    )


def _rect(x: float, y: float, width: float, height: float, tone: Tone) -> str:
    if width <= 0:
        return ""
    width = max(width, _LEAST)
    x = min(x, _WIDTH - width)
    return f'<rect class="t-{tone}" x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{height:.0f}"/>'


def _stretched(content: str, height: int) -> Markup:
    return Markup(
        f'<svg class="bar" viewBox="0 0 {_WIDTH} {height}" preserveAspectRatio="none" aria-hidden="true">{content}</svg>'
    )
