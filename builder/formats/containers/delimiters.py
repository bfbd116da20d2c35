"""How a table in a text file is laid out: what stands between its cells and around them.

sep=;                     Excel's own line above the header
question|answer           the header says it where the lines below it agree
'Who?','The baker''s'     single quotes around every name of the header
Say "hi"⇥Hi! 5" high      no quotes at all: every line has as many tabs as the header, and " as a quote would join lines
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from builder.foreign.unpacking import open_text, unpacked_name
from builder.formats import rows as limits

DELIMITERS = (",", ";", "\t", "|")
# Texts hardly hold these, so that as many in every line say that a line is a record.
_RARE = ("\t", "|")
_SEP = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_LOOKED_AT = 50  # records below the header
_MAX_LOOKED_AT = 2**18  # characters


class Layout(NamedTuple):
    """How to read a table.

    Attributes:
        quote: around cells; None where a quote is a character like any other.
        has_hint: whether the first line is Excel's `sep=`.
    """

    delimiter: str
    quote: str | None = '"'
    has_hint: bool = False


def find_layout(path: Path, codec: str) -> Layout | None:
    """The layout of a table; None where the file holds white space only."""
    with open_text(path, codec, newline="") as file:
        start: list[str] = []
        looked_at = 0
        while looked_at < _MAX_LOOKED_AT and len(start) < 4 * _LOOKED_AT:
            line = file.readline(limits.MAX_ROW_BYTES + 1)
            if not line:
                break
            looked_at += len(line)
            start += [line] if line.strip() else []
    if not start:
        return None
    hint = _SEP.fullmatch(start[0].removeprefix("\ufeff"))
    if hint:
        delimiter, start = hint[1], start[1:]
    elif unpacked_name(path).suffix.lower() == ".tsv":
        delimiter = "\t"
    else:
        delimiter = _best_delimiter(start)
    quote = _quote(path, codec, delimiter, start, has_hint=bool(hint))
    return Layout(delimiter, quote, bool(hint))


def _best_delimiter(start: list[str]) -> str:
    """The delimiter with which most records have as many cells as the header, of these the one with most cells."""

    def rank(delimiter: str) -> tuple[float, int]:
        records = _parsed(start, delimiter, '"') or [line.split(delimiter) for line in start]
        header = len(records[0])
        alike = sum(1 for record in records[1:] if len(record) == header) / max(1, len(records) - 1)
        return (alike if header > 1 else -1.0, header)

    return max(DELIMITERS, key=rank)


def _parsed(lines: Iterable[str], delimiter: str, quote: str) -> list[list[str]] | None:
    """The records of a table's beginning, or None where its quotes are broken; a record that is cut off at the end is left out."""
    records: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    limit = csv.field_size_limit(limits.MAX_ROW_BYTES)
    try:
        records.extend(islice(reader, _LOOKED_AT + 1))
    except csv.Error as error:
        return records if "unexpected end" in str(error) and records else None
    finally:
        csv.field_size_limit(limit)
    return records


def _quote(path: Path, codec: str, delimiter: str, start: list[str], *, has_hint: bool) -> str | None:
    header = start[0].strip().split(delimiter) if start else []
    if len(header) > 1 and all(re.fullmatch(r"\s*'[^']*'\s*", cell) for cell in header):
        records = _parsed(start, delimiter, "'")
        if records and all(len(record) == len(records[0]) for record in records):
            return "'"
    stray = delimiter in _RARE and _has_stray_quotes(path, codec, delimiter, has_hint=has_hint)
    return None if stray else '"'


def _has_stray_quotes(path: Path, codec: str, delimiter: str, *, has_hint: bool) -> bool:
    """Whether every line of the file has as many delimiters as the header, and quotes taken as quotes would break that."""
    with open_text(path, codec, newline="") as file:
        lines = iter(lambda: file.readline(limits.MAX_ROW_BYTES + 1), "")
        whole = islice(lines, int(has_hint), None)
        header = next((line for line in whole if line.strip()), "")
        wanted, quotes = header.count(delimiter), 0
        for line in whole:
            quotes += '"' in line
            if line.count(delimiter) != wanted and line.strip("\r\n"):
                return False
    return bool(wanted and quotes) and _joins_lines(path, codec, delimiter)


def _joins_lines(path: Path, codec: str, delimiter: str) -> bool:
    """Whether quotes are broken, or a pair of them reaches over several lines."""
    limit = csv.field_size_limit(limits.MAX_ROW_BYTES)
    try:
        with open_text(path, codec, newline="") as file:
            held = 0

            def lines() -> Iterator[str]:
                nonlocal held
                while line := file.readline(limits.MAX_ROW_BYTES + 1):
                    held += len(line)
                    if held > limits.MAX_ROW_BYTES:
                        raise csv.Error
                    yield line

            reader = csv.reader(lines(), delimiter=delimiter, strict=True)
            for number, _ in enumerate(reader, 1):
                held = 0
                if reader.line_num > number:
                    return True
    except csv.Error:
        return True
    finally:
        csv.field_size_limit(limit)
    return False
