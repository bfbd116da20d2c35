"""Cells of a dataset's mix: the rows of one category, language or kind, or of several of these at once.

mathematics        zh        mathematics/zh        */zh/classification        */*/dialogue
"""

from dataclasses import dataclass
from typing import Self, get_args

from builder.schema import Kind

KINDS: tuple[str, ...] = get_args(Kind)
LANGUAGES = ("zh", "en")
ANY = "*"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row must have to be in it; None is any."""

    category: str | None = None
    language: str | None = None
    kind: str | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read `category/language/kind`; parts at the end may be left off, `*` is any, and a language may stand alone.

        Raises:
            ValueError: more than three parts, an unknown kind, or nothing that narrows it down.
        """
        parts = [part.strip() for part in name.split("/")]
        if len(parts) == 1 and parts[0] in LANGUAGES:
            parts = [ANY, parts[0]]
        if len(parts) > 3 or not all(parts) or all(part == ANY for part in parts):
            raise ValueError(
                f"{name!r} is no cell: write category/language/kind, such as mathematics/zh or */*/dialogue"
            )
        category, language, kind = (None if part == ANY else part for part in (*parts, ANY, ANY)[:3])
        if kind is not None and kind not in KINDS:
            raise ValueError(f"{name!r}: the kind must be one of {', '.join(KINDS)}")
        return cls(category, language, kind)

    def holds(self, category: str | None, language: str, kind: str | None) -> bool:
        """Whether a row of this category, language and kind is in the cell."""
        return self.category in (None, category) and self.language in (None, language) and self.kind in (None, kind)

    def contains(self, other: "Cell") -> bool:
        """Whether every row of `other` is in this one."""
        return (
            self.category in (None, other.category)
            and self.language in (None, other.language)
            and self.kind in (None, other.kind)
        )

    def overlaps(self, other: "Cell") -> bool:
        """Whether a row can be in both."""
        pairs = ((self.category, other.category), (self.language, other.language), (self.kind, other.kind))
        return all(a is None or b is None or a == b for a, b in pairs)
