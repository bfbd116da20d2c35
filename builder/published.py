"""A row as `publish/` has it: what `datasets.load_dataset` gives is what trainers and chat templates take.

    {"row": 7, "messages": [{"role": "user", "content": "Weather in Suzhou?"}, {"role": "assistant", "content": "", "tool_calls":
        [{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Suzhou"}}}]}, …], "tools": "[…]", …}

    {"row": 9, "messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}, …],
        "images": ["/data/cat.png"], …}

A member or column that no published row has is left out: TRL takes rows with `images` for those of a model that sees. The worse
answer of a pair is `rejected_answer`: with `rejected` beside `messages` the hash seed decides what TRL 1.16 takes the rows for. A
struct of Arrow gives every turn the members of all turns, null where it has none, and 6 of the 41 chat templates in TRL 1.16 fail on
a null `tool_calls`, among them those of Llama 3.1 and gpt-oss. So where a row calls tools or holds pictures every turn is JSON
(`arrow.json`, which `datasets` decodes), as in JSON Lines that `datasets` reads itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa

from builder.pictures import has_pictures, parts_of, with_parts
from builder.schema import MESSAGE_TYPE, SAMPLE_SCHEMA, Message

# Of a message, under the name that it has in published rows.
_NAMES = {"role": "role", "content": "content", "name": "name", "reasoning": "reasoning_content", "weight": "weight"}
_JSON_TURNS = pa.list_(pa.json_())
REJECTED_ANSWER = "rejected_answer"

OPTIONAL = ("tool_calls", "name", "reasoning", "weight", "parts")
_IMAGES = pa.field("images", pa.list_(pa.string()), nullable=False)


class Shape(NamedTuple):
    """What the published rows of a folder hold: some of `OPTIONAL` members of messages, and rejected answers or not."""

    members: frozenset[str]
    rejected: bool


def published_schema(shape: Shape) -> pa.Schema:
    """The schema of published rows."""
    fields = [
        pa.field("messages", _turns_type(shape), nullable=False)
        if field.name == "messages"
        else field.with_name(REJECTED_ANSWER)
        if field.name == "rejected"
        else field
        for field in SAMPLE_SCHEMA
        if (field.name != "rejected" or shape.rejected) and field.name not in ("mended", "redaction_of")
    ]
    if "parts" in shape.members:
        fields.insert(1 + [field.name for field in fields].index("messages"), _IMAGES)
    return pa.schema(fields, metadata={"seedbed.schema": "published/1"})


def _turns_type(shape: Shape) -> pa.DataType:
    if _is_json(shape):
        return _JSON_TURNS
    return pa.list_(pa.struct([MESSAGE_TYPE.field(old).with_name(new) for old, new in _members(shape)]))


def _is_json(shape: Shape) -> bool:
    return not shape.members.isdisjoint(("tool_calls", "parts"))


def _members(shape: Shape) -> list[tuple[str, str]]:
    return [(old, new) for old, new in _NAMES.items() if old not in OPTIONAL or old in shape.members]


def published_table(samples: pa.Table, shape: Shape) -> pa.Table:
    """A table of samples as it is published."""
    schema = published_schema(shape)
    turns, images = _turns(samples["messages"], shape)
    columns = [
        turns
        if name == "messages"
        else images
        if name == "images"
        else pa.chunked_array([_wrapped(samples[name])], pa.string())
        if name == "tools"
        else samples["rejected" if name == REJECTED_ANSWER else name]
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _turns(column: pa.ChunkedArray, shape: Shape) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """The turns of rows, and their pictures where some have any."""
    if _is_json(shape):
        rows = [
            apart_from_pictures(turns_of([message_of(record) for record in records])) for records in column.to_pylist()
        ]
        images = pa.chunked_array([pa.array([images for _, images in rows], _IMAGES.type)])
        return pa.chunked_array([turn_lists([turns for turns, _ in rows])]), images
    fields = list(_turns_type(shape).value_type)
    chunks = [
        pa.ListArray.from_arrays(
            chunk.offsets,
            pa.StructArray.from_arrays([chunk.values.field(old) for old, _ in _members(shape)], fields=fields),
        )
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, _turns_type(shape)), None


def turn_lists(conversations: Sequence[Sequence[Mapping[str, Any]] | None]) -> pa.Array:
    """Lists of turns as Arrow's lists of JSON."""
    rows = [
        None if turns is None else [json.dumps(turn, ensure_ascii=False) for turn in turns] for turns in conversations
    ]
    texts = pa.array(rows, pa.list_(pa.string()))
    return pa.ListArray.from_arrays(
        texts.offsets, pa.ExtensionArray.from_storage(pa.json_(), texts.values), mask=texts.is_null()
    )


