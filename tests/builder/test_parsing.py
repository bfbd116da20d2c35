"""Replies as models really write them: what is recovered, and what is only named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.recipes.alpaca import read
from builder.recipes.parsing import parse_reply
from builder.recipes.recipe import Needs, Task, Unreadable

A = {"instruction": "Name a SQL keyword.", "instances": [{"input": "", "output": "SELECT"}]}
B = {"instruction": "写一句关于“雨”的话。", "instances": [{"input": "", "output": "雨停了。"}]}
GOOD = json.dumps({"tasks": [A, B]}, ensure_ascii=False)
NEEDS = Needs(tasks=2, language="en", categories=("code",), instances=1, max_steps=1)


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}",
        f"Here are the tasks:\n\n{GOOD}\n\nLet me know!",
        f"好的，任务如下：\n{GOOD}",
        f"<think>Should I write {{two}} tasks?</think>\n{GOOD}",
        f"\ufeff{GOOD}",
        json.dumps([A, B], ensure_ascii=False),
        json.dumps({"任务": [A, B]}, ensure_ascii=False),
        json.dumps({"tasks": [A, B]}, ensure_ascii=False, indent=4),
    ],
    ids=["plain", "fence", "open-fence", "talk", "zh-talk", "thinking", "bom", "list", "zh-key", "indented"],
)
def test_whole_replies_give_their_objects_unchanged(reply: str) -> None:
    parsed = parse_reply(reply, "stop")
    assert parsed.values == (A, B)
    assert (parsed.repaired, parsed.problem) == (False, None)


@pytest.mark.parametrize(
    "reply",
    [
        GOOD.replace('"', "'"),
        GOOD[:-2] + ",]}",
        GOOD.replace("}, {", "} {"),
        "{tasks: " + GOOD[len('{"tasks": ') :],
    ],
    ids=["single-quotes", "trailing-comma", "missing-comma", "bare-key"],
)
def test_broken_json_is_repaired_and_says_so(reply: str) -> None:
    parsed = parse_reply(reply, "stop")
    assert parsed.repaired
    assert [value["instances"][0]["output"] for value in parsed.values] == ["SELECT", "雨停了。"]


@pytest.mark.parametrize("cut", range(10, len(GOOD) - 1, 7))
@pytest.mark.parametrize("finish", ["length", "stop"])
def test_a_cut_reply_gives_only_what_is_certainly_whole(cut: int, finish: str) -> None:
    parsed = parse_reply(GOOD[:cut], finish)
    assert parsed.values in ((), (A,), (A, B))
    if finish == "length":
        assert parsed.problem == "cut_by_length"


def test_a_string_cut_in_its_middle_is_never_closed() -> None:
    reply = '{"tasks": [{"instruction": "Say it.", "instances": [{"input": "", "output": "In the year 2020'
    assert parse_reply(reply, "length").values == ()
    assert parse_reply(reply, "stop").values == ()


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I'm sorry, but I can't help with that.",
        "抱歉，我无法完成。",
        "null",
        "42",
        "[]",
        "{}",
        "[1, 2]",
        "[" * 5000,
    ],
)
def test_what_holds_no_task_is_named(reply: str) -> None:
    parsed = parse_reply(reply, "stop")
    assert parsed.values == ()
    assert parsed.problem == "not_json"


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    for finish in ("stop", "length"):
        assert parse_reply(text, finish).problem in (None, "not_json", "cut_by_length")


def test_a_flat_triple_and_bare_numbers_are_read() -> None:
    task = read({"instruction": " Add. ", "input": "2, 3", "output": 5})
    assert isinstance(task, Task)
    assert (task.instruction, task.instances[0].input, task.instances[0].output) == ("Add.", "2, 3", "5")


@pytest.mark.parametrize(
    "value",
    [
        "text",
        {"instruction": 5, "output": "x"},
        {"instruction": "x"},
        {"instruction": "x", "instances": []},
        {"instruction": "x", "instances": [{"input": "a"}]},
        {"instruction": "x", "instances": ["a"]},
        {"instruction": "x", "instances": {"output": "a"}},
    ],
)
def test_what_is_no_task_says_what_is_missing(value: object) -> None:
    draft = read(value)
    assert isinstance(draft, Unreadable)
    assert draft.reason == "not_a_task"
    assert draft.evidence
