"""What `--map` says: of which file, and of which place in its rows.

instruction=question                of every file
shop.csv:instruction=question       of one file, by its name, its path, or the folder that it is in
output=answers.text.0               of what is inside a column: a member's key, or a place in a list from 0; -1 is the last
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from builder.errors import InputFileError, UsageError, nearest
from builder.formats import rows as limits
from builder.formats.reading import CheckedRow, RowFile, glimpse
from builder.language.messages import worded
from builder.text import visible

_ROWS_LOOKED_AT = 20
_MEMBERS_SHOWN = 8
_DEPTH_SHOWN = 3


def mapping_for(path: Path, mapping: Mapping[str, str]) -> dict[str, str]:
    """Field → column of one file: what is said of it alone outranks what is said of all."""
    own: dict[str, str] = {}
    for key, column in mapping.items():
        file, _, field = key.rpartition(":")
        if not file:
            own.setdefault(field, column)
        elif _means(file, path):
            own[field] = column
    return own


def check_files(mapping: Mapping[str, str], paths: Sequence[Path]) -> None:
    """Refuse what is said of a file that is not among those that are read.

    Raises:
        UsageError: naming them.
    """
    for key, column in mapping.items():
        file, _, field = key.rpartition(":")
        if file and not any(_means(file, path) for path in paths):
            names = [path.name for path in paths]
            raise UsageError(
                worded(
                    "--map {key}={column}: no file '{file}'{nearest}",
                    key=key,
                    column=visible(column),
                    file=visible(file),
                    nearest=nearest(file, names),
                ),
                worded(
                    "The files are {names}; write FILE:{field}=column, or {field}=column for all.",
                    names=visible(", ".join(names)),
                    field=field,
                ),
            )


def _means(file: str, path: Path) -> bool:
    named = Path(file)
    return file == path.name or named == path or path.is_relative_to(named)


def with_members(file: RowFile, mapping: Mapping[str, str]) -> RowFile:
    """The file with a column more for each place inside a column that a mapping names.

    Raises:
        InputFileError: no row has anything there.
    """
    places = {
        column: found
        for column in mapping.values()
        if column not in file.columns and (found := _split(column, file.columns))
    }
    if not places:
        return file

    def rows() -> Iterator[CheckedRow]:
        for row in file.rows():
            inside = {column: _member(row.values.get(head), parts) for column, (head, *parts) in places.items()}
            yield row._replace(values=row.values | inside)

    seen: dict[str, Any] = {}
    for row in rows():
        seen |= {
            column: glimpse(row.values[column])
            for column in places
            if column not in seen and row.values[column] is not None
        }
        if len(seen) == len(places):
            break
    for column, (head, *_) in places.items():
        if column not in seen:
            inside = [name for name in texts_inside(file) if name.split(".")[0] == head]
            raise InputFileError(
                file.path,
                worded(
                    "--map names '{column}', but '{head}' holds nothing there in any row{nearest}",
                    column=visible(column),
                    head=visible(head),
                    nearest=nearest(column, inside),
                ),
                remedy=(
                    worded("Texts inside it are {inside}.", inside=visible(", ".join(inside)))
                    if inside
                    else worded("It holds no texts inside.")
                ),
            )
    return replace(file, columns={**file.columns, **seen}, _rows=rows)


def _split(column: str, columns: Mapping[str, Any]) -> tuple[str, ...]:
    """The longest column that a dotted name begins with, and the parts behind it; empty where there is none."""
    parts = column.split(".")
    for count in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:count])
        if head in columns:
            return (head, *parts[count:])
    return ()


def _member(value: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        value = _unfolded(value)
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.removeprefix("-").isdecimal() and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _unfolded(value: Any) -> Any:
    """What JSON in a cell says, where it is that."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    if value.count("[") + value.count("{") > limits.MAX_NODES:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def texts_inside(file: RowFile) -> list[str]:
    """The first places inside a file's columns that hold texts, as `--map` takes them; the first rows are looked at."""
    found: dict[str, None] = {}
    for row in islice(file.rows(), _ROWS_LOOKED_AT):
        for column, value in row.values.items():
            if isinstance(inner := _unfolded(value), dict | list):
                found |= dict.fromkeys(_texts(column, inner, 0))
    return list(found)[:_MEMBERS_SHOWN]


def _texts(place: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip():
            yield place
    elif depth < _DEPTH_SHOWN and isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(f"{place}.{key}", item, depth + 1)
    elif depth < _DEPTH_SHOWN and isinstance(value, list) and value:
        yield from _texts(f"{place}.0", value[0], depth + 1)


def split_pairs(text: str) -> dict[str, str]:
    """What one `--map` says: pairs between commas; a file that stands before a pair holds for those behind it too.

    Raises:
        UsageError: one of them is no pair.
    """
    pairs: dict[str, str] = {}
    file = ""
    for item in text.split(","):
        left, equals, column = item.partition("=")
        before, _, field = left.rpartition(":")
        file = before.strip() or file
        if not (equals and field.strip() and column.strip()):
            raise UsageError(
                worded("--map {item}: expected our field = your column, such as instruction=question", item=item),
                worded("Of one file: shop.csv:instruction=question. Inside a column: output=answers.text.0."),
            )
        pairs[f"{file}:{field.strip()}" if file else field.strip()] = column.strip()
    return pairs
