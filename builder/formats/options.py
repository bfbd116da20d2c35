"""The options of a question and the one that answers it, in the shapes that files have them in.

{"A": "火星", "B": "月球"}    ["A) 21", "B) 21.5"]    {"text": ["Mars", …], "label": ["1", …]}    "A. 火星 B. 月球"
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.row_format import RowError, kind_of, text_of
from builder.formats.turns import load_json
from builder.language.messages import worded

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# What a text calls an option before it says it: "A. Mars", "（B）月球", "C、7".
_MARK = re.compile(r"[(（\[【]?([A-Z])[)）\]】.．、:：]\s*")
_INLINE = re.compile(r"(?:(?<=[\s;；,，|])|^)[(（\[【]?([A-Z])([)）\]】.．、:：])\s*")
_ONLY_LETTERS = re.compile(r"[(（\[【]?([A-Z](?:[\s,，、;；和]*[A-Z])*)[)）\]】]?[.．。、]?")
_NAMED = re.compile(r"[(（\[【]?([A-Z])[)）\]】.．、:：\s]+(.*)", re.DOTALL)
_ANNOUNCED = re.compile(
    r"(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)(?:\s+is)?[\s:]+|(?:正确|参考|标准)?(?:答案|选项)[\s:：是为]*|应?选[\s:：]*",
    re.IGNORECASE,
)


def may_be_options(glimpse: Any) -> bool:
    """Whether a glimpse of a value is one of options: a list, an object by letters, or a text that begins as such a cell does."""
    if isinstance(glimpse, str):
        return glimpse[:1] in ("[", "{") or _begins(glimpse)
    if isinstance(glimpse, Mapping):
        return "text" in glimpse or all(len(str(label).strip()) == 1 for label in glimpse)
    return isinstance(glimpse, list)


def _begins(text: str) -> bool:
    found = _MARK.match(text.lstrip())
    return found is not None and found[1] == "A"


def lists_options(text: str) -> bool:
    """Whether a text is options in lines, as `builder.formats.multiple_choice` writes them into a prompt."""
    return _begins(text) and len(_of_text(text)) > 1


def read_options(value: Any) -> dict[str, str]:
    """Options by their letters, or by the labels that the file gives them.

    Raises:
        RowError: no list of texts, no object of texts, or more options than there are letters.
    """
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("[", "{"):
            return _of_text(value)
        value = load_json(value, "'options'")
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):  # ARC, CommonsenseQA
        return _labelled(value.get("label") or LETTERS, value["text"])
    if isinstance(value, Mapping):
        return _labelled([*value], [*value.values()])
    if not isinstance(value, list | None):
        raise RowError(
            worded(
                "'options' holds {kind_of}, expected a list of texts or an object {{letter: text}}",
                kind_of=kind_of(value),
            )
        )
    if value and all(isinstance(item, Mapping) for item in value):
        return _labelled(*zip(*map(_of_object, value, LETTERS), strict=True))
    return _labelled(LETTERS, value or ())


def _labelled(labels: Sequence[Any], texts: Sequence[Any]) -> dict[str, str]:
    """Options without the letters that the file wrote before all of them; empty ones at the end are none."""
    if len(texts) > len(LETTERS):
        raise RowError(
            worded(
                "'options' holds {texts} options, expected at most {letters}", texts=len(texts), letters=len(LETTERS)
            )
        )
    found = {
        str(label).strip(): text_of({"options": text}, "options").strip()
        for label, text in zip(labels, texts, strict=False)
    }
    while found and not [*found.values()][-1]:
        found.popitem()
    marks = [_MARK.match(text) for text in found.values()]
    if marks and all(mark is not None and mark[1] == label for mark, label in zip(marks, found, strict=True)):
        return {label: text[mark.end() :] for (label, text), mark in zip(found.items(), marks, strict=True) if mark}
    return found


def _of_object(item: Mapping[str, Any], letter: str) -> tuple[Any, Any]:
    """One option as {"label": "A", "text": "…"}, or as {"A": "…"}."""
    text = next((item[key] for key in ("text", "content", "value") if item.get(key) is not None), None)
    label = next((item[key] for key in ("label", "key", "id") if item.get(key) is not None), letter)
    return next(iter(item.items())) if text is None and len(item) == 1 else (label, text)


def _of_text(text: str) -> dict[str, str]:
    """Options as a cell lists them, in a line or in lines; lines without letters get them."""
    marks: list[re.Match[str]] = []
    for mark in _INLINE.finditer(text):
        same = not marks or mark[2] == marks[0][2]
        if (
            same and mark[1] == LETTERS[len(marks) : len(marks) + 1]
        ):  # others stand in the text of an option, such as initials
            marks.append(mark)
    if len(marks) > 1:
        ends = [*(mark.start() for mark in marks[1:]), len(text)]
        return {mark[1]: text[mark.end() : end].strip(" \t\r\n;；,，|") for mark, end in zip(marks, ends, strict=True)}
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return dict(zip(LETTERS, lines, strict=False)) if 1 < len(lines) <= len(LETTERS) else {}


def as_number(value: Any) -> int | None:
    """An answer as a place among the options: a number, or the digits of one as tables have them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,2}\s*", value) else None


def chosen(answer: str, options: Mapping[str, str]) -> list[str]:
    """The letters of the options that an answer names, in any of the usual ways; none where it says something else."""
    found = _ANNOUNCED.match(answer)
    bare = answer[found.end() :].strip() if found else answer.strip()
    for said in (answer.strip().casefold(), bare.casefold()):
        by_label = [label for label in options if label.casefold() == said]
        by_text = [label for label, option in options.items() if option.casefold() == said]
        if len(only := by_label or by_text) == 1:
            return only
    if letters := _ONLY_LETTERS.fullmatch(bare.upper()):
        several = re.findall("[A-Z]", letters[1])
        return sorted(several) if len({*several}) == len(several) and {*several} <= options.keys() else []
    named = _NAMED.fullmatch(bare)
    same = named is not None and options.get(named[1], "").casefold() == named[2].strip().casefold()
    return [named[1]] if named is not None and same and named[1] in options else []
