"""Null members of tool calls and tool lists: Arrow gives every object the members of all, null where it has none.

{"name": "get_weather", "arguments": {"city": "Suzhou", "amount": null, "currency": null}}   → {"city": "Suzhou"}
"""

import json
from collections.abc import Mapping
from typing import Any

# Of a JSON schema: where null is a value.
_VALUES = ("default", "const", "enum", "example", "examples")


def without_null_members(tools: str) -> str:
    """A JSON list of tools in which no object has a null member, except values such as a default; else the same text."""
    return _changed(tools, [_pruned(tool) for tool in _listed(tools)])


def without_null_arguments(calls: str, tools: str | None) -> str:
    """A JSON list of calls without null arguments; one stays that its tool's schema requires or lets be null.

    Of a tool that is not among the tools all stay: `{"task": 5, "due": null}` may well be a call that clears the date.
    """
    parameters = {name: schema for name, schema in map(_parameters, _listed(tools)) if name}
    kept = []
    for call in _listed(calls):
        given = call.get("arguments") if isinstance(call, dict) else None
        if isinstance(given, dict) and call.get("name") in parameters:
            call = {**call, "arguments": _given(given, parameters[call["name"]])}
        kept.append(call)
    return _changed(calls, kept)


def _listed(text: str | None) -> list[Any]:
    found = json.loads(text) if text else []
    return found if isinstance(found, list) else []


def _changed(text: str, value: list[Any]) -> str:
    return text if value == _listed(text) else json.dumps(value, ensure_ascii=False)


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: item if key in _VALUES else _pruned(item)
            for key, item in value.items()
            if item is not None or key in _VALUES
        }
    return [_pruned(item) for item in value] if isinstance(value, list) else value


def _parameters(tool: Any) -> tuple[str | None, Mapping[str, Any]]:
    """A tool's name and the schema of its arguments."""
    body = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return None, {}
    schema = body.get("parameters")
    return body["name"], schema if isinstance(schema, dict) else {}


def _given(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    properties, required = schema.get("properties"), schema.get("required")
    known = properties if isinstance(properties, dict) else {}
    needed = required if isinstance(required, list) else []
    kept = {}
    for name, value in arguments.items():
        may_be_null = '"null"' in (own := json.dumps(known.get(name))) or '"nullable": true' in own
        if value is None and name not in needed and not may_be_null:
            continue
        kept[name] = value if may_be_null else _pruned(value)
    return kept
