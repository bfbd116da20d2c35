"""What a request asks the endpoint to hold its reply to."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from builder.procedural.teacher.embedded import create_app
from builder.recipes.response_format import ResponseFormat, response_format

KINDS: tuple[ResponseFormat, ...] = ("json_schema", "json_object", "none")


def objects(schema: Any) -> list[dict[str, Any]]:
    """All object schemas inside one another."""
    inner = [item for value in schema.values() for item in objects(value)] if isinstance(schema, dict) else []
    return [schema, *inner] if isinstance(schema, dict) and schema.get("type") == "object" else inner


def test_the_schema_is_a_list_of_tasks_under_one_key() -> None:
    asked = response_format("json_schema", 8, ("code", "writing"), 2)
    assert asked is not None
    assert asked["type"] == "json_schema"
    assert (asked["json_schema"]["name"], asked["json_schema"]["strict"]) == ("tasks", True)
    tasks = asked["json_schema"]["schema"]["properties"]["tasks"]
    assert (tasks["type"], tasks["description"]) == ("array", "exactly 8")
    task = tasks["items"]["properties"]
    assert list(task) == ["instruction", "category", "is_classification", "instances"]
    assert task["category"] == {"type": "string", "enum": ["code", "writing"]}
    assert task["instances"]["description"] == "exactly 2"
    assert task["instances"]["items"]["properties"] == {"input": {"type": "string"}, "output": {"type": "string"}}


def test_it_keeps_the_rules_of_strict_mode() -> None:
    asked = response_format("json_schema", 8)
    assert asked is not None
    found = objects(asked["json_schema"]["schema"])
    assert len(found) == 3
    for schema in found:
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    assert not any(word in json.dumps(asked) for word in ("minItems", "maxItems", "default", "null"))


def test_a_step_can_ask_for_entries_of_its_own() -> None:
    asked = response_format(
        "json_schema", 8, item={"number": {"type": "integer"}, "is_classification": {"type": "boolean"}}
    )
    assert asked is not None
    entry = asked["json_schema"]["schema"]["properties"]["tasks"]["items"]
    assert entry["required"] == ["number", "is_classification"]
    assert entry["additionalProperties"] is False


def test_other_kinds_are_short_or_nothing() -> None:
    assert response_format("json_object", 8) == {"type": "json_object"}
    assert response_format("none", 8) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_embedded_teacher_gives_the_same_tasks_for_every_kind(kind: ResponseFormat) -> None:
    prompt = "- number of tasks: 2\n- language: English\n- instances per task: 1"
    body: dict[str, Any] = {"model": "seedbed-procedural", "messages": [{"role": "user", "content": prompt}], "seed": 1}

    async def ask(extra: dict[str, Any]) -> str:
        transport = httpx2.ASGITransport(app=create_app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://teacher") as client:
            reply = await client.post(
                "/v1/chat/completions", json=body | extra, headers={"Authorization": "Bearer key"}
            )
        assert reply.status_code == 200
        return str(reply.json()["choices"][0]["message"]["content"])

    asked = response_format(kind, 2)
    content = asyncio.run(ask({} if asked is None else {"response_format": asked}))
    assert content == asyncio.run(ask({}))
    assert len(json.loads(content)["tasks"]) == 2
