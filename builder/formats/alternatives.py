"""Columns that mean the same under several names in the rows of one file: each row is read by the one that it has.

    {"instruction": "翻译", "input": "cat", "output": "猫"}
    {"指令": "翻译", "输入": "dog", "输出": "狗"}            read as the row before it

Two columns that stand beside one another with different texts in most rows are two things, of which only one is read: that is said.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from builder.formats.columns import names_like
from builder.formats.reading import RowFile


class Differing(NamedTuple):
    """Two columns of one meaning with different texts in one row: the one that is read, the other, how often, and where first."""

    read: str
    other: str
    rows: int
    first: int


def find_alternatives(
    file: RowFile, mapping: Mapping[str, str], unused: Sequence[str]
) -> tuple[dict[str, tuple[str, ...]], tuple[Differing, ...]]:
    """Field → other columns in which some rows have it; and what differs where a row has two.

    Args:
        mapping: field → column, of fields that nobody named a column for.
        unused: the columns that no field has.
    """
    candidates = {
        field: [other for other in names_like(field, column, unused) if other != column]
        for field, column in mapping.items()
    }
    candidates = {field: others for field, others in candidates.items() if others}
    if not candidates:
        return {}, ()
    alone, both, first = Counter[str](), Counter[str](), dict[str, int]()
    for row in file.rows():
        for field, others in candidates.items():
            value = row.values.get(mapping[field])
            for other in others:
                given = row.values.get(other)
                if not says_something(given):
                    continue
                if not says_something(value):
                    value = given
                    alone[other] += 1
                elif _bare(value) != _bare(given):
                    both[other] += 1
                    first.setdefault(other, row.number)
    found = {f: tuple(o for o in others if alone[o] and both[o] <= alone[o]) for f, others in candidates.items()}
    differing = tuple(
        Differing(mapping[field], other, both[other], first[other])
        for field, others in candidates.items()
        for other in others
        if both[other]
    )
    return {field: others for field, others in found.items() if others}, differing


def pick(row: Mapping[str, Any], columns: Sequence[str]) -> Any:
    """The value of the first of these columns that says something in the row, else of the first that it has.

    Raises:
        KeyError: the row has none of them.
    """
    there = [column for column in columns if column in row]
    return row[next((column for column in there if says_something(row[column])), there[0] if there else columns[0])]


def says_something(value: Any) -> bool:
    """Whether a value is more than an empty one."""
    return bool(value.strip()) if isinstance(value, str) else value is not None and value not in ([], {})


def _bare(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
