"""Messages in Chinese.

A message is written in English where it arises, with its values in it: `3 of 10 rows shown`. The catalogue, `messages.zh.json`,
holds its template, `{} of {} rows shown`, beside the Chinese one; what a template fits is said in Chinese, value by value. Tests
hold that no message that is raised anywhere lacks one.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from builder.language import Language
from builder.language.messages import Message

_FILE = Path(__file__).with_name("messages.zh.json")
_VALUES = "values"  # in place of a file: what stands for a value in messages
_VALUE = re.compile(r"\{(\d*)\}")
_LETTERS = re.compile(r"[A-Za-z]{2}")
_SENTENCES = re.compile(r"(?<=[.!?。]) ")
_BULLET = re.compile(r"(\s*(?:- )?)(.*)", re.DOTALL)
_ITEM = "  - "
_ROW = re.compile(r"(, |^)row (\d+)$")
# Colons that may end a place, and messages within messages: an endpoint's answer in JSON has hundreds of colons.
_PLACES, _DEPTH = 6, 3
_OWN_SETTING = "SEEDBED_REPORT_LANGUAGE"


def is_spoken(environ: Mapping[str, str] | None = None) -> bool:
    """Whether messages are in Chinese: by $SEEDBED_REPORT_LANGUAGE, else where the terminal's locale asks for it.

    Args:
        environ: None is the process's own.
    """
    variables = os.environ if environ is None else environ
    if own := variables.get(_OWN_SETTING):
        return own == "zh"
    locale = next((variables[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if variables.get(name)), "")
    return locale.lower().startswith("zh")


def spoken_words(pairs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Each text, written in English and Chinese, in the language that is spoken."""
    return {key: pair[is_spoken()] for key, pair in pairs.items()}


def spoken() -> Language:
    """The language of whoever gave the command."""
    return "zh" if is_spoken() else "en"


def told(text: str, language: Language) -> str:
    """A message as it is shown in a language."""
    if language == "en":
        return str(text)
    return text.into("zh") if isinstance(text, Message) and text.is_known() else in_chinese(str(text))


def in_chinese(text: str) -> str:
    """A message in Chinese, as far as the catalogue has it; what it has not stays as it is."""
    whole = _found(text)
    return whole.chinese if whole else "\n".join(_line(line) or line for line in text.split("\n"))


def left_in_english(text: str) -> list[str]:
    """The lines of a message that the catalogue does not have."""
    if isinstance(text, Message) and text.is_known():
        return []
    whole = _found(text)
    lines = [line for line in text.split("\n") if line.startswith(_ITEM) or (_LETTERS.search(line) and not whole)]
    return [line for line in lines if _line(line) is None]


class _Found(NamedTuple):
    """A text in Chinese, and how many of its characters were in the catalogue: of several ways the one with most is meant."""

    known: int
    chinese: str


def _line(text: str) -> str | None:
    """A line, which may be one of a list or hold several sentences."""
    bullet = _BULLET.fullmatch(text)
    assert bullet is not None
    indent, body = bullet.groups()
    found = _found(body) or _sentences(body)
    return indent + found.chinese if found else None


@lru_cache(maxsize=1 << 12)
def _found(text: str, depth: int = 0) -> _Found | None:
    """A message, or a value that is one, at a depth of messages within messages."""
    ways: list[_Found] = []
    if depth > _DEPTH:
        return None
    *places, problem = text.split(": ", _PLACES) if "\n" not in text else [text]
    while places:  # of two ways with as much in the catalogue the one with the longer place is meant
        ways += [way] if (way := _placed(": ".join(places), problem, depth + 1)) else []
        problem = f"{places.pop()}: {problem}"
    ways += [_Found(len(text), chinese) for chinese in [_catalogue().exact.get(text)] if chinese]
    ways += [way for template in _catalogue().templates if (way := template.fitted(text, depth + 1))]
    return max(ways, key=lambda way: way.known, default=None)


def _value(text: str, depth: int) -> _Found:
    """A value in a message: another message, a list of them, one of the words that stand for values, or what the user gave."""
    if text.startswith(_ITEM):
        lines = text.split("\n")
        return _Found(0, "\n".join(_line(line) or line for line in lines))
    return _found(text, depth) or _word(text)


def _word(text: str) -> _Found:
    if chinese := _catalogue().values.get(text):
        return _Found(len(text), chinese)
    ways = [way for template in _catalogue().phrases if (way := template.fitted(text, _DEPTH))]
    return max(ways, key=lambda way: way.known, default=_Found(0, text))


def _placed(place: str, problem: str, depth: int) -> _Found | None:
    """`a.json, row 3: what is wrong`, of which the latter is in the catalogue."""
    found = _found(problem, depth) or _sentences(problem)
    if found is None:
        return None
    shown = _ROW.sub(lambda row: f"{' ' if row[1] else ''}第 {row[2]} 行", place)
    return _Found(found.known, f"{_word(shown).chinese}：{found.chinese}")


def _sentences(text: str) -> _Found | None:
    """Sentences that stand in the catalogue one by one."""
    parts = _SENTENCES.split(text)
    found = [way for part in parts if (way := _found(part))] if len(parts) > 1 else []
    whole = len(found) == len(parts)
    return _Found(sum(way.known for way in found), "".join(way.chinese for way in found)) if whole else None


@dataclass(frozen=True, slots=True)
class _Template:
    """A message with values in it."""

    pattern: re.Pattern[str]
    parts: list[str]
    chinese: str

    @classmethod
    def of(cls, english: str, chinese: str) -> "_Template":
        parts = english.split("{}")
        # Only what has several lines of its own has values of several lines.
        places = "(.*?)".join(map(re.escape, parts)).replace("(.*?)(.*?)", "(.*?)((?:, .*)?)")
        pattern = re.compile(places, re.DOTALL if "\n" in english else 0)
        return cls(pattern, sorted(parts, key=len, reverse=True), chinese)

    def fitted(self, text: str, depth: int) -> _Found | None:
        """The text in Chinese, where it is this message."""
        if self.parts[0] not in text:  # as nearly all are not: a tenth of the time
            return None
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        values = [_value(value, depth) for value in match.groups()]
        rest = iter(values)
        filled = _VALUE.sub(lambda place: (values[int(place[1]) - 1] if place[1] else next(rest)).chinese, self.chinese)
        return _Found(sum(map(len, self.parts)) + sum(value.known for value in values), filled)


class _Catalogue(NamedTuple):
    """Messages without values, those with values; and the same of what stands for a value in them."""

    exact: dict[str, str]
    templates: list[_Template]
    values: dict[str, str]
    phrases: list[_Template]


@cache
def _catalogue() -> _Catalogue:
    by_file: dict[str, dict[str, str]] = json.loads(_FILE.read_text(encoding="utf-8"))
    values = by_file.pop(_VALUES)
    messages = {english: chinese for file in by_file.values() for english, chinese in file.items()}
    # Behind a setting's name Pydantic's messages begin with a small letter, behind an option's with a capital one.
    messages |= {english[0].upper() + english[1:]: chinese for english, chinese in by_file["pydantic"].items()}
    return _Catalogue(*_divided(messages), *_divided(values))


def _divided(entries: Mapping[str, str]) -> tuple[dict[str, str], list[_Template]]:
    templates = [_Template.of(english, chinese) for english, chinese in entries.items() if "{}" in english]
    return {english: chinese for english, chinese in entries.items() if "{}" not in english}, templates
