"""JSON documents and JSON Lines, a row at a time: neither is ever held whole.

[{…}, {…}]                                    a list of rows
{"version": 1, "data": [{…}, {…}]}            one object around it
{"a": ["x", "y"], "b": [1, 2]}                columns, as pandas' to_dict("list") has them
{"a": {"0": "x", "1": "y"}, "b": {…}}         columns by index, as its to_json has them
{"0": {"a": "x", "b": 1}, "1": {…}}           rows by index; by other names, a row's name is its id
{…} {…}                                       one object after another, over as many lines as each takes
{…}⏎{…}⏎                                      JSON Lines
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from builder.errors import InputFileError
from builder.foreign.charsets import UTF_8, Charset, find_charset
from builder.foreign.unpacking import open_bytes, open_text
from builder.formats import rows as limits
from builder.formats.containers.json_document import (
    DECODER,
    Document,
    has_too_many_nodes,
    is_comment,
    items_of,
    keys_of,
    unreadable,
)
from builder.formats.containers.json_shape import Shape, shape_of
from builder.formats.row_format import kind_of
from builder.formats.rows import Broken, Container, NumberedRow, not_an_object, too_long
from builder.language.messages import worded
from builder.text import visible

_EXPECTED = worded('Expected [ {{…}}, {{…}} ], or one object around such a list, as in {{"data": [ … ]}}.')


def open_json(path: Path) -> Container:
    """A list of rows, or an object of rows or columns; a file of one object after another is as JSON Lines.

    Raises:
        InputFileError: neither of them, in no encoding that is read, or a row over the caps.
    """
    charset = find_charset(path)
    with open_bytes(path) as file:
        document = Document(path, file, charset.codec)
        match document.peek():
            case "":
                raise InputFileError(path, worded("the file is empty"))
            case "[":
                read = partial(_list_rows, path, charset.codec, None)
            case "{":
                shape = shape_of(path, document)
                if document.peek():
                    return open_json_lines(path)
                read = _object_rows(path, charset.codec, shape)
            case _:
                found = kind_of(document.value(1))
                raise InputFileError(
                    path, worded("the top level is {found}, expected a list of rows", found=found), remedy=_EXPECTED
                )
    return Container("JSON", read, _details(charset))


def _object_rows(path: Path, codec: str, shape: Shape) -> "partial[Iterator[NumberedRow]]":
    """What reads the rows of an object."""
    if shape.wrapped is not None:
        return partial(_list_rows, path, codec, shape.wrapped)
    if shape.columns:
        return partial(_column_rows, path, codec, shape.columns)
    if shape.rows_by_key:
        return partial(_keyed_rows, path, codec, as_id=not shape.numbered)
    named = f"lists under {', '.join(repr(visible(key)) for key in shape.lists)}"
    found = named if len(shape.lists) > 1 else "an object that is not a list of rows"
    raise InputFileError(
        path, worded("the top level is {found}, expected one list of rows", found=found), remedy=_EXPECTED
    )


def open_json_lines(path: Path) -> Container:
    """One object a line, or over several; a file that begins with `[` is read as a JSON document."""
    charset = find_charset(path)
    with open_text(path, charset.codec) as file:
        if file.read(64).lstrip().startswith("["):
            return open_json(path)
    if _spans_lines(path, charset.codec):
        return Container("JSON", partial(_sequence_rows, path, charset.codec), _details(charset))
    return Container("JSON Lines", partial(_line_rows, path, charset.codec), _details(charset))


def _details(charset: Charset) -> dict[str, str]:
    return {} if charset == UTF_8 else {"encoding": charset.name}


def _spans_lines(path: Path, codec: str) -> bool:
    """Whether the first object ends elsewhere than its line, and is whole there."""
    with open_text(path, codec, newline="\n") as file:
        lines = iter(lambda: file.readline(limits.MAX_ROW_BYTES + 1), "")
        first = next((text for line in lines if (text := _stripped(line))), "")
    if has_too_many_nodes(first, 0):
        return False
    try:
        DECODER.decode(first)
    except json.JSONDecodeError:
        with open_bytes(path) as data, contextlib.suppress(InputFileError):
            document = Document(path, data, codec)
            document.peek()
            document.value(1)
            return document.peek() in ("", "{")
    except (ValueError, RecursionError):
        pass
    return False


def _list_rows(path: Path, codec: str, wanted: str | None) -> Iterator[NumberedRow]:
    """The rows of the list at the top level, or under a key of the object there."""
    with open_bytes(path) as file:
        document = Document(path, file, codec)
        document.peek()
        for key in [None] if wanted is None else keys_of(document):
            if key != wanted:
                document.step_over()
                continue
            for number, value in items_of(document):
                yield number, value if isinstance(value, dict) else Broken(not_an_object(value))
        if document.peek():
            raise document.error("Extra data")


def _sequence_rows(path: Path, codec: str) -> Iterator[NumberedRow]:
    """One object after another, with or without a line break between them."""
    number = 0
    with open_bytes(path) as file:
        document = Document(path, file, codec)
        while document.peek():
            number += 1
            value = document.value(number)
            yield number, value if isinstance(value, dict) else Broken(not_an_object(value))


def _keyed_rows(path: Path, codec: str, *, as_id: bool) -> Iterator[NumberedRow]:
    """The rows that are an object's values; a key that is no number is the row's id where it has none of its own."""
    with open_bytes(path) as file:
        document = Document(path, file, codec)
        document.peek()
        for number, key in enumerate(keys_of(document), 1):
            value = document.value(number)
            yield number, {"id": key, **value} if as_id else value


def _column_rows(path: Path, codec: str, columns: Sequence[str]) -> Iterator[NumberedRow]:
    """Rows out of columns: the file is read for each of them side by side."""
    with contextlib.ExitStack() as stack:
        readers = []
        for column in columns:
            document = Document(path, stack.enter_context(open_bytes(path)), codec)
            readers.append(_column(document, column))
        for number, cells in enumerate(zip(*readers, strict=True), 1):
            index = cells[0][0]
            for column, (place, _) in zip(columns, cells, strict=True):
                if place != index:
                    raise InputFileError(
                        path,
                        worded(
                            "column '{column}' has the index {place} where '{columns}' has {index}",
                            column=visible(column),
                            place=visible(place),
                            columns=visible(columns[0]),
                            index=visible(index),
                        ),
                        row=number,
                        remedy=worded("All columns need the same index in the same order."),
                    )
            yield number, {column: value for column, (_, value) in zip(columns, cells, strict=True)}


def _column(document: Document, wanted: str) -> Iterator[tuple[str, Any]]:
    """The values of one column, each with its index."""
    document.peek()
    for key in keys_of(document):
        if key != wanted:
            document.step_over()
        elif document.peek() == "[":
            yield from ((str(number), value) for number, value in items_of(document))
        else:
            yield from ((index, document.value(number)) for number, index in enumerate(keys_of(document), 1))


def _line_rows(path: Path, codec: str) -> Iterator[NumberedRow]:
    with open_text(path, codec, newline="\n") as file:
        for number, line in enumerate(iter(lambda: file.readline(limits.MAX_ROW_BYTES + 1), ""), 1):
            if len(line) > limits.MAX_ROW_BYTES:
                while line and not line.endswith("\n"):
                    line = file.readline(limits.MAX_ROW_BYTES)
                yield number, Broken(too_long())
                continue
            text = _stripped(line)
            if not text:
                continue
            if has_too_many_nodes(text, 0):
                yield number, Broken(too_long())
                continue
            try:
                value = DECODER.decode(text)
            except json.JSONDecodeError as error:
                what = worded("a comment, which JSON does not have") if is_comment(text, error.pos) else error.msg
                yield (
                    number,
                    Broken(
                        worded(
                            "not JSON at line {number}, column {colno}: {what}",
                            number=number,
                            colno=error.colno,
                            what=what,
                        )
                    ),
                )
            except (ValueError, RecursionError) as error:
                yield number, Broken(unreadable(error))
            else:
                yield number, value if isinstance(value, dict) else Broken(not_an_object(value))


def _stripped(line: str) -> str:
    return line.strip("\0 \t\r\n\ufeff")
