"""The command that lists what is measured on every row, and how well."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from builder.chinese import spoken
from builder.cli.options import AsJson, print_json, say

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
            raise UsageError(f"no signal is called {name!r}{nearest(name, known)}", f"There are: {', '.join(known)}.")
    language = language or spoken()
    cards = [_card(known[name], language) for name in names or known]
    if as_json:
        print_json(cards)
        return
    for card in cards:
        say(f"{card['name']}: {card['meaning']}")
        for label in ("columns", "range", "precision", "misses"):
            value = card[label]
            say(f"  {_LABELS[label][language]:10} {value if isinstance(value, str) else ', '.join(value)}")


_LABELS = {
    "columns": {"en": "columns", "zh": "列"},
    "range": {"en": "range", "zh": "取值"},
    "precision": {"en": "precision", "zh": "精确率"},
    "misses": {"en": "misses", "zh": "局限"},
}


def _card(signal: "Signal | GivenSignal", language: Literal["en", "zh"]) -> dict[str, str | Sequence[str]]:
    from builder.signals.given import GivenSignal

    card = signal.card
    of = (
        "{0.language}: {0.right} of {0.read} flagged rows right"
        if language == "en"
        else "{0.language}：标出的 {0.read} 行中 {0.right} 行正确"
    )
    unread = {"en": "nothing was flagged in the public files", "zh": "公开文件中没有标出任何行"}
    if isinstance(signal, GivenSignal):
        unread = {
            "en": f"depends on the model; `{signal.command}` makes the table",
            "zh": f"取决于所用模型；由 `{signal.command}` 生成",
        }
    return {
        "name": signal.name,
        "columns": [column for column, _ in signal.columns],
        "meaning": card.meaning_zh if language == "zh" else card.meaning_en,
        "range": card.range_zh if language == "zh" else card.range_en,
        "precision": [of.format(read) for read in card.precision] or [unread[language]],
        "misses": card.misses_zh if language == "zh" else card.misses_en,
    }
