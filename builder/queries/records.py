"""What comes out of queries: typed records, so that the command, the service and a notebook read the same thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builder.schema import Sample, Verdict
from builder.store.reviews import Review

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row, whole.

    Attributes:
        verdict: None where the row was not decided yet.
        reviews: the last word of each person who reviewed it, in the order in which they were said.
    """

    sample: Sample
    verdict: Verdict | None
    reviews: tuple[Review, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One row in a list.

    Attributes:
        kept: None where it was not decided yet.
        reason: the decisive one of a dropped row.
        text: how its prompt begins, on one line.
        answer: how its last answer begins, on one line.
        review: what people said of it, where they did (see `builder.queries.reviewing.ReviewState.of_row`).
    """

    row: int
    id: str
    kept: bool | None
    reason: str | None
    category: str | None
    language: str
    text: str
    answer: str
    review: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page ends: the next one begins behind it, however many rows were added or decided otherwise since.

    Attributes:
        value: of the column that is sorted by.
    """

    value: Value
    row: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list.

    Attributes:
        total: rows in the whole list.
        next: what the next page begins behind; None where this is the last one.
    """

    lines: tuple[Line, ...]
    total: int
    next: Key | None


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a column: how many rows have it, and how many of them are kept."""

    value: Value
    rows: int
    kept: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a view, with the database's name of its type."""

    name: str
    type: str
