"""Several rounds a row in numbered columns: 问1 答1 问2 答2, Q1 A1 Q2 A2, 第一轮提问 第一轮回答, `user 1` `assistant 1`."""

import re
from collections.abc import Mapping, Sequence

from builder.formats.columns import CHAT_NAMES, NAMES, find_columns, fold_name
from builder.formats.row_format import Row, RowFormat, SampleParts, optional_text, text_of
from builder.formats.turns import with_system
from builder.schema import Message

_ASKS = {*NAMES["question"], *CHAT_NAMES["question"], "instruction"}
_ANSWERS = {*NAMES["answer"], *CHAT_NAMES["answer"], "output"}
_DIGITS = "一二三四五六七八九十"
_NUMBER = f"(?:[0-9]{{1,2}}|[{_DIGITS}])"
_PATTERN = re.compile(
    f"(?:第?(?P<before>{_NUMBER})(?:轮|次|回合)?|(?:round|turn)_?(?P<round>{_NUMBER}))?_?(?P<word>.+?)_?(?P<after>{_NUMBER})?"
)


def round_of(column: str) -> tuple[int, str] | None:
    """The number and the side, `asks` or `answers`, that a column's name has; None where it has none."""
    match = _PATTERN.fullmatch(fold_name(column))
    number = match and (match["before"] or match["round"] or match["after"])
    if not match or not number:
        return None
    side = "asks" if match["word"] in _ASKS else "answers" if match["word"] in _ANSWERS else None
    return None if side is None else (int(number) if number.isdecimal() else _DIGITS.index(number) + 1, side)


def _rounds(columns: Sequence[str]) -> Mapping[int, tuple[str, str]]:
    """Number → the columns of its question and its answer, in the order of the numbers."""
    found: dict[int, dict[str, str]] = {}
    for column in columns:
        if (place := round_of(column)) is not None:
            number, side = place
            found.setdefault(number, {}).setdefault(side, column)
    return {number: (pair["asks"], pair["answers"]) for number, pair in sorted(found.items()) if len(pair) == 2}


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where columns of questions and of answers share numbers, else None."""
    rounds = _rounds(columns)
    if not rounds:
        return None
    fields: dict[str, str] = {}
    for place, (asks, answers) in enumerate(rounds.values(), 1):
        fields |= {f"question {place}": asks, f"answer {place}": answers}
    return fields | find_columns(columns, "system")


def read(row: Row) -> list[SampleParts]:
    """One sample of all rounds that hold something."""
    turns: list[Message] = []
    for place in sorted({int(field.split()[1]) for field in row if field.startswith(("question ", "answer "))}):
        asks, answers = f"question {place}", f"answer {place}"
        turns += [Message("user", asked)] if (asked := text_of(row, asks)).strip() else []
        turns += [Message("assistant", said)] if (said := text_of(row, answers)).strip() else []
    messages, notes = with_system(tuple(turns), optional_text(row, "system"))
    return [SampleParts(messages, notes=notes)]


NUMBERED = RowFormat(
    name="numbered",
    title={"en": "numbered rounds", "zh": "按轮次编号的问答"},
    expects="问1 + 答1 + 问2 + 答2, Q1 + A1 …",
    required=("question 1", "answer 1"),
    detect=detect,
    read=read,
)
