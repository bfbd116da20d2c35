"""A row as `publish/` has it: what `datasets.load_dataset` gives is what trainers and chat templates take.

    {"row": 7, "messages": [{"role": "user", "content": "Weather in Suzhou?"}, {"role": "assistant", "content": "", "tool_calls":
        [{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Suzhou"}}}]}, …], "tools": "[…]", …}

A member or column that no published row has is left out: TRL takes rows with a column `rejected` for preferences. A struct of
Arrow gives every turn the members of all turns, null where it has none, and 6 of the 41 chat templates in TRL 1.16 fail on a
null `tool_calls`, among them those of Llama 3.1 and gpt-oss. So where a row calls tools every turn is JSON (`arrow.json`, which
`datasets` decodes), as in JSON Lines that `datasets` reads itself.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from builder.schema import MESSAGE_TYPE, SAMPLE_SCHEMA, Message

# Of a message, under the name that it has in published rows.
_NAMES = {"role": "role", "content": "content", "name": "name", "reasoning": "reasoning_content", "weight": "weight"}
_JSON_TURNS = pa.list_(pa.json_())

OPTIONAL = ("tool_calls", "name", "reasoning", "weight")


class Shape(NamedTuple):
    """What the published rows of a folder hold: some of `OPTIONAL` members of messages, and rejected answers or not."""

    members: frozenset[str]
    rejected: bool


def published_schema(shape: Shape) -> pa.Schema:
    """The schema of published rows."""
    fields = [
        pa.field("messages", _turns_type(shape), nullable=False) if field.name == "messages" else field
        for field in SAMPLE_SCHEMA
        if field.name != "rejected" or shape.rejected
    ]
    return pa.schema(fields, metadata={"seedbed.schema": "published/1"})


def _turns_type(shape: Shape) -> pa.DataType:
    if "tool_calls" in shape.members:
        return _JSON_TURNS
    return pa.list_(pa.struct([MESSAGE_TYPE.field(old).with_name(new) for old, new in _members(shape)]))


def _members(shape: Shape) -> list[tuple[str, str]]:
    return [(old, new) for old, new in _NAMES.items() if old not in OPTIONAL or old in shape.members]


def published_table(samples: pa.Table, shape: Shape) -> pa.Table:
    """A table of samples as it is published."""
    schema = published_schema(shape)
    columns = [
        _turns(samples[name], shape)
        if name == "messages"
        else pa.chunked_array([_wrapped(samples[name])], pa.string())
        if name == "tools"
        else samples[name]
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _turns(column: pa.ChunkedArray, shape: Shape) -> pa.ChunkedArray:
    if "tool_calls" in shape.members:
        return pa.chunked_array([turn_lists([[*map(_turn_of_record, turns)] for turns in column.to_pylist()])])
    fields = list(_turns_type(shape).value_type)
    chunks = [
        pa.ListArray.from_arrays(
            chunk.offsets,
            pa.StructArray.from_arrays([chunk.values.field(old) for old, _ in _members(shape)], fields=fields),
        )
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, _turns_type(shape))


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
    return json.dumps(
        [{"type": "function", "function": tool} if _is_bare(tool) else tool for tool in listed], ensure_ascii=False
    )


def _is_bare(tool: Any) -> bool:
    return isinstance(tool, dict) and "name" in tool and "function" not in tool


def turn_of(message: Message) -> dict[str, Any]:
    """A message as chat templates take it: a member only where there is something, arguments as an object."""
    return _turn_of_record({name: getattr(message, name) for name in (*_NAMES, "tool_calls")})


def _turn_of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": record["role"], "content": record["content"]}
    if record["tool_calls"] is not None:
        turn["tool_calls"] = [{"type": "function", "function": call} for call in json.loads(record["tool_calls"])]
    return turn | {_NAMES[name]: record[name] for name in OPTIONAL if name in _NAMES and record[name] is not None}


def read_turn(turn: Mapping[str, Any] | str) -> Message:
    """The message of a published turn, or of one as samples have it.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    found = json.loads(turn) if isinstance(turn, str) else turn
    calls = found.get("tool_calls")
    if isinstance(calls, list):
        calls = json.dumps([call["function"] for call in calls], ensure_ascii=False)
    reasoning = found.get("reasoning_content", found.get("reasoning"))
    return Message(found["role"], found["content"], calls, found.get("name"), reasoning, found.get("weight"))
