"""ShareGPT conversations: `conversations` with `from` and `value`; `tools`, `chosen`, `rejected` as LLaMA-Factory has them.

A `function_call` turn's value is the JSON of one call (or of a list of calls); an `observation` is a tool's result. In a
preference pair `conversations` is the prompt, and `chosen` and `rejected` are the two last turns. Reasoning stands before its
answer in a `<think>` block, as the tools that read such files have it. `images` are the pictures that `<image>` stands for in the
texts.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import find_column, find_columns
from builder.formats.pictures import with_markers
from builder.formats.row_format import (
    InexpressibleError,
    Row,
    RowFormat,
    SampleParts,
    any_value,
    check_plain,
    optional_text,
)
from builder.formats.thoughts import check_thoughts, with_thoughts
from builder.formats.turns import canonical_tools, parse_turns, with_preference, with_system
from builder.language.messages import worded
from builder.schema import Message, Role, Sample

TAGS: Mapping[Role, str] = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
CALL_TAG = "function_call"


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where a column of that name holds lists of turns, else None."""
    return detect_turns(columns, rows, "conversations")


def detect_turns(columns: Sequence[str], rows: Sequence[Row], field: str) -> dict[str, str] | None:
    """Field → column where the field's column holds lists (or JSON text) of turns, else None."""
    column = find_column(columns, field)
    if column is None:
        return None
    value = any_value(rows, column)
    if not isinstance(value, list | None) and not (isinstance(value, str) and value.lstrip().startswith("[")):
        return None
    return {"messages": column} | find_columns(columns, "system", "tools", "chosen", "rejected")


def read(row: Row) -> list[SampleParts]:
    """One sample; the role names of all dialects are understood.

    Raises:
        RowError: the turns, the tools or the answers cannot be read.
    """
    messages, notes = with_system(parse_turns(row.get("messages"), "messages"), optional_text(row, "system"))
    whole, rejected = with_preference(messages, row.get("chosen"), row.get("rejected"))
    tools = canonical_tools(row.get("tools"))
    return [SampleParts(messages=whole, tools=tools, rejected=rejected, notes=notes)]


def write(sample: Sample) -> dict[str, Any]:
    """One row; `tools`, `chosen`, `rejected` and `images` only where the sample has them.

    Raises:
        InexpressibleError: an answer holds text (or reasoning) and a call together, a text beside a picture holds `<image>`, a
            turn is not to be trained on, or a preference pair has no last answer.
    """
    check_plain(sample.messages)
    check_thoughts(sample.messages)
    messages, images = with_markers(sample.messages)
    turns = [_write_turn(with_thoughts(message)) for message in messages]
    row: dict[str, Any] = {"conversations": turns}
    if sample.rejected is not None:
        if sample.messages[-1].role != "assistant":
            raise InexpressibleError(worded("it is a preference pair that does not end with an answer"))
        row["conversations"] = turns[:-1]
        row["chosen"] = turns[-1]
        row["rejected"] = {"from": TAGS["assistant"], "value": sample.rejected}
    if not row["conversations"]:
        raise InexpressibleError(worded("it has no prompt"))
    if sample.tools is not None:
        row["tools"] = sample.tools
    if images:
        row["images"] = images
    return row


def _write_turn(message: Message) -> dict[str, str]:
    turn = {"from": TAGS[message.role], "value": message.content}
    if message.tool_calls is not None:
        if message.content:
            raise InexpressibleError(worded("an answer holds text and a tool call together"))
        calls = json.loads(message.tool_calls)
        turn = {"from": CALL_TAG, "value": json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)}
    return turn | {"name": message.name} if message.name is not None else turn


SHAREGPT = RowFormat(
    name="sharegpt",
    title={"en": "ShareGPT conversations", "zh": "ShareGPT 对话"},
    expects="conversations (from/value or role/content)",
    required=("messages",),
    detect=detect,
    read=read,
    write=write,
)
