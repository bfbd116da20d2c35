"""Whole dialogues in one column, "客户：…⏎客服：…" or "User: … Assistant: …", once the speakers' words in the column are known."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from builder.formats.columns import find_columns
from builder.formats.conversations.splitting import Splitter
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, optional_text
from builder.formats.turns import canonical_tools, parse_turns, with_preference, with_system
from builder.language.messages import worded


class Cell(NamedTuple):
    """A dialogue as its cell has it, and what tells its column's speakers apart."""

    text: str
    split: Splitter


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where a column is known to hold dialogues, and another the same ones with a worse last answer."""
    cells = [column for column in columns if isinstance(rows[0].get(column), Cell)]
    if not cells:
        return None
    fields = dict(zip(("dialogue", "rejected"), cells, strict=False))
    return fields | {f: c for f, c in find_columns(columns, "system", "tools").items() if c not in cells}


def read(row: Row) -> list[SampleParts]:
    """One sample.

    Raises:
        RowError: no speaker's word is in the cell, or the two dialogues differ before their last answer.
    """
    left_out: Counter[str] = Counter()
    turns = _turns(row.get("dialogue"), left_out)
    messages, notes = with_system(parse_turns(turns, "dialogue"), optional_text(row, "system"))
    rejected = _turns(row["rejected"], Counter()) if row.get("rejected") is not None else None
    whole, worse = with_preference(messages, None, rejected)
    return [SampleParts(whole, canonical_tools(row.get("tools")), worse, notes=notes, left_out=+left_out)]


def _turns(cell: Any, left_out: Counter[str]) -> list[dict[str, str]]:
    """Turns as messages have them: what one side says in several parts is one turn, and an empty part is none."""
    if not isinstance(cell, Cell):
        raise RowError(worded("its cell of the dialogue is empty"))
    parts, before = cell.split(cell.text)
    left_out["unlabelled"] += bool(before)
    turns: list[dict[str, str]] = []
    for part in parts:
        if part.side == "notice" or (part.side == "system" and turns):
            left_out["notice"] += 1
        elif part.text and turns and turns[-1]["role"] == part.side:
            turns[-1]["content"] += f"\n{part.text}"
        elif part.text:
            turns.append({"role": part.side, "content": part.text})
    if not turns:
        words = ", ".join(cell.split.labels.sides)
        raise RowError(
            worded(
                "its dialogue has none of the speakers that other rows have ({words}): {text!r}",
                words=words,
                text=cell.text[:40],
            )
        )
    return turns


DIALOGUE = RowFormat(
    name="dialogue",
    title={"en": "one dialogue a cell", "zh": "一格一段对话"},
    expects="",
    required=("dialogue",),
    detect=detect,
    read=read,
)
