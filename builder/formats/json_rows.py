"""JSON documents and JSON Lines, a row at a time: neither is ever held whole."""

import codecs
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from builder.charsets import UTF_8, Charset, find_charset
from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.row_format import kind_of
from builder.formats.rows import Container, NumberedRow, RowErrors, not_an_object, row_too_long

_READ_BYTES = 2**20
# A value that the text read so far cuts off ("-Infinit", "\\ud83d\\ude") shows its error this close to the end.
_CUT = 16
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_EXPECTED = 'Expected [ {…}, {…} ], or one object around such a list, as in {"data": [ … ]}.'
# Keys of a single row whose value is a list, so that the row is not taken for an object around the rows.
_ROW_KEYS = frozenset(
    {
        "messages",
        "conversations",
        "instances",
        "history",
        "tools",
        "functions",
        "prompt",
        "completion",
        "chosen",
        "rejected",
    }
)


def open_json(path: Path) -> Container:
    """A list of rows, or one object around it; a file of one object after another is JSON Lines.

    Raises:
        InputFileError: neither of them, in no encoding that is read, or a row over the caps.
    """
    charset = find_charset(path)
    details = _details(charset)
    with path.open("rb") as file:
        document = _Document(path, file, charset.codec)
        match document.peek():
            case "":
                raise InputFileError(path, "the file is empty")
            case "[":
                return Container("JSON", partial(_document_rows, path, charset.codec, None), details)
            case "{":
                members: dict[str, bool] = {}
                for key, number, _ in _members(document):
                    members[key] = number is not None
                if document.peek():
                    return open_json_lines(path)
            case _:
                found = kind_of(document.value(1))
                raise InputFileError(path, f"the top level is {found}, expected a list of rows", remedy=_EXPECTED)
    lists = [key for key, is_list in members.items() if is_list and key not in _ROW_KEYS]
    if len(lists) != 1 or _ROW_KEYS & members.keys():
        named = f"lists under {', '.join(map(repr, lists))}"
        found = named if len(lists) > 1 else "an object that is not a list of rows"
        raise InputFileError(path, f"the top level is {found}, expected one list of rows", remedy=_EXPECTED)
    return Container("JSON", partial(_document_rows, path, charset.codec, lists[0]), details)


def open_json_lines(path: Path) -> Container:
    """One object a line; a file that begins with `[` is read as a JSON document."""
    charset = find_charset(path)
    with path.open(encoding=charset.codec) as file:
        if file.read(64).lstrip().startswith("["):
            return open_json(path)
    return Container("JSON Lines", partial(_line_rows, path, charset.codec), _details(charset))


def _details(charset: Charset) -> dict[str, str]:
    return {} if charset == UTF_8 else {"encoding": charset.name}


def _document_rows(path: Path, codec: str, wanted: str | None) -> Iterator[NumberedRow]:
    """The rows of the list at the top level, or under a key of the object there."""
    errors = RowErrors(path)
    with path.open("rb") as file:
        document = _Document(path, file, codec)
        items = _members(document) if wanted is not None else ((None, *item) for item in _items(document))
        for key, number, value in items:
            if key != wanted or not number:
                continue
            if isinstance(value, dict):
                yield number, value
            else:
                errors.add(number, not_an_object(value))
        if document.peek():
            raise document.error("Extra data")
    errors.raise_any()


def _line_rows(path: Path, codec: str) -> Iterator[NumberedRow]:
    errors = RowErrors(path)
    with path.open(encoding=codec, newline="\n") as file:
        for number, line in enumerate(iter(lambda: file.readline(limits.MAX_ROW_BYTES + 1), ""), 1):
            if len(line) > limits.MAX_ROW_BYTES:
                raise row_too_long(path, number)
            text = line.strip("\0 \t\r\n\ufeff")
            if not text:
                continue
            _check_nodes(path, text, 0, number)
            try:
                value = _DECODER.decode(text)
            except json.JSONDecodeError as error:
                errors.add(number, f"not JSON at line {number}, column {error.colno}: {error.msg}")
            except (ValueError, RecursionError) as error:
                errors.add(number, _unreadable(error))
            else:
                if isinstance(value, dict):
                    yield number, value
                else:
                    errors.add(number, not_an_object(value))
    errors.raise_any()


def _unreadable(error: Exception) -> str:
    cause = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return f"JSON that cannot be read: {cause}"


def _check_nodes(path: Path, text: str, start: int, row: int) -> None:
    """Refuse a value of so many lists and objects that they would fill the memory."""
    if len(text) - start > limits.MAX_NODES and (text.count("[", start) + text.count("{", start) > limits.MAX_NODES):
        raise row_too_long(path, row)


def _items(document: "_Document") -> Iterator[tuple[int, Any]]:
    """The values of the list that begins here, each with its number from 1."""
    document.skip()
    number = 0
    if document.peek() == "]":
        document.skip()
        return
    while True:
        number += 1
        document.peek()
        yield number, document.value(number)
        match document.peek():
            case ",":
                document.skip()
            case "]":
                document.skip()
                return
            case _:
                raise document.error("Expecting ',' delimiter")


def _members(document: "_Document") -> Iterator[tuple[str, int | None, Any]]:
    """The values of the object that begins here: key, None and the value; of a list the key with 0, then each item."""
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
        if document.peek() == "[":
            yield key, 0, None
            for number, value in _items(document):
                yield key, number, value
        else:
            yield key, None, document.value(1)
        match document.peek():
            case ",":
                document.skip()
            case "}":
                document.skip()
                return
            case _:
                raise document.error("Expecting ',' delimiter")


class _Document:
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
                value, end = _DECODER.raw_decode(self._text, self._at)
                if end < len(self._text):
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                problem = error
                whole = not error.msg.startswith("Unterminated string") and error.pos < len(self._text) - _CUT
                if whole:
                    raise self.error(error.msg, error.pos) from None
            except (ValueError, RecursionError) as error:
                raise InputFileError(self._path, _unreadable(error), row=row) from None
            value = None  # a part of a long row need not be held while the row is read again
            if len(self._text) - self._at > limits.MAX_ROW_BYTES:
                raise row_too_long(self._path, row)
            behind = self._at
            if not self._read(size):
                if problem is None:
                    value, self._at = _DECODER.raw_decode(self._text, self._at)
                    return value
                raise self.error(problem.msg, problem.pos - behind)
            _check_nodes(self._path, self._text, self._at, row)
            size *= 2

    def error(self, message: str, place: int | None = None) -> InputFileError:
        """What is wrong here, or at a place of the text, by line and column."""
        place = self._at if place is None else place
        line, column = self._position(place)
        return InputFileError(self._path, f"not JSON at line {line + 1}, column {column + 1}: {message}")

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
