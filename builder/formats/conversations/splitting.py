"""Cells to what each speaker said, once the words for speakers are known: by lines, else within them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from builder.formats.conversations.exchanges import Side
from builder.formats.conversations.roles import fold_speaker

_OPEN, _CLOSE = r"[#*_\[【<「『(（|\-•]", r"[\]】>」』)）|*_]"
_CLOCK = r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?: ?[AaPp]\.?[Mm]\.?)?"
_DATE = r"\d{2,4}[-/.年]\d{1,2}[-/.月]\d{1,4}日?"
TIME = rf"[\[(（【]?(?:{_DATE}[ T]?)?{_CLOCK}[\])）】]?"
NUMBERED = r"(?:[ _]?\d{1,4}|[ ]?[（(][^）)\n]{1,20}[)）]|[-·][^\s:：]{1,10})?"
# In place of * in `客服*` and `agent *`: a name after the word.
_CJK_NAME, _NAME = "[\u4e00-\u9fff]{1,3}", r"[A-Za-z]{1,15}"
# Blanks are few: a text of nothing but blanks takes no longer to read than another.
_BEFORE = rf"(?P<before>(?:{TIME}[ \t,，-]{{0,8}})?(?:{_OPEN}{{1,5}}[ \t]{{0,8}})?)"
_AFTER = (
    rf"[ \t]{{0,8}}{_CLOSE}{{0,5}}(?:[ \t]{{0,8}}{TIME})?[ \t]{{0,8}}{_CLOSE}{{0,3}}[ \t]{{0,8}}"
    r"(?:[:：][ \t]{0,8}(?P<bold>[*_]{0,3})|(?<=[\]】>)）])|(?<=\d)[ \t]{0,8}\n)"
)
_BOUNDARY = r"(?:(?<![^\s。！？；，,!?.;…”』」】）)~～>/])|(?=##))"
_BREAK = re.compile(r"\r\n?|[ \t]{0,8}<br ?/?>[ \t]{0,8}")
_SEPARATORS = ";；/|"
_LIST = frozenset("-•")


class Part(NamedTuple):
    """A part of a cell: whose it is, as the cell has it, on which side that is, and what was said."""

    speaker: str
    side: Side
    text: str


@dataclass(frozen=True, slots=True)
class Labels:
    """The words for speakers in a column.

    Attributes:
        column: where the dialogues stand.
        sides: folded word → side; `客服*` and `agent *` are the word with a name after it.
        tight: whether a word may follow a text without a space or a mark.
    """

    column: str
    sides: Mapping[str, Side]
    tight: bool = False

    @property
    def shown(self) -> str:
        """As a message names them."""
        return ", ".join(f"{word}={side}" for word, side in self.sides.items())


def plain_lines(text: str) -> str:
    """A cell with one kind of line break."""
    return _BREAK.sub("\n", text) if "\r" in text or "<br" in text else text


class Splitter:
    """Cells to what each speaker said."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._sides = {word: side for word, side in labels.sides.items() if not word.endswith("*")}
        self._named = {word[:-1]: side for word, side in labels.sides.items() if word.endswith("*")}
        ordered = sorted(labels.sides, key=len, reverse=True)
        words = "|".join(map(_pattern, ordered))
        label = rf"{_BEFORE}(?P<word>{words}){NUMBERED}{_AFTER}"
        self._heading = re.compile(
            rf"^#{{1,6}}[ \t]{{1,8}}[*_]{{0,2}}({words})[*_]{{0,2}}[ \t]{{0,8}}$", re.IGNORECASE | re.MULTILINE
        )
        self._line = re.compile(rf"^[ \t]*{label}", re.IGNORECASE | re.MULTILINE)
        self._inside = re.compile(rf"{_BOUNDARY}{label}", re.IGNORECASE)
        if labels.tight:
            tight = "|".join(re.escape(word) for word in ordered if not word.isascii())
            self._inside = re.compile(rf"(?P<before>)(?P<word>{tight})：")

    def __call__(self, text: str) -> tuple[list[Part], str]:
        """The parts of a cell, and what stands before the first speaker."""
        text = plain_lines(text)
        text = self._heading.sub(r"\1:", text) if "#" in text else text
        marks = _alike(text, list(self._line.finditer(text)))
        if len({self._side(mark) for mark in marks}) < 2:  # one line, or lines of several speakers
            marks = _alike(text, list(self._inside.finditer(text)), case=True)
        before = text[: marks[0].start()].strip() if marks else text.strip()
        ends = [*(mark.start() for mark in marks), len(text)][1:]
        parts = [
            Part(mark["word"], self._side(mark), _without_bold(mark, text[mark.end() : end].strip()))
            for mark, end in zip(marks, ends, strict=True)
        ]
        return _without_separators(parts), before

    def _side(self, mark: re.Match[str]) -> Side:
        folded = fold_speaker(mark["word"])
        if folded in self._sides:
            return self._sides[folded]
        return next(side for word, side in self._named.items() if folded.startswith(word))


def _pattern(word: str) -> str:
    bare = re.escape(word.removesuffix("*")).replace(r"\ ", r"[ \t]+")
    return bare + ("" if bare == re.escape(word).replace(r"\ ", r"[ \t]+") else _NAME if word.isascii() else _CJK_NAME)


def _alike(text: str, marks: list[re.Match[str]], *, case: bool = False) -> list[re.Match[str]]:
    """The marks that are made like the first: items of a list, code, and words in the middle of a sentence are what somebody says."""
    if not marks:
        return marks
    first = marks[0]
    fences = counted = 0
    in_list = not _LIST.isdisjoint(first["before"])
    kept = []
    for mark in marks:
        listed = not _LIST.isdisjoint(mark["before"])
        fences, counted = fences + text.count("```", counted, mark.start()), mark.start()
        code = fences % 2 == 1
        lower = case and mark["word"][0].islower() and first["word"][0].isupper()
        if listed == in_list and not code and not lower:
            kept.append(mark)
    return kept


def _without_bold(mark: re.Match[str], text: str) -> str:
    """A text without the end of what begins before its speaker, `**Q:** Why?` and `**Q: Why?**`, and with what begins with it."""
    bold = mark.groupdict().get("bold") or ""
    closed = mark.string[mark.end("word") : mark.end() - len(bold)].count("*")
    if mark["before"].count("*") <= closed:
        return bold + text
    return text.removesuffix("**") if not bold and "**" in mark["before"] and text.count("**") % 2 else text


def _without_separators(parts: list[Part]) -> list[Part]:
    """Parts without what only stands between them: `Q：…；A：…`."""
    ends = {part.text[-1:] for part in parts[:-1]}
    if len(ends) != 1 or not (end := ends.pop()) or end not in _SEPARATORS:
        return parts
    return [part._replace(text=part.text.removesuffix(end).rstrip()) for part in parts]