def _wrapped(tools: pa.ChunkedArray) -> pa.Array:
    return pa.array([None if text is None else wrap_tools(text) for text in tools.to_pylist()], pa.string())


def wrap_tools(tools: str) -> str:
    """A JSON list of tools with each bare schema as `{"type": "function", "function": …}`, which templates expect.

    15 of the 41 templates in TRL 1.16 fail on tool rows with bare schemas, 8 with wrapped ones.
    """
    listed = json.loads(tools)
    if not isinstance(listed, list) or not any(map(_is_bare, listed)):
        return tools
    return json.dumps(list(map(wrap_tool, listed)), ensure_ascii=False)


def wrap_tool(tool: Any) -> Any:
    """A bare schema as `{"type": "function", "function": …}`: OpenAI's two flat forms, and Anthropic's `input_schema`; else as it is."""
    if not _is_bare(tool):
        return tool
    schema = {name: value for name, value in tool.items() if (name, value) != ("type", "function")}
    if "input_schema" in schema and "parameters" not in schema:
        schema = {"parameters" if name == "input_schema" else name: value for name, value in schema.items()}
    return {"type": "function", "function": schema}


def _is_bare(tool: Any) -> bool:
    return isinstance(tool, dict) and "name" in tool and "function" not in tool


def turn_of(message: Message) -> dict[str, Any]:
    """A message as chat templates take it: a member only where there is something, arguments as an object."""
    turn: dict[str, Any] = {
        "role": message.role,
        "content": message.content if message.parts is None else parts_of(message),
    }
    if message.tool_calls is not None:
        turn["tool_calls"] = [{"type": "function", "function": call} for call in json.loads(message.tool_calls)]
    members = ((_NAMES[name], getattr(message, name)) for name in OPTIONAL if name in _NAMES)
    return turn | {name: value for name, value in members if value is not None}


def turns_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as chat templates take them; where one holds pictures each content is a list of parts.

    Templates of models that see look through the parts of every turn: some skip a text, and TRL puts a row's pictures before the
    first content of a user that is one.
    """
    turns = [turn_of(message) for message in messages]
    if has_pictures(messages):
        for turn, message in zip(turns, messages, strict=True):
            turn["content"] = parts_of(message)
    return turns


def apart_from_pictures(turns: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Turns without their pictures but for their places, and the pictures: the form that TRL's trainers take."""
    images: list[str] = []
    found = []
    for turn in turns:
        content = turn["content"]
        if isinstance(content, list):
            images += (part["image"] for part in content if part["type"] == "image")
            content = [{"type": "image"} if part["type"] == "image" else part for part in content]
        found.append({**turn, "content": content})
    return found, images


def message_of(record: Mapping[str, Any]) -> Message:
    """The message of a record as samples have it."""
    return Message(record["role"], record["content"], *(record[name] for name in OPTIONAL))


def read_turns(turns: Sequence[Mapping[str, Any] | str], images: Sequence[str] | None = None) -> tuple[Message, ...]:
    """The messages of published turns, or of turns as samples have them.

    Args:
        images: the pictures of the row, whose places are in the turns.

    Raises:
        ValueError, KeyError, TypeError: they are none.
    """
    pictures = iter(images or ())
    return tuple(_read_turn(json.loads(turn) if isinstance(turn, str) else turn, pictures) for turn in turns)


def _read_turn(turn: Mapping[str, Any], pictures: Iterator[str]) -> Message:
    calls, content = turn.get("tool_calls"), turn["content"]
    if isinstance(calls, list):
        calls = json.dumps([call["function"] for call in calls], ensure_ascii=False)
    reasoning = turn.get("reasoning_content", turn.get("reasoning"))
    message = Message(turn["role"], "", calls, turn.get("name"), reasoning, turn.get("weight"))
    if isinstance(content, str):
        return replace(message, content=content, parts=turn.get("parts"))
    whole = ({"type": "image", "image": next(pictures, "")} if p["type"] == "image" else p for p in content)
    return with_parts(message, whole)
