"""The `response_format` of a chat request: what an endpoint is asked to hold its reply to.

    response_format("json_schema", needs_tasks=8)
    → {"type": "json_schema", "json_schema": {"name": "tasks", "strict": True, "schema": {"type": "object", …}}}

OpenAI's strict mode wants every key required and no others allowed, and refuses minItems and maxItems, so that the number of
tasks is a description, and what the prompt asks for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

ResponseFormat = Literal["json_schema", "json_object", "none"]

_TEXT: Mapping[str, Any] = {"type": "string"}


def response_format(
    kind: ResponseFormat,
    needs_tasks: int,
    categories: Sequence[str] = (),
    instances: int = 1,
    item: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """What a request for whole tasks carries as `response_format`.

    Args:
        kind: `teacher.response_format`.
        needs_tasks: how many tasks are asked for.
        categories: the only values of `category`; none is any text.
        instances: how many instances each task is asked for.
        item: the members of one entry of `tasks` as JSON schemas by name, for a request that asks for something else than
            whole tasks, such as `{"number": {"type": "integer"}, "is_classification": {"type": "boolean"}}`.

    Returns:
        A new JSON-ready object, or None where the request carries no such member.
    """
    if kind == "none":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    entry = _closed(item or _whole_task(categories, instances))
    schema = _closed({"tasks": _several(entry, needs_tasks)})
    return {"type": "json_schema", "json_schema": {"name": "tasks", "strict": True, "schema": schema}}


def _whole_task(categories: Sequence[str], instances: int) -> dict[str, Any]:
    return {
        "instruction": dict(_TEXT),
        "category": {**_TEXT, "enum": list(categories)} if categories else dict(_TEXT),
        "is_classification": {"type": "boolean"},
        "instances": _several(_closed({"input": dict(_TEXT), "output": dict(_TEXT)}), instances),
    }


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _several(items: Mapping[str, Any], count: int) -> dict[str, Any]:
    return {"type": "array", "description": f"exactly {count}", "items": dict(items)}
