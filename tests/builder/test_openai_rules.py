"""OpenAI's documented rules for fine-tuning files, one broken at a time."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.formats.targets.openai_rules import count_tokens, problems
from builder.formats.writing import export
from builder.schema import Message, Sample

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Suzhou"}'}}
TALK: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?", "name": "小王"},
        {"role": "assistant", "tool_calls": [CALL], "weight": 0},
        {"role": "tool", "tool_call_id": "c1", "content": "21"},
        {"role": "assistant", "content": "21 degrees.", "weight": 1},
    ],
    "tools": [TOOL],
    "parallel_tool_calls": True,
}
PAIR: dict[str, Any] = {
    "input": {"messages": [{"role": "user", "content": "Is 91 prime?"}], "tools": [TOOL]},
    "preferred_output": [{"role": "assistant", "content": "No."}],
    "non_preferred_output": [{"role": "assistant", "content": "Yes."}],
}


def test_rows_that_are_right() -> None:
    assert problems(TALK) == []
    assert problems(PAIR) == []
    assert problems({"messages": TALK["messages"][:2] + TALK["messages"][-1:]}) == []
    ends_with_a_call = {"messages": [*TALK["messages"][:2], {"role": "assistant", "tool_calls": [CALL]}]}
    assert problems(ends_with_a_call) == []


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (lambda row: row.update(extra=1), ["'extra' is not a member of an example"]),
        (lambda row: row.update(messages=[]), ["'messages' is not a list of at least one message"]),
        (lambda row: row["messages"].pop(), ["the last message is not the assistant's"]),
        (lambda row: row["messages"][0].update(role="bot"), ["message 1: its role is none of "]),
        (lambda row: row["messages"][0].update(content=""), ["message 1: its content is empty"]),
        (lambda row: row["messages"][4].update(content=" \n"), ["message 5: its content is empty"]),
        (lambda row: row["messages"][4].update(content={"a": 1}), ["message 5: its content is not text"]),
        (lambda row: row["messages"][4].update(reasoning="x"), ["message 5: 'reasoning' is not a member of a message"]),
        (lambda row: row["messages"][1].update(name="小 王"), ["message 2: its name has spaces"]),
        (lambda row: row["messages"][4].update(weight=0.5), ["message 5: a weight is 0 or 1"]),
        (lambda row: row["messages"][1].update(weight=1), ["message 2: a weight is 0 or 1"]),
        (lambda row: row["messages"][4].update(weight=0), ["every assistant message has weight 0"]),
        (lambda row: row["messages"][1].update(tool_calls=[CALL]), ["message 2: a user message cannot call tools"]),
        (
            lambda row: row["messages"][2].update(tool_calls=[]),
            ["message 3: its content is empty", "message 3: 'tool_calls'"],
        ),
        (lambda row: row["messages"][2]["tool_calls"][0].pop("id"), ["message 3: a call is not "]),
        (
            lambda row: row["messages"][2]["tool_calls"][0]["function"].update(name="查天气"),
            ["message 3: a function's name is not of 1 to 64 letters"],
        ),
        (
            lambda row: row["messages"][2]["tool_calls"][0]["function"].update(arguments={"city": "Suzhou"}),
            ["message 3: a call's arguments are not the JSON text of an object"],
        ),
        (
            lambda row: row["messages"][2]["tool_calls"][0]["function"].update(arguments="[1]"),
            ["message 3: a call's arguments are not the JSON text of an object"],
        ),
        (
            lambda row: row["messages"][3].pop("tool_call_id"),
            ["message 4: a tool message, and no other, has a tool_call_id"],
        ),
        (lambda row: row["messages"][3].update(tool_call_id="c2"), ["message 4: its tool_call_id names no open call"]),
        (lambda row: row["messages"].pop(3), ["message 4: the calls before it have no result yet"]),
        (lambda row: row["messages"][2]["tool_calls"].append(CALL), ["message 3: two calls have one id"]),
        (lambda row: row.pop("tools"), ["'parallel_tool_calls' is not true or false, or stands without tools"]),
        (lambda row: row.update(tools=[TOOL] * 129), ["'tools' is not a list of 1 to 128 tools"]),
        (lambda row: row.update(tools=[TOOL["function"]]), ["a tool is not "]),
        (lambda row: row["tools"][0]["function"].update(name="a b"), ["a function's name is not of 1 to 64 letters"]),
        (lambda row: row["tools"][0]["function"].update(parameters=[]), ["a tool's parameters are not an object"]),
    ],
)
def test_each_rule_is_named(breaks: Callable[[dict[str, Any]], object], said: list[str]) -> None:
    row = copy.deepcopy(TALK)
    breaks(row)
    found = problems(row)
    assert len(found) == len(said)
    assert all(problem.startswith(beginning) for problem, beginning in zip(found, said, strict=True)), found


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (lambda row: row.update(input="Is 91 prime?"), "'input' is not an object"),
        (
            lambda row: row["input"]["messages"].append(PAIR["preferred_output"][0]),
            "'input' ends with an assistant message",
        ),
        (lambda row: row.pop("preferred_output"), "'preferred_output' is not a list of one assistant message"),
        (
            lambda row: row["non_preferred_output"].append({"role": "assistant", "content": "b"}),
            "'non_preferred_output' is not a list of one assistant message",
        ),
        (lambda row: row["preferred_output"][0].update(content=""), "'preferred_output': its content is empty"),
        (lambda row: row.update(tools=[]), "'tools' is not a member of an example"),
    ],
)
def test_each_rule_of_pairs_is_named(breaks: Callable[[dict[str, Any]], object], said: str) -> None:
    row = copy.deepcopy(PAIR)
    breaks(row)
    assert problems(row) == [said]


def test_tokens_are_counted_by_characters() -> None:
    """Four ASCII characters a token, one other character a token, four tokens a message."""
    assert count_tokens({"messages": [{"role": "user", "content": "a" * 40}]}) == 14
    assert count_tokens({"messages": [{"role": "user", "content": "苏州天气"}]}) == 8
    assert count_tokens(PAIR) == round((len("Is 91 prime?No.Yes.") + len(json.dumps([TOOL]))) / 4 + 12)


def test_what_openai_would_refuse_is_left_out_and_what_it_would_cut_is_named(tmp_path: Path) -> None:
    def sample(row: int, *turns: Message, **more: Any) -> Sample:
        return Sample(row, f"t{row}", turns, None, "en", "imported", "s", **more)

    chinese = json.dumps([{"name": "查天气", "parameters": {"type": "object"}}], ensure_ascii=False)
    rows = [
        sample(0, Message("user", "Hi"), Message("assistant", "Hello.")),
        sample(1, Message("user", "Hi"), Message("assistant", "")),
        sample(2, Message("user", "天气？"), Message("assistant", "晴。"), tools=chinese),
        sample(3, Message("user", "长" * 70_000), Message("assistant", "好。")),
        sample(4, Message("user", "?"), Message("assistant", "No.", reasoning="7 × 13")),
    ]
    done = export(rows, "openai", tmp_path / "a.jsonl")
    assert done.skipped == [
        (1, "message 2: its content is empty"),
        (2, "a function's name is not of 1 to 64 letters from a to z, digits, _ and -"),
        (4, "a turn has reasoning, which this format has no place for"),
    ]
    assert {what: list(numbers) for what, numbers in done.remarks.items()} == {
        "longer than 65,536 tokens, counted by characters: OpenAI cuts the end of such an example": [3]
    }
    assert [file.tokens for file in done.files] == [70_000 + 2 + 8 + 2 + 8]
    assert done.advice == ["OpenAI takes files of 10 examples or more"]
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [problems(json.loads(line)) for line in lines] == [[], []]


def test_calls_and_parallel_calls_go_out_as_text(tmp_path: Path) -> None:
    calls = json.dumps(
        [{"name": "weather", "arguments": {"city": city}} for city in ("苏州", "无锡")], ensure_ascii=False
    )
    turns = (
        Message("user", "?"),
        Message("assistant", "", calls),
        Message("tool", "晴", name="weather"),
        Message("tool", "雨", name="weather"),
        Message("assistant", "晴，雨。"),
    )
    export(
        [Sample(0, "t", turns, None, "zh", "imported", "s", tools=json.dumps([TOOL]))], "openai", tmp_path / "a.jsonl"
    )
    row = json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8"))
    assert row["parallel_tool_calls"] is True
    assert row["messages"][1:3] == [
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "苏州"}'}},
                {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"city": "无锡"}'}},
            ],
        },
        {"role": "tool", "content": "晴", "tool_call_id": "call_1"},
    ]
