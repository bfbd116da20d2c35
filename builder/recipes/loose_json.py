"""JSON as models write it when they slip: other quotation marks, full-width punctuation, Python's words, missing commas.

    ｛“指令”：“写一句关于“雨”的话。”，“输出”：'雨停了。'，｝    {instruction: "Match \\d", output: None}  // and so on

A string ends only where what follows can only follow a string. Wherever two readings are possible there is no reading: the
record is left out, and so is everything after it unless the layout shows where the next one begins. An end that is missing is
never added to a string.
"""

import json
import re
from typing import Any

from builder.recipes.field_names import build_object, field_of, holds_tasks, is_known, is_task

_DEEPEST = 32  # objects and lists inside one another
_MOST_QUOTES = 400  # unescaped quotation marks in one string

_BLANK = re.compile(r"(?:[\s\x00-\x1f\u200b\ufeff\u3000]+|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_ELLIPSIS = re.compile(r"\.\.\.|…+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d+)?(?:[eE][+-]?\d{1,3})?\Z")
_WORD = re.compile(r"[^\s,，;；:：{}｛｝\[\]［］\"“”]+")
_BARE_NAME = re.compile(r"[^\W\d][\w\-]{0,40}")
_NEXT_NAME = re.compile(
    r"""["'“”‘’＂＇`「]\s*[^\W\d][\w \\\-]{0,40}?\s*["'“”‘’＂＇`」]\s*[:：=]|"""
    r"""[A-Za-z_\u4e00-\u9fff][\w\-]{0,40}\s*[:：](?!//)"""
)
_FIELD_INSIDE = re.compile(r"""["'“”‘’＂](\w[\w ]{0,20})["'“”‘’＂]""")

_MEMBER_INSIDE = re.compile(r"""["'“”‘’＂]\s*[}｝\]］]*\s*[,，、;；{｛]+\s*[{｛\[［]*\s*["'“”‘’＂]""")

_HEAD = re.compile(r"""[{｛]\s*["'“‘]?(\w+)["'”’]?\s*[:：]""")
# What a string ends with that ran on to the next record's first quotation mark.
_RAN_ON = re.compile(r"[,，{｛\[［]\s*\n\s*\Z|[}｝]\s*[,，]\s*[{｛]\s*\Z")

_CLOSERS = {
    '"': '"', "＂": "＂", "'": "'", "＇": "＇", "`": "`", "「": "」",
    "“": "“”„", "”": "“”„", "„": "“”„", "‘": "‘’", "’": "‘’",
}  # fmt: skip
_SPECIAL = {closers: re.compile(f"[{closers}\\\\\\x00-\\x08\\x0b-\\x1f]") for closers in set(_CLOSERS.values())}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "'": "'"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_WORDS: dict[str, Any] = {
    "true": True, "false": False, "null": None, "True": True, "False": False, "None": None,
    "undefined": None, "NaN": None, "nan": None, "Infinity": None, "-Infinity": None,
}  # fmt: skip
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_LIST, _CLOSE_LIST = "{｛", "}｝", "[［", "]］"
_COMMAS, _COLONS = ",，;；、", ":：="


class NotReadable(ValueError):
    """What stands at a place in the text has no certain reading."""


def exact_float(text: str) -> float | str:
    """A number with a point; its text where the number would be written in another way, such as 3.50 or 1e400."""
    value = float(text)
    return value if repr(value) == text else text


