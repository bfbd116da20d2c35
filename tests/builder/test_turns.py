"""Tools and calls in the shapes that files have them in: equal ones are equal, and results belong to their calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from builder.errors import InputFileError
from builder.formats.importing import read_samples
from builder.formats.turns import canonical_tools
from builder.formats.writing import export
from builder.progress import Reporter
from builder.schema import Sample

SCHEMA = {"name": "天气", "description": "查天气", "parameters": {"type": "object", "properties": {}}}
CANONICAL = json.dumps([{"type": "function", "function": SCHEMA}], ensure_ascii=False)


def load(path: Path, rows: list[dict[str, Any]]) -> list[Sample]:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return read_samples([path], reporter=Reporter(quiet=True)).samples


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "function", "function": SCHEMA}],
        [{"function": SCHEMA, "type": "function"}],
        [SCHEMA],
        SCHEMA,
        [json.dumps(SCHEMA)],
        [json.dumps({"type": "function", "function": SCHEMA})],
        json.dumps([SCHEMA]),
        json.dumps([json.dumps(SCHEMA)]),
        [{"type": "function", **SCHEMA}],
        [{"name": "天气", "description": "查天气", "input_schema": SCHEMA["parameters"]}],
    ],
)
def test_equal_tools_are_equal(tools: Any) -> None:
    assert json.loads(canonical_tools(tools) or "") == json.loads(CANONICAL)


def test_a_tool_that_is_no_schema_is_refused(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "q"}], "tools": [json.dumps(SCHEMA), "get_weather"]}
    with pytest.raises(InputFileError, match="row 1: 'tools', number 2 is not JSON"):
        load(tmp_path / "a.json", [row])


def called(name: str, **arguments: str) -> dict[str, str]:
    value = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return {"from": "function_call", "value": value}


def result(value: str) -> dict[str, str]:
    return {"from": "observation", "value": value}


ASKED = {"from": "human", "value": "苏州和上海的天气？"}
ANSWER = {"from": "gpt", "value": "苏州晴，上海有雨。"}


@pytest.mark.parametrize("format", ["sharegpt", "messages", "prompt_completion"])
def test_calls_one_after_the_other_are_parallel_calls_with_named_results(tmp_path: Path, format: str) -> None:
    turns = [ASKED, called("weather", city="苏州"), called("clock"), result("晴"), result("12:00"), ANSWER]
    samples = load(tmp_path / "a.json", [{"conversations": turns}])
    assert [(turn.role, turn.tool_calls or turn.content, turn.name) for turn in samples[0].messages] == [
        ("user", "苏州和上海的天气？", None),
        (
            "assistant",
            '[{"name": "weather", "arguments": {"city": "苏州"}}, {"name": "clock", "arguments": {}}]',
            None,
        ),
        ("tool", "晴", "weather"),
        ("tool", "12:00", "clock"),
        ("assistant", "苏州晴，上海有雨。", None),
    ]
    for suffix in (".json", ".parquet"):
        export(samples, format, tmp_path / f"b{suffix}")
        again = read_samples([tmp_path / f"b{suffix}"], reporter=Reporter(quiet=True)).samples
        assert again[0].messages == samples[0].messages


def test_calls_with_results_between_them_stay_one_after_the_other(tmp_path: Path) -> None:
    turns = [ASKED, called("weather", city="苏州"), result("晴"), called("weather", city="上海"), result("雨"), ANSWER]
    (sample,) = load(tmp_path / "a.json", [{"conversations": turns}])
    assert [turn.role for turn in sample.messages] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]


def test_a_call_that_is_not_trained_on_stays_apart(tmp_path: Path) -> None:
    turns = [ASKED, called("clock") | {"weight": 0}, called("weather"), result("晴"), ANSWER]
    (sample,) = load(tmp_path / "a.json", [{"conversations": turns}])
    assert [turn.weight for turn in sample.messages] == [None, 0, None, None, None]


def test_results_of_one_tool_stand_in_the_order_of_their_calls(tmp_path: Path) -> None:
    """A message keeps no ids, so that the second result would answer the second call."""
    calls = [
        {"id": place, "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
        for place, city in (("c1", "苏州"), ("c2", "上海"))
    ]
    turns = [
        {"role": "user", "content": "苏州和上海的天气？"},
        *({"role": "assistant", "content": None, "tool_calls": [call]} for call in calls),
        {"role": "tool", "tool_call_id": "c2", "content": "雨"},
        {"role": "tool", "tool_call_id": "c1", "content": "晴"},
        {"role": "assistant", "content": "苏州晴，上海有雨。"},
    ]
    samples = load(tmp_path / "a.json", [{"messages": turns}])
    assert [turn.content for turn in samples[0].messages if turn.role == "tool"] == ["晴", "雨"]
    export(samples, "messages", tmp_path / "b.json")
    (row,) = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert [(turn["content"], turn["tool_call_id"]) for turn in row["messages"] if turn["role"] == "tool"] == [
        ("晴", "call_1"),
        ("雨", "call_2"),
    ]
