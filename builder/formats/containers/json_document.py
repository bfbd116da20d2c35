"""A JSON document read a value at a time, so that of a file of any size a value or two are held."""

import codecs
import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.rows import row_too_long
from builder.language.messages import worded

DECODER = json.JSONDecoder()
NO_COMMENTS = worded("JSON has no comments: remove what begins with //, /* or #.")
_READ_BYTES = 2**20
# A value that the text read so far cuts off ("-Infinit", "\\ud83d\\ude") shows its error this close to the end.
_CUT = 16
_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = ("//", "/*", "#")


def unreadable(error: Exception) -> str:
    """What is wrong with JSON that Python refuses although it may be right."""
    cause = worded("it is nested too deeply") if isinstance(error, RecursionError) else str(error)
    return worded("JSON that cannot be read: {cause}", cause=cause)


def is_comment(text: str, place: int) -> bool:
    """Whether what stands in a text's place is a comment, as other languages have them."""
    return text[place:].lstrip()[:2].startswith(_COMMENT)


def has_too_many_nodes(text: str, start: int) -> bool:
    """Whether a value has so many lists and objects that they would fill the memory."""
    return len(text) - start > limits.MAX_NODES and (text.count("[", start) + text.count("{", start) > limits.MAX_NODES)


def items_of(document: "Document") -> Iterator[tuple[int, Any]]:
    """The values of the list that begins here, each with its number from 1."""
    return ((number, document.value(number)) for number in places_of(document))


def places_of(document: "Document") -> Iterator[int]:
    """The numbers from 1 of the values of the list that begins here; whoever takes one reads its value before the next."""
    document.skip()
    if document.peek() == "]":
        document.skip()
        return
    for number in count(1):
        document.peek()
        yield number
        match document.peek():
            case ",":
                document.skip()
            case "]":
                document.skip()
                return
            case _:
                raise document.error("Expecting ',' delimiter")


def keys_of(document: "Document") -> Iterator[str]:
    """The keys of the object that begins here; whoever takes one reads its value before the next."""
    document.skip()
    if document.peek() == "}":
        document.skip()
        return
    while True:
        if document.peek() != '"':
            raise document.error("Expecting property name enclosed in double quotes")
        key = document.value(1)
        if document.peek() != ":":
            raise document.error("Expecting ':' delimiter")
        document.skip()
        document.peek()
        yield key
        match document.peek():
            case ",":
                document.skip()
            case "}":
                document.skip()
                return
            case _:
                raise document.error("Expecting ',' delimiter")


class Document:
    """A file as text of which only the part around the present place is held."""

    def __init__(self, path: Path, file: BinaryIO, codec: str) -> None:
        self._path = path
        self._file = file
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._text = ""
        self._at = 0
        self._lines = 0  # line breaks before the text
        self._column = 0  # characters between the last of them and the text

    def peek(self) -> str:
        """The next character that is not white space; an empty string at the file's end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read(_READ_BYTES):
                return ""

    def skip(self) -> None:
        """Step over what `peek` shows."""
        self.peek()
        self._at += 1

    def value(self, row: int) -> Any:
        """The JSON value that begins here.

        Raises:
            InputFileError: it is none, is nested too deeply, or is longer than a row may be.
        """
        size = _READ_BYTES
        while True:
            problem: json.JSONDecodeError | None = None
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
                if end < len(self._text):
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                problem = error
                whole = not error.msg.startswith("Unterminated string") and error.pos < len(self._text) - _CUT
                if whole:
                    raise self.error(error.msg, error.pos) from None
            except (ValueError, RecursionError) as error:
                raise InputFileError(self._path, unreadable(error), row=row) from None
            value = None  # a part of a long row need not be held while the row is read again
            if len(self._text) - self._at > limits.MAX_ROW_BYTES:
                raise row_too_long(self._path, row)
            behind = self._at
            if not self._read(size):
                if problem is None:
                    value, self._at = DECODER.raw_decode(self._text, self._at)
                    return value
                raise self.error(problem.msg, problem.pos - behind)
            if has_too_many_nodes(self._text, self._at):
                raise row_too_long(self._path, row)
            size *= 2

    def step_over(self) -> None:
        """Leave the value that begins here behind; of a list or an object one member at a time is held."""
        match self.peek():
            case "[":
                for _ in items_of(self):
                    pass
            case "{":
                for _ in keys_of(self):
                    self.value(1)
            case _:
                self.value(1)

    def error(self, message: str, place: int | None = None) -> InputFileError:
        """What is wrong here, or at a place of the text, by line and column."""
        place = self._at if place is None else place
        line, column = self._position(place)
        return InputFileError(
            self._path,
            worded(
                "not JSON at line {line}, column {column}: {message}", line=line + 1, column=column + 1, message=message
            ),
            remedy=NO_COMMENTS if is_comment(self._text, place) else "",
        )

    def _position(self, place: int) -> tuple[int, int]:
        breaks = self._text.count("\n", 0, place)
        before = self._column if not breaks else -self._text.rfind("\n", 0, place) - 1
        return self._lines + breaks, before + place

    def _read(self, size: int) -> bool:
        """Read on, and forget what lies behind; False at the file's end."""
        data = self._file.read(size)
        text = self._decoder.decode(data, final=not data)
        self._lines, self._column = self._position(self._at)
        self._text = self._text[self._at :] + text
        self._at = 0
        return bool(data)
