"""The command that lists what is measured on every row, and how well."""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from builder.cli.options import AsJson, print_json, say
from builder.language.chinese import spoken
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.signals import Signal
    from builder.signals.given import GivenSignal


def signals(
    names: Annotated[list[str] | None, typer.Argument(help="Only these signals.", metavar="[NAME]...")] = None,
    language: Annotated[Literal["en", "zh"] | None, typer.Option(help="The language of the cards.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the signals: what each means, its range, how often it is right, and what it misses."""
    from builder.errors import UsageError, nearest
    from builder.signals import SIGNALS, Signal
    from builder.signals.given import GIVEN_SIGNALS, GivenSignal

    known: dict[str, Signal | GivenSignal] = {**SIGNALS, **GIVEN_SIGNALS}
    for name in names or ():
        if name not in known:
            raise UsageError(
                worded("no signal is called {name!r}{nearest}", name=name, nearest=nearest(name, known)),
                worded("There are: {known}.", known=", ".join(known)),
            )
    language = language or spoken()
    cards = [_card(known[name], language) for name in names or known]
    if as_json:
        print_json(cards)
        return
    width = shutil.get_terminal_size((0, 0)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else 0
    for card in cards:
        for line in _lines(card, language, width or _UNWRAPPED):
            say(line)
    if not names:
        for line in _novelty(language, width or _UNWRAPPED):
            say(line)


def _novelty(language: Literal["en", "zh"], width: int) -> Iterator[str]:
    """How often novelty is right, which is no signal of one row."""
    from builder.config import Novelty
    from builder.reporting.novelty_curve import curve_text

    intro, *table = curve_text(Novelty().thresholds, language)
    yield "novelty"
    yield from _wrapped(intro, "  ", "  ", width)
    for line in table:
        yield from _wrapped(line, "", "    ", width)


_UNWRAPPED = 1_000_000
_NARROWEST = 24
_LABELS = {
    "columns": {"en": "columns", "zh": "列"},
    "range": {"en": "range", "zh": "取值"},
    "precision": {"en": "precision", "zh": "精确率"},
    "recall": {"en": "recall", "zh": "召回率"},
    "misses": {"en": "misses", "zh": "局限"},
}


def _lines(card: Mapping[str, Any], language: Literal["en", "zh"], width: int) -> Iterator[str]:
    """A card as lines of at most a width; what goes on in a next line is indented, or only a little where there is no room."""
    yield from _wrapped(f"{card['name']}: {card['meaning']}", "", "  ", width)
    for label in _LABELS:
        value = card[label]
        values = [value] if isinstance(value, str) else [", ".join(value)] if label == "columns" else value
        for place, part in enumerate(values):
            first = f"  {_LABELS[label][language] if place == 0 else '':10} "
            yield from _wrapped(part, first, " " * (13 if width >= 2 * _NARROWEST else 4), width)


def _wrapped(text: str, first: str, rest: str, width: int) -> Iterator[str]:
    line = first
    for piece in re.findall(r"[^\x00-\u2e7f]|[\x00-\u2e7f]+?(?: +|$|(?=[^\x00-\u2e7f]))", text):
        if _columns(line + piece.rstrip()) > max(width, _NARROWEST) and line.strip() and line != first:
            yield line.rstrip()
            line, piece = rest, piece.lstrip()
        line += piece
    yield line.rstrip()


def _columns(text: str) -> int:
    """How many columns a terminal gives to a text; an East Asian character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


_FLAGGED = {
    "en": "{language}: {right} of {read} flagged rows right",
    "zh": "{language}：标出的 {read} 行中 {right} 行正确",
}
_FOUND = {
    "en": "{language}: {right} of {read} such rows found",
    "zh": "{language}：应标出的 {read} 行中找到 {right} 行",
}
_SHARE = {
    "en": "{text}, {share:.0%} (95 % interval {low:.0%} to {high:.0%})",
    "zh": "{text}，{share:.0%}（95% 区间 {low:.0%}–{high:.0%}）",
}
_GUIDED = {
    "en": "on rows that guided the patterns: expect somewhat less on others",
    "zh": "以上是制定规则时看过的行，换成其他数据会略低",
}


def _card(signal: "Signal | GivenSignal", language: Literal["en", "zh"]) -> dict[str, Any]:
    from builder.signals.given import GivenSignal

    card = signal.card
    unread = _UNMEASURED
    if isinstance(signal, GivenSignal):
        unread = {
            "en": f"depends on the model; `{signal.command}` makes the table",
            "zh": f"取决于所用模型；由 `{signal.command}` 生成",
        }
    precision, recall = ([_count(*counted) for counted in counts] for counts in (card.precision, card.recall))
    shown = [_share(_FLAGGED, count, language) for count in precision]
    return {
        "name": signal.name,
        "columns": [column for column, _ in signal.columns],
        "meaning": card.meaning_zh if language == "zh" else card.meaning_en,
        "range": card.range_zh if language == "zh" else card.range_en,
        "precision": ([*shown, _GUIDED[language]] if shown and not card.fresh else shown) or [unread[language]],
        "recall": [_share(_FOUND, count, language) for count in recall] or [_UNMEASURED[language]],
        "misses": card.misses_zh if language == "zh" else card.misses_en,
        "counts": {"precision": precision, "recall": recall, "fresh": card.fresh},
    }


_UNMEASURED = {"en": "not measured", "zh": "未测量"}


def _count(language: str, right: int, read: int) -> dict[str, Any]:
    from builder.intervals import wilson

    low, high = wilson(right, read)
    share = right / read if read else 0.0
    return {
        "language": language,
        "right": right,
        "read": read,
        "share": round(share, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _share(template: Mapping[str, str], count: Mapping[str, Any], language: Literal["en", "zh"]) -> str:
    return _SHARE[language].format(text=template[language].format(**count), **count)