class LooseReader:
    """Reads one value from a place in a text.

    Attributes:
        position: after the value that was read, or where reading stopped.
        broken: why the list of records ended early, or None.
    """

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.broken: NotReadable | None = None
        self._depth = 0
        self._quoted_inside = False

    def read(self) -> Any:
        """The value; with `broken` set, only the records before the place.

        Raises:
            NotReadable: there is no value to speak of.
        """
        return self._value(records=True)

    def _value(self, *, records: bool = False, name: str = "", in_list: bool = False) -> Any:
        self._skip()
        here = self._peek()
        if here == "":
            raise NotReadable("the text ends")
        if here in _OPEN_OBJECT or here in _OPEN_LIST:
            self._depth += 1
            if self._depth > _DEEPEST:
                raise NotReadable("too deep")
            value = self._object(records=records) if here in _OPEN_OBJECT else self._list(records=records)
            self._depth -= 1
            return value
        if here in _CLOSERS:
            return self._string(in_list=in_list)
        return self._bare(name)

    def _object(self, *, records: bool) -> Any:
        self.position += 1
        pairs: list[tuple[str, Any]] = []
        outside, self._quoted_inside = self._quoted_inside, False
        while True:
            self._skip()
            here = self._peek()
            if here == "":
                raise NotReadable("the text ends inside an object")
            if here in _COMMAS and here:
                self.position += 1
            elif here in _CLOSE_OBJECT:
                self.position += 1
                break
            elif pairs and (here in _CLOSE_LIST or here in _OPEN_OBJECT):
                break  # its brace is missing: what comes can only follow it
            else:
                name = self._name()
                pairs.append((name, self._value(records=records and holds_tasks(name), name=name)))
                if self.broken:
                    return None if field_of(pairs[0][0]) == "instruction" else dict(pairs)
        if self._quoted_inside and not all(is_known(name) for name, _ in pairs):
            raise NotReadable("a quotation mark that may end the string, or not")
        self._quoted_inside = outside
        return build_object(pairs)

    def _list(self, *, records: bool) -> list[Any]:
        self.position += 1
        items: list[Any] = []
        first = -1
        while True:
            self._skip()
            if ellipsis := _ELLIPSIS.match(self.text, self.position):
                self.position = ellipsis.end()
                continue
            here, start = self._peek(), self.position
            if here and here in _COMMAS:
                self.position += 1
            elif here and here in _CLOSE_LIST:
                self.position += 1
                return items
            elif items and here and here in _CLOSE_OBJECT:
                return items  # its bracket is missing
            else:
                first = start if first < 0 else first
                try:
                    items.append(self._value(in_list=True))
                    if records and _lost_its_parent(items):
                        del items[-2:]
                        raise NotReadable("a part of a record outside it")
                except NotReadable as problem:
                    if not records:
                        raise
                    self.broken = problem
                    if items and is_task(items[-1]) and self._begins_instance(start, first):
                        items.pop()  # its list of instances was closed too early
                    return items + self._resumed(first, start)

    def _resumed(self, first: int, failed: int) -> list[Any]:
        """The records after one that could not be read, each found by its layout."""
        items: list[Any] = []
        at = next_record(self.text, first, failed)
        while at is not None:
            reader = LooseReader(self.text, at)
            reader._depth = 1
            try:
                value = reader._value(in_list=True)
            except NotReadable:
                value = None
            following = next_record(self.text, first, reader.position - 1 if is_task(value) else at)
            if is_task(value) and reader.goes_on_at() in (None, following):
                items.append(value)
            at = following
        return items

    def _begins_instance(self, at: int, first: int) -> bool:
        heads = [_HEAD.match(self.text, place) for place in (at, first)]
        fields = [field_of(head.group(1)) if head else None for head in heads]
        return fields[0] in ("input", "output") and fields[0] != fields[1]

    def goes_on_at(self) -> int | None:
        """The place of an object that comes next, after commas, or None where something else does."""
        at = self._after_blank(self.position)
        while self.text[at : at + 1] and self.text[at] in _COMMAS:
            at = self._after_blank(at + 1)
        return at if self.text[at : at + 1] and self.text[at] in _OPEN_OBJECT else None

    def _name(self) -> str:
        here = self._peek()
        if here in _CLOSERS:
            closers = _CLOSERS[here]
            end = self.position + 1
            while end < len(self.text) and self.text[end] not in closers:
                end += 1
            name, after = self.text[self.position + 1 : end], end + 1
        else:
            match = _BARE_NAME.match(self.text, self.position)
            if match is None:
                raise NotReadable("a name was expected")
            name, after = match.group(), match.end()
        if len(name) > 60 or not name.strip():
            raise NotReadable("a name was expected")
        self.position = after
        self._skip()
        here = self._peek()
        if not here or here not in _COLONS:
            raise NotReadable("a colon was expected")
        self.position += 2 if self.text.startswith("=>", self.position) else 1
        return name.strip().replace("\\_", "_")

    def _string(self, *, in_list: bool) -> str:
        opener = self.text[self.position]
        if self.text.startswith(opener * 3, self.position) and opener in "\"'":
            return self._tripled(opener * 3)
        closers = _CLOSERS[opener]
        special = _SPECIAL[closers]
        parts: list[str] = []
        inside = 0
        start = self.position + 1
        while match := special.search(self.text, start):
            at, mark = match.start(), match.group()
            parts.append(self.text[start:at])
            if mark == "\\":
                decoded, start = self._escape(at)
                parts.append(decoded)
            elif mark not in closers:
                raise NotReadable("a control character inside a string")
            elif self._ends(at + 1, in_list=in_list):
                self.position = at + 1
                return self._checked("".join(parts), opener, inside)
            else:
                parts.append(mark)
                start = at + 1
                if not self._is_apostrophe(at):
                    inside += 1
                if in_list or inside > _MOST_QUOTES:
                    raise NotReadable("a quotation mark that may end the string, or not")
        raise NotReadable("a string has no end")

    def _checked(self, text: str, opener: str, inside: int) -> str:
        """The string, unless the quotation marks in it are not in pairs or it swallowed a member."""
        if _RAN_ON.search(text):
            raise NotReadable("a string has no end")
        if inside:
            names = any(field_of(match.group(1)) for match in _FIELD_INSIDE.finditer(text))
            if inside % 2 or names or _MEMBER_INSIDE.search(text):
                raise NotReadable("a quotation mark that may end the string, or not")
            self._quoted_inside = True
        return text

    def _tripled(self, mark: str) -> str:
        end = self.text.find(mark, self.position + 3)
        text = self.text[self.position + 3 : end]
        if end < 0 or "\\" in text:
            raise NotReadable("a string of several lines without a certain end")
        self.position = end + 3
        return text

    def _escape(self, at: int) -> tuple[str, int]:
        following = self.text[at + 1 : at + 2]
        if following == "u" and (digits := _HEX.match(self.text, at + 2)):
            code, end = int(digits.group(), 16), at + 6
            low = _HEX.match(self.text, end + 2) if self.text.startswith("\\u", end) else None
            if 0xD800 <= code < 0xDC00 and low and 0xDC00 <= (second := int(low.group(), 16)) < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)), end + 6
            return chr(code), end
        if following in ("“", "”", "‘", "’", "`"):
            return following, at + 2
        if following in _ESCAPES and following:
            return _ESCAPES[following], at + 2
        # No escape of JSON: the backslash stands for itself, as in \d, \( and \_.
        return "\\", at + 1

    def _is_apostrophe(self, at: int) -> bool:
        around = self.text[at - 1], self.text[at + 1 : at + 2]
        return self.text[at] in "'’" and all(char.isalpha() for char in around)

    def _ends(self, at: int, *, in_list: bool) -> bool:
        """Whether what follows a quotation mark can only follow the end of a string."""
        quote, at = at - 1, self._after_blank(at)
        here = self.text[at : at + 1]
        if not here:
            return True
        if _BARE_NAME.match(self.text, at) and "\n" not in self.text[quote:at]:
            return False  # a name without quotation marks, comma and line break is part of the text
        if in_list and here in _CLOSE_LIST + _COMMAS:
            return True
        if here in _CLOSE_OBJECT:
            return self._closes_object(at)
        if here in _CLOSE_LIST:
            return self.text[self._after_blank(at + 1) :][:1] in (*_CLOSE_OBJECT, *_CLOSE_LIST, *_COMMAS, "")
        if here in _COMMAS:
            while here and here in _COMMAS:
                at = self._after_blank(at + 1)
                here = self.text[at : at + 1]
            if not here or here in _CLOSE_OBJECT + _CLOSE_LIST:
                return True
        if here in _OPEN_OBJECT:
            at = self._after_blank(at + 1)
        return bool(_NEXT_NAME.match(self.text, at))

    def _closes_object(self, at: int) -> bool:
        after = self._after_blank(at + 1)
        here = self.text[after : after + 1]
        if not here or here in _CLOSE_OBJECT + _CLOSE_LIST + _COMMAS + _OPEN_OBJECT:
            return True
        if here in _OPEN_LIST or here in "\"'“":
            return self._depth > 1 and bool(_NEXT_NAME.match(self.text, after))
        return (self._depth == 1 and after > at + 1) or self.text.startswith("```", after)

    def _bare(self, name: str) -> Any:
        match = _WORD.match(self.text, self.position)
        word = match.group() if match else ""
        if word in _WORDS:
            value = _WORDS[word]
            if isinstance(value, bool) and word[0].isupper() and field_of(name) in ("instruction", "input", "output"):
                value = word  # an answer keeps its case
        elif _NUMBER.match(word):
            value = json.loads(word, parse_float=exact_float)
        else:
            raise NotReadable("a value was expected")
        self.position += len(word)
        after = self._after_blank(self.position)
        if self.text[after : after + 1] in _COMMAS and self.text[after + 1 : after + 2].isdigit():
            raise NotReadable("a number with a comma")
        return value

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _skip(self) -> None:
        self.position = self._after_blank(self.position)

    def _after_blank(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at


def _lost_its_parent(items: list[Any]) -> bool:
    """Whether the last item is an object without an instruction after one that has it: a bracket closed too early."""
    return len(items) > 1 and is_task(items[-2]) and isinstance(items[-1], dict) and not is_task(items[-1])


def next_record(text: str, first: int, after: int) -> int | None:
    """Where the next record begins after one that cannot be read: a line laid out as the first record's first line.

    Args:
        first: where the first record begins.
        after: only later places are looked at.

    Returns:
        The place of its brace, or None where the records do not begin lines, or no other does.
    """
    line = text.rfind("\n", 0, first) + 1
    head = _HEAD.match(text, first)
    if head is None or text[line:first].strip() or not (line or text[:first].strip() == ""):
        return None
    name = re.escape(head.group(1))
    indent = re.escape(text[line:first])
    found = re.compile(rf"""\n{indent}([{{｛]\s*["'“‘]?{name}["'”’]?\s*[:：])""").search(text, after + 1)
    return found.start(1) if found else None
