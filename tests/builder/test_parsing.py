"""Replies as models really write them: what is recovered, and what is only named."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.recipes.alpaca import read
from builder.recipes.parsing import ParsedReply, parse_reply
from builder.recipes.recipe import Needs, Task, Unreadable

A = {"instruction": "Name a SQL keyword.", "instances": [{"input": "", "output": "SELECT"}]}
B = {"instruction": "写一句关于“雨”的话。", "instances": [{"input": "", "output": "雨停了。"}]}
CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "fixtures" / "malformed_replies.jsonl").read_text("utf-8").splitlines()
]
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
        "I'm sorry, but I can't help with that.",
        "抱歉，我无法完成。",
        "42",
        "[1, 2]",
        "I found none: []",
        "[" * 5000,
    ],
)
def test_what_holds_no_task_is_named(reply: str) -> None:
    parsed = parse_reply(reply, "stop")
    assert parsed.values == ()
    assert parsed.problem == "not_json"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        " \n",
        "null",
        "[]",
        "{}",
        '{"tasks": []}',
        '{"任务": []}',
        '{"tasks": null, "note": "nothing fits"}',
        '```json\n{"tasks": []}\n```',
        "<think>Which ones?</think>",
    ],
)
def test_a_reply_without_a_task_is_empty_and_not_unreadable(reply: str) -> None:
    assert parse_reply(reply, "stop") == ParsedReply((), problem="empty_reply", evidence=reply)
    assert parse_reply(reply, "length").problem == "cut_by_length"


def admissible(reply: str, finish_reason: str) -> list[Any]:
    """The objects of a reply that the recipe reads as tasks and admission does not refuse for an empty output."""
    values = parse_reply(reply, finish_reason).values
    tasks = [(value, read(value)) for value in values]
    return [value for value, task in tasks if isinstance(task, Task) and all(i.output for i in task.instances)]


def test_the_corpus_is_large_and_in_both_languages() -> None:
    assert len(CORPUS) >= 110
    assert len({entry["id"] for entry in CORPUS}) == len(CORPUS)
    chinese = sum(any("\u4e00" <= char <= "\u9fff" for char in entry["reply"]) for entry in CORPUS)
    assert chinese >= 40


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry["id"])
def test_nothing_is_read_wrongly(entry: dict[str, Any]) -> None:
    """Objects may be missing, but each that is read is one that was written, in order, to the letter."""
    expected = iter(entry.get("expected", []))
    for value in admissible(entry["reply"], entry["finish_reason"]):
        assert any(value == one for one in expected), value


def test_nearly_all_malformed_replies_are_recovered_whole() -> None:
    recoverable = [entry for entry in CORPUS if "expected" in entry]
    missed = [e["id"] for e in recoverable if admissible(e["reply"], e["finish_reason"]) != e["expected"]]
    assert missed == ["hard-bare-members", "hard-last-word"]
    assert len(missed) <= 0.05 * len(recoverable)


def test_what_could_not_be_read_is_named_beside_what_could() -> None:
    reply = '{"instruction": "A b.", "output": "x"}\n{"instruction": "C "d., "output": "y"}'
    parsed = parse_reply(reply, "stop")
    assert parsed.values == ({"instruction": "A b.", "output": "x"},)
    assert (parsed.repaired, parsed.problem) == (True, "not_json")
    assert parsed.evidence == '{"instruction": "C "d., "output": "y"}'


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"role": "user", "content": "Hi"}], "topic": "Tea"},
        {"phrasings": ["Sort the words.", "Put the words in order."]},
        {"number": 2, "labels": ["kind", "rude"], "instances": [{"output": "kind", "input": "Thanks!"}]},
    ],
)
def test_objects_of_other_recipes_come_back_under_their_own_names(value: dict[str, Any]) -> None:
    assert parse_reply(json.dumps({"tasks": [value]}), "stop").values == (value,)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    for finish in ("stop", "length"):
        assert parse_reply(text, finish).problem in (None, "not_json", "cut_by_length", "empty_reply")


PIECES = st.sampled_from(
    [
        '{"tasks": [',
        '{"instruction": "',
        '", "output": "',
        '"}',
        "]}",
        "'",
        "“",
        "”",
        "：",
        "｛",
        "｝",
        "，",
        "\\",
        "\n",
        "a",
        "雨",
        "1. Instruction: ",
        "Output: ",
        "2. 指令：",
        "输出：",
        "### 指令\n",
        "| Instruction | Output |\n|---|---|\n| a | b |\n",
        "- instruction: a\n",
        "  output: |\n",
        "<think>",
        "</think>",
        "```json\n",
        "```",
        "<output>",
        "</output>",
        "None",
        ", ",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_pieces_of_replies_break_the_parser(text: str) -> None:
    for finish in ("stop", "length"):
        for value in parse_reply(text, finish).values:
            json.dumps(value, allow_nan=False)


# A form feed or backspace is LaTeX with one backslash too few, which is rejected on purpose.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\b\f"), min_size=1)
TASKS = st.fixed_dictionaries(
    {
        "instruction": TEXTS,
        "is_classification": st.booleans(),
        "instances": st.lists(
            st.fixed_dictionaries({"input": TEXTS | st.just(""), "output": TEXTS}), min_size=1, max_size=2
        ),
    }
)
WRAPPINGS = [
    "{}",
    "```json\n{}\n```",
    "```\n{}",
    "Sure, two [new] tasks:\n\n{}\n\nLet me know!",
    "好的，任务如下：\n```json\n{}\n```\n希望对您有帮助。",
    "<think>Perhaps {{this}}?</think>\n{}",
    "\ufeff{}",
]


@given(st.lists(TASKS, min_size=1, max_size=3), st.sampled_from(WRAPPINGS), st.booleans(), st.sampled_from([None, 2]))
def test_good_json_comes_back_unchanged(tasks: list[Any], wrapping: str, ascii_only: bool, indent: int | None) -> None:
    reply = wrapping.format(json.dumps({"tasks": tasks}, ensure_ascii=ascii_only, indent=indent))
    parsed = parse_reply(reply, "stop")
    assert parsed.values == tuple(tasks)
    assert (parsed.repaired, parsed.problem) == (False, None)


@given(st.lists(TASKS, min_size=1, max_size=3), st.data())
def test_a_cut_gives_a_beginning_of_the_tasks(tasks: list[Any], data: st.DataObject) -> None:
    reply = json.dumps({"tasks": tasks}, ensure_ascii=False)
    cut = data.draw(st.integers(0, len(reply)))
    for finish in ("stop", "length"):
        values = parse_reply(reply[:cut], finish).values
        assert values == tuple(tasks[: len(values)])


NASTY = [
    {"instruction": "用“a”，“b”造句：好。", "instances": [{"input": "a, b; c: d", "output": "['x', \"y\"]"}]},
    {
        "instruction": "Read this.",
        "is_classification": True,
        "instances": [{"input": "https://x.y/z # 1", "output": "Yes"}, {"input": "</think>", "output": "C:\\new\nNo"}],
    },
    B,
    {"instruction": 'Don\'t say "no", say: yes.', "input": "", "output": "}, {"},
]


def marks_of(text: str) -> list[int]:
    """The places of a JSON text's own marks: those of its strings are left out."""
    places, in_string, escaped = [], False, False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == '"' or (not in_string and char in "{}[],:"):
            places.append(place)
            in_string ^= char == '"'
        else:
            escaped = in_string and char == "\\"
    return places


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_no_lost_or_doubled_mark_changes_a_task(indent: int | None, finish: str) -> None:
    reply = json.dumps({"tasks": NASTY}, ensure_ascii=False, indent=indent)
    marks = marks_of(reply)
    read_at_all = 0
    for place in marks:
        for damaged in (reply[:place] + reply[place + 1 :], reply[:place] + reply[place] + reply[place:]):
            values = admissible(damaged, finish)
            read_at_all += len(values)
            assert [value for value in values if value not in NASTY] == [], damaged
    assert read_at_all > 2 * len(marks)


@pytest.mark.parametrize(
    "reply",
    [
        '"' * 20000,
        '{"instruction": "' + 'a" ' * 20000,
        "[" * 20000,
        "{" * 20000,
        '{"a": ' * 5000,
        "1. Instruction: a\nOutput: b.\n" * 1000,
        " " * 20000 + "{",
        '{"instruction": "a",' + "\n" * 20000,
        "| Instruction | Output |\n|---|---|\n" + "| a | b |\n" * 2000,
        "- instruction: a\n  output: b.\n" * 500,
    ],
    ids=["quotes", "half-quotes", "brackets", "braces", "deep", "labels", "blanks", "lines", "table", "yaml"],
)
def test_long_replies_are_read_in_seconds(reply: str) -> None:
    start = time.perf_counter()
    parse_reply(reply, "stop")
    assert time.perf_counter() - start < 3


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
