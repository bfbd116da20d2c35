"""Firefly's rows: `kind` (of task), `input` (what is asked), `target` (the answer). (Source: the card of firefly-train-1.1M.)"""

from collections.abc import Sequence

from builder.formats.columns import fold_name
from builder.formats.row_format import Row, RowFormat, SampleParts, optional_text, text_of
from builder.schema import Message

_FIELDS = ("kind", "input", "target")


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there are all three, else None."""
    folded = {fold_name(column): column for column in columns}
    return {name: folded[name] for name in _FIELDS} if all(name in folded for name in _FIELDS) else None


def read(row: Row) -> list[SampleParts]:
    """One sample, its kind of task as its category.

    Raises:
        RowError: a field is not text.
    """
    asked = text_of(row, "input")
    messages = (Message("user", asked), Message("assistant", text_of(row, "target")))
    return [SampleParts(messages, instruction=asked, category=(optional_text(row, "kind") or "").strip() or None)]


FIREFLY = RowFormat(
    name="firefly",
    title={"en": "Firefly", "zh": "流萤（Firefly）"},
    expects="kind + input + target",
    required=("input", "target"),
    detect=detect,
    read=read,
)
