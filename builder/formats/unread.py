"""Keys of turns that no reader looks at: counted by name, since what a file says there is in no sample.

{"role": "user", "content": "Hi", "timestamp": 1700000000}      `timestamp` is not read
{"role": "assistant", "content": "Hello.", "loss": 1.25}        nor is `loss`, where it is a number
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder.formats.row_format import Row
from builder.formats.turns import CALL_KEYS, REASONING, TURN_KEYS
from builder.text import visible

# Our fields that hold turns.
TURN_FIELDS = ("messages", "prompt", "completion", "chosen", "rejected")
_SHOWN = 20
_MOST = 1_000  # names that are counted: keys may be data


def count_unread(fields: Row, counts: Counter[str]) -> None:
    """Add a row to the counts of what its turns hold and no reader takes."""
    for key in dict.fromkeys(key for field in TURN_FIELDS if field in fields for key in _of_turns(fields[field])):
        if key in counts or len(counts) < _MOST:
            counts[key] += 1


def _of_turns(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):  # told where it is read
            return
    for turn in value if isinstance(value, list) else (value,):
        if isinstance(turn, dict) and not (turn.keys() <= _OPENAI or turn.keys() <= _SHAREGPT):
            yield from _of_turn(turn)


# Nearly all turns: they need no second look.
_OPENAI, _SHAREGPT = {"role", "content", "name"}, {"from", "value", "name"}


def _of_turn(turn: Mapping[Any, Any]) -> Iterator[str]:
    if None not in (said := (turn.get("content"), turn.get("value"))) and said[0] != said[1]:
        yield "value"
    for key, value in turn.items():
        if value is None or value in ("", [], {}):
            continue
        if (
            key not in TURN_KEYS
            or (key in REASONING and not _is_answer(turn))
            or (key == "loss" and not isinstance(value, bool))
        ):
            yield str(key)
        elif key == "tool_calls" and isinstance(value, list):
            yield from (
                f"tool_calls.{name}" for call in value if isinstance(call, dict) for name in call.keys() - CALL_KEYS
            )


def _is_answer(turn: Mapping[Any, Any]) -> bool:
    return not {turn.get("role"), turn.get("from")} & {"user", "human", "system", "tool", "observation"}


def describe_unread(name: str, counts: Mapping[str, int], language: str) -> str:
    """One line for people, in English or Chinese (`zh`): the most frequent first."""
    frequent = sorted(counts.items(), key=lambda item: -item[1])
    shown = [(visible(key), rows) for key, rows in frequent[:_SHOWN]]
    more = len(frequent) - len(shown)
    if language == "zh":
        keys = "、".join(f"{key}（{rows:,} 行）" for key, rows in shown)
        return f"{name}：各轮中没有读取的键：{keys}" + (f"，另有 {more:,} 个" if more else "")
    keys = ", ".join(f"{key} ({counted(rows)})" for key, rows in shown)
    return f"{name}: keys of turns not read: {keys}" + (f", and {more:,} more" if more else "")


def counted(rows: int) -> str:
    """A number of rows in English."""
    return f"{rows:,} row{'s' if rows != 1 else ''}"


def listed_columns(columns: Sequence[str], filled: Mapping[str, int], rows: int, language: str) -> str:
    """Columns by name, each with how many rows have a value in it where these are not all rows."""
    zh = language == "zh"
    counts = [
        (f"（{filled[c]:,} 行）" if zh else f" ({counted(filled[c])})") if filled[c] != rows else "" for c in columns
    ]
    return ("、" if zh else ", ").join(visible(c) + n for c, n in zip(columns, counts, strict=True))
