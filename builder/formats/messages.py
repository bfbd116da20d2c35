"""Chat messages: `messages` with `role` and `content`, OpenAI's `tool_calls` and `tools`, `reasoning_content` and `weight`."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from builder.formats.row_format import InexpressibleError, Row, RowFormat
from builder.formats.sharegpt import detect_turns, read
from builder.formats.thoughts import apart
from builder.language.messages import worded
from builder.published import turn_of, turns_of, wrap_tools
from builder.schema import Message, Sample


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where `messages` holds lists of turns, else None."""
    return detect_turns(columns, rows, "messages")


def write(sample: Sample) -> dict[str, Any]:
    """One row; a preference pair keeps its better answer in `messages` and has the other in `rejected`.

    Raises:
        InexpressibleError: a preference pair has no last answer.
    """
    row: dict[str, Any] = {"messages": write_turns(sample.messages)}
    if sample.rejected is not None:
        if sample.messages[-1].role != "assistant":
            raise InexpressibleError(worded("it is a preference pair that does not end with an answer"))
        row["rejected"] = write_rejected(sample.rejected)
    if sample.tools is not None:
        row["tools"] = json.loads(wrap_tools(sample.tools))
    return row


def write_rejected(text: str) -> dict[str, Any]:
    """The worse answer as a turn, its reasoning apart from its content, as the better one has it."""
    return turn_of(apart(Message("assistant", text)))


def write_turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns as chat templates take them: calls are numbered through the conversation, and results name the call they answer.

    Arguments are objects: of the 41 templates in TRL 1.16, 16 fail on text and some encode it twice; DeepSeek V3's alone wants
    text.
    """
    numbers = itertools.count(1)
    open_calls: list[tuple[str, str]] = []
    alone = False
    turns: list[dict[str, Any]] = []
    for message, turn in zip(messages, turns_of(messages), strict=True):
        if message.tool_calls is not None:
            turn["tool_calls"] = [{"id": f"call_{next(numbers)}", **call} for call in turn["tool_calls"]]
            open_calls = [(call["id"], call["function"]["name"]) for call in turn["tool_calls"]]
            alone = len(open_calls) == 1
        if message.role == "tool":
            answered = _take(open_calls, message.name, alone)
            turn |= {"tool_call_id": answered} if answered is not None else {}
        turns.append(turn)
    return turns


def _take(open_calls: list[tuple[str, str]], name: str | None, alone: bool) -> str | None:
    """Take the id of the first unanswered call of that name; a nameless result can only answer a call made alone."""
    for position, (identifier, called) in enumerate(open_calls):
        if called == name or (name is None and alone):
            del open_calls[position]
            return identifier
    return None


MESSAGES = RowFormat(
    name="messages",
    title={"en": "chat messages", "zh": "messages 对话"},
    expects="messages (role/content)",
    required=("messages",),
    detect=detect,
    read=read,
    write=write,
)
