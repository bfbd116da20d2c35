"""Seedbed's own rows, as a dataset folder or a published dataset holds them.

What belongs to the row comes through unchanged: messages, tools, rejected, instruction, input, category, language, answer
key, and the task, so that instances stay together. `row`, `request_id` and `parents` name things in the folder that
the file came from and stay behind.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from builder.formats.columns import fold_name, truth
from builder.formats.content_parts import is_parts, read_parts
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text, text_of
from builder.formats.turns import canonical_calls, load_json
from builder.language.messages import worded
from builder.pictures import with_parts
from builder.published import REJECTED_ANSWER
from builder.schema import ROLES, Mend, Message

_NEEDED = ("messages", "task_id", "language", "origin")
_KEPT = ("tools", "rejected", "instruction", "input", "category", "answer_key", "mended")


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where the columns that only Seedbed writes together are there, else None."""
    folded = {fold_name(column): column for column in columns}
    if any(name not in folded for name in _NEEDED):
        return None
    found = {name: folded[name] for name in (*_NEEDED, *_KEPT) if name in folded and name != "origin"}
    return found | ({"rejected": folded[REJECTED_ANSWER]} if REJECTED_ANSWER in folded else {})


def read(row: Row) -> list[SampleParts]:
    """The sample that was written.

    Raises:
        RowError: a turn or its calls are not what Seedbed writes.
    """
    turns = row.get("messages")
    if not isinstance(turns, list) or not turns:
        raise RowError(worded("'messages' holds {kind_of}, expected a list of turns", kind_of=kind_of(turns)))
    return [
        SampleParts(
            messages=tuple(_message(turn, number) for number, turn in enumerate(turns, 1)),
            tools=_checked_tools(optional_text(row, "tools")),
            rejected=optional_text(row, "rejected"),
            instruction=optional_text(row, "instruction"),
            input=optional_text(row, "input"),
            task_id=text_of(row, "task_id"),
            category=optional_text(row, "category"),
            language=text_of(row, "language"),
            answer_key=optional_text(row, "answer_key"),
            mended=tuple(map(_mend, row.get("mended") or ())),
        )
    ]


def _message(turn: Any, number: int) -> Message:
    where = f"'messages', turn {number}"
    if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str | list):
        raise RowError(worded("{where}: expected role ({roles}) and content", where=where, roles=", ".join(ROLES)))
    calls = turn.get("tool_calls")
    if calls is not None:
        canonical = canonical_calls(calls, where)
        calls = calls if isinstance(calls, str) else canonical
    reasoning = optional_text(turn, "reasoning_content" if "reasoning_content" in turn else "reasoning")
    weight = None if truth(turn.get("weight")) is not False else 0
    message = Message(turn["role"], "", calls, optional_text(turn, "name"), reasoning, weight)
    parts = turn["content"] if turn.get("parts") is None else load_json(text_of(turn, "parts"), f"{where}: its parts")
    if isinstance(parts, str):
        return replace(message, content=parts)
    if not is_parts(parts):
        raise RowError(worded("{where}: its content is a list, expected parts of text and pictures", where=where))
    return with_parts(message, read_parts(parts, where))


def _mend(record: Any) -> Mend:
    if not isinstance(record, dict) or any(
        not isinstance(record.get(name), str) for name in ("kind", "place", "before")
    ):
        raise RowError(worded("'mended' holds something else than what was mended: expected kind, place and before"))
    return Mend(record["kind"], record["place"], record["before"])


def _checked_tools(tools: str | None) -> str | None:
    if tools is not None:
        load_json(tools, "'tools'")
    return tools


PUBLISHED = RowFormat(
    name="seedbed",
    title={"en": "Seedbed rows", "zh": "Seedbed 数据行"},
    expects="Seedbed's own columns",
    required=("messages", "task_id", "language"),
    detect=detect,
    read=read,
)
