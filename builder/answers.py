"""Answer keys and how they are checked.

A key travels with a row as JSON, `{"family": "numbers_sum", "check": "number", "answer": "42"}`, so that a trained model or
another teacher can be marked without knowing how the task was made. Nothing is ever evaluated as code.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast, get_args

from builder.errors import UsageError, nearest
from builder.language.messages import worded
from builder.text import normalise

CheckKind = Literal["exact", "verbatim", "number", "choice", "list", "set", "json"]
CHECK_KINDS: tuple[CheckKind, ...] = get_args(CheckKind)

_KEY_FIELDS = ("family", "check", "answer")

_CLOSING_MARKS = "。.!！ "
_SEPARATOR = re.compile("[,，、;；\n]")
_BULLET = re.compile(r"^[-*•]\s+")
_MINUS = str.maketrans("−﹣－", "---")
# A sign counts only where no letter or digit stands before it ("5-3" holds 5 and 3), digits after a Latin letter belong to
# a name ("Q1"), and three exponent digits are enough for any answer.
_NUMBER = re.compile(
    r"(?<![a-z0-9.])(?:(?<![a-z0-9)])[-+])?(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?(?:e[-+]?\d{1,3}(?![0-9a-z]))?",
    re.ASCII,
)
_LEAD_IN = re.compile(r"^(?:(?:the |my )?(?:final )?(?:answer|label)(?: is|:) |(?:最终)?答案(?:是|为|:) ?)")
_FENCE = re.compile(r"^```[a-z]*\s*\n(.*?)\n?```$", re.DOTALL | re.IGNORECASE)


class AnswerKeyError(UsageError):
    """A text that should be an answer key is not one."""


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """The right answer and how another one is held against it.

    Attributes:
        family: the procedural family, or any name of the user's own.
        check: how to compare.
            `exact`: equal after `builder.text.normalise` (case, width, spacing) and without closing 。.!！
            `verbatim`: equal character by character, save white space at the ends and line-end styles; for answers
            whose case, punctuation or layout is the point.
            `number`: equal as decimals; the text may say more, if exactly one number stands in it.
            `choice`: as `exact`, and an opening "the answer is" or "答案是" is allowed.
            `list`: equal item by item, in order, split on commas, 、, semicolons and newlines; bullets are ignored.
            `set`: as `list`, in any order, each item as often as in the key.
            `json`: equal as parsed JSON; key order and spacing do not count, one code fence around it is allowed.
        answer: the right answer, as it would be written.
    """

    family: str
    check: CheckKind
    answer: str

    def to_json(self) -> str:
        """The key on one line, readable by `from_json`."""
        return json.dumps({name: getattr(self, name) for name in _KEY_FIELDS}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "AnswerKey":
        """Read a key.

        Args:
            text: a JSON object with the string members `family`, `check` and `answer`.

        Raises:
            AnswerKeyError: the text is not such an object, or names an unknown check.
        """
        remedy = worded('an answer key looks like {{"family": "sum", "check": "number", "answer": "42"}}')
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AnswerKeyError(
                worded("answer key is not JSON: {text!r} ({error})", text=text[:80], error=error), remedy
            ) from error
        if not isinstance(record, dict):
            raise AnswerKeyError(worded("answer key is not a JSON object: {text!r}", text=text[:80]), remedy)
        for name in _KEY_FIELDS:
            if not isinstance(record.get(name), str):
                raise AnswerKeyError(
                    f"answer key member '{name}' is not a string: {record.get(name)!r}",
                    remedy,
                )
        check = record["check"]
        if check not in CHECK_KINDS:
            hint = nearest(check, CHECK_KINDS)
            raise AnswerKeyError(
                worded("answer key names an unknown check {check!r}{hint}", check=check, hint=hint),
                worded("use one of: {check_kinds}", check_kinds=", ".join(CHECK_KINDS)),
            )
        return cls(record["family"], cast("CheckKind", check), record["answer"])


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """Whether an answer is right, and what was found in it (the part that was compared)."""

    passed: bool
    found: str


def check_answer(key: AnswerKey, text: str) -> AnswerCheck:
    """Hold an answer against its key by the rules of `AnswerKey.check`.

    Args:
        key: the right answer and how to compare.
        text: an answer, as a model wrote it.
    """
    match key.check:
        case "exact":
            found = _bare(text)
            return AnswerCheck(found == _bare(key.answer), found)
        case "choice":
            found = _LEAD_IN.sub("", _bare(text))
            return AnswerCheck(found == _bare(key.answer), found)
        case "verbatim":
            found = _plain_lines(text)
            return AnswerCheck(found == _plain_lines(key.answer), found)
        case "number":
            return _check_number(key.answer, text)
        case "list":
            items = _items(text)
            return AnswerCheck(items == _items(key.answer), ", ".join(items))
        case "set":
            items = sorted(_items(text))
            return AnswerCheck(items == sorted(_items(key.answer)), ", ".join(items))
        case "json":
            return _check_json(key.answer, text)


def _bare(text: str) -> str:
    return normalise(text).rstrip(_CLOSING_MARKS)


def _plain_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _items(text: str) -> list[str]:
    items = (_bare(_BULLET.sub("", part.strip())) for part in _SEPARATOR.split(text))
    return [item for item in items if item]


def _numbers(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).translate(_MINUS).casefold()
    return [match.replace(",", "") for match in _NUMBER.findall(folded)]


def _check_number(answer: str, text: str) -> AnswerCheck:
    expected, found = _numbers(answer), _numbers(text)
    passed = len(found) == 1 and len(expected) == 1 and Decimal(found[0]) == Decimal(expected[0])
    return AnswerCheck(passed, ", ".join(found))


def _check_json(answer: str, text: str) -> AnswerCheck:
    fenced = _FENCE.match(text.strip())
    body = fenced.group(1).strip() if fenced else text.strip()
    try:
        return AnswerCheck(_same_structure(json.loads(answer), json.loads(body)), body)
    except (ValueError, RecursionError):
        return AnswerCheck(False, body)


def _same_structure(left: object, right: object) -> bool:
    """Equality of parsed JSON where true is not 1 (as Python would have it) but 1 is 1.0 (as JSON has it)."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same_structure(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same_structure, left, right))
    return left == right
