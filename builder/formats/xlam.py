"""Requests with the calls that answer them, as the xLAM and APIGen sets have them: `query`, `tools`, `answers` as JSON texts.

{"query": "Weather in Suzhou?", "tools": "[{"name": "weather", "description": …, "parameters": {"city": {"type": "str"}}}]",
 "answers": "[{"name": "weather", "arguments": {"city": "Suzhou"}}]"}

Their parameters are a plain object of name → {type, description, default} with the names of Python's types, which no chat
template reads as parameters: they become the JSON Schema that says the same. (Source: the card of Salesforce's
xlam-function-calling-60k.)
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import find_columns, fold_name
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text, text_of
from builder.formats.turns import canonical_calls, load_json, with_system
from builder.language.messages import worded
from builder.schema import Message

_NEEDED = ("query", "tools", "answers")
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"} | dict.fromkeys(
    ("list", "tuple", "set"), "array"
)


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there are a query, tools and answers that hold lists, else None."""
    folded = {fold_name(column): column for column in columns}
    if any(name not in folded for name in _NEEDED):
        return None
    glimpse = rows[0].get(folded["answers"])
    if not isinstance(glimpse, list) and not (isinstance(glimpse, str) and glimpse.startswith("[")):
        return None
    return {name: folded[name] for name in _NEEDED} | find_columns(columns, "system")


def read(row: Row) -> list[SampleParts]:
    """One sample: the request, then a turn that makes the calls; without one where no tool fits the request.

    Raises:
        RowError: the tools or the answers are no JSON lists of objects with names.
    """
    asked = (Message("user", text_of(row, "query")),)
    messages, notes = with_system(asked, optional_text(row, "system"))
    answers = _listed(row.get("answers"), "answers")
    if answers:
        messages = (*messages, Message("assistant", "", canonical_calls(answers, "'answers'")))
    else:
        notes = (*notes, worded("its list of calls is empty"))
    tools = [_schema(tool) for tool in _listed(row.get("tools"), "tools")]
    return [SampleParts(messages, json.dumps(tools, ensure_ascii=False) if tools else None, notes=notes)]


def _listed(value: Any, field: str) -> list[Any]:
    if isinstance(value, str):
        value = load_json(value, f"'{field}'") if value.strip() else None
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowError(worded("'{field}' holds {kind_of}, expected a list", field=field, kind_of=kind_of(value)))
    return value


def _schema(tool: Any) -> Any:
    """A tool whose parameters are a JSON Schema; one that has it stays as it is."""
    if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
        return {**tool, "function": _schema(tool["function"])}
    if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str):
        raise RowError(worded("a tool is no object with a name"))
    parameters = tool.get("parameters")
    if not isinstance(parameters, Mapping) or not all(isinstance(value, Mapping) for value in parameters.values()):
        return tool
    if isinstance(parameters.get("properties"), Mapping) and not isinstance(parameters["properties"].get("type"), str):
        return tool
    needed = [name for name, value in parameters.items() if "default" not in value and not _is_optional(value)]
    properties = {name: _property(value) for name, value in parameters.items()}
    return {**tool, "parameters": {"type": "object", "properties": properties, "required": needed}}


def _is_optional(value: Mapping[str, Any]) -> bool:
    return "optional" in str(value.get("type", "")).casefold()


def _property(value: Mapping[str, Any]) -> dict[str, Any]:
    given = value.get("type")
    if not isinstance(given, str):
        return dict(value)
    name = given.split(",")[0].strip()
    name = name[9:-1] if name.startswith("Optional[") and name.endswith("]") else name
    return {**value, "type": _TYPES.get(name.split("[")[0].strip().casefold(), name)}


XLAM = RowFormat(
    name="xlam",
    title={"en": "requests with tool calls", "zh": "请求与工具调用"},
    expects="query + tools + answers",
    required=_NEEDED,
    detect=detect,
    read=read,
)
