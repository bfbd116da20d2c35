"""Reasoning in `<think>` blocks and in columns of its own, in every format, and out again."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.formats.importing import read_samples
from builder.formats.thoughts import join_thoughts, split_thoughts
from builder.formats.writing import export
from builder.progress import Reporter
from builder.schema import Message, Sample

BLOCK = "<think>\n7 × 13 = 91\n</think>\n\n"


def load(path: Path, rows: list[dict[str, Any]]) -> list[Sample]:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return read_samples([path], reporter=Reporter(quiet=True)).samples


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{BLOCK}No.", ("7 × 13 = 91", "No.")),
        ("<think>7 × 13</think>No.", ("7 × 13", "No.")),
        ("\n<think> 想一想 </think>\n不是。", ("想一想", "不是。")),
        ("<think>\n\n</think>\n\nNo.", ("", "No.")),
        ("<think>only thoughts</think>", ("only thoughts", "")),
        ("<think>a</think>The tags `<think>` and `</think>`.", ("a", "The tags `<think>` and `</think>`.")),
        ("<think>never closed", (None, "<think>never closed")),
        ("Write `<think>a</think>` first.", (None, "Write `<think>a</think>` first.")),
        ("`<think>a</think>` is the block.", (None, "`<think>a</think>` is the block.")),
        ("</think>No.", (None, "</think>No.")),
        ("<think> opens it, and </think> closes it.", (None, "<think> opens it, and </think> closes it.")),
        ("<think> 是开头，</think> 是结尾。", (None, "<think> 是开头，</think> 是结尾。")),
        ("<think>a <think>b</think> c</think> No.", (None, "<think>a <think>b</think> c</think> No.")),
        ("<think>a</think>\n\n\n  No.", ("a", "No.")),
        ("No.", (None, "No.")),
    ],
)
def test_a_closed_block_at_the_beginning_is_reasoning(text: str, expected: tuple[str | None, str]) -> None:
    assert split_thoughts(text) == expected


@pytest.mark.parametrize("reasoning", ["a", "\na\n", " a", "多行\n\n的思考"])
@pytest.mark.parametrize("text", ["No.", "", "\n\nNo.", "  code"])
def test_what_was_put_together_comes_apart_to_the_letter(reasoning: str, text: str) -> None:
    assert split_thoughts(join_thoughts(reasoning, text)) == (reasoning, text)


ROWS: dict[str, dict[str, Any]] = {
    "sharegpt": {"conversations": [{"from": "human", "value": "91 prime?"}, {"from": "gpt", "value": f"{BLOCK}No."}]},
    "messages": {
        "messages": [{"role": "user", "content": "91 prime?"}, {"role": "assistant", "content": f"{BLOCK}No."}]
    },
    "alpaca": {"instruction": "91 prime?", "input": "", "output": f"{BLOCK}No."},
    "pairs": {"问题": "91 prime?", "回答": f"{BLOCK}No."},
    "prompt_completion": {"prompt": "91 prime?", "completion": f"{BLOCK}No."},
    "lists": {
        "prompt": [{"role": "user", "content": "91 prime?"}],
        "completion": [{"role": "assistant", "content": f"{BLOCK}No."}],
    },
    "instances": {"instruction": "91 prime?", "instances": [{"input": "", "output": f"{BLOCK}No."}]},
    "pair": {"prompt": "91 prime?", "chosen": f"{BLOCK}No.", "rejected": "Yes."},
    "column": {"instruction": "91 prime?", "output": "No.", "reasoning_content": "7 × 13 = 91"},
    "tagged column": {"question": "91 prime?", "response": "No.", "Complex_CoT": "<think>7 × 13 = 91</think>"},
    "中文列": {"问题": "91 prime?", "回答": "No.", "思考过程": "7 × 13 = 91"},
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_reasoning_is_taken_out_of_the_answer_in_every_format(tmp_path: Path, row: dict[str, Any]) -> None:
    (sample,) = load(tmp_path / "a.json", [row])
    assert [(turn.role, turn.content, turn.reasoning) for turn in sample.messages] == [
        ("user", "91 prime?", None),
        ("assistant", "No.", "7 × 13 = 91"),
    ]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("format", ["sharegpt", "messages", "prompt_completion", "alpaca"])
def test_reasoning_reads_back_equal(tmp_path: Path, format: str, suffix: str) -> None:
    samples = load(tmp_path / "a.json", [ROWS["sharegpt"]])
    assert export(samples, format, tmp_path / f"b{suffix}").skipped == []
    again = read_samples([tmp_path / f"b{suffix}"], reporter=Reporter(quiet=True)).samples
    assert [sample.messages for sample in again] == [sample.messages for sample in samples]


@pytest.mark.parametrize("format", ["sharegpt", "messages", "prompt_completion"])
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "91?", "chosen": "<think>7 × 13</think>No.", "rejected": "<think>odd</think>Yes."},
        {
            "prompt": [{"role": "user", "content": "91?"}],
            "chosen": [{"role": "assistant", "content": "No.", "reasoning_content": "7 × 13"}],
            "rejected": [{"role": "assistant", "content": "Yes.", "reasoning_content": "odd"}],
        },
    ],
)
def test_both_answers_of_a_pair_keep_their_reasoning(tmp_path: Path, row: dict[str, Any], format: str) -> None:
    samples = load(tmp_path / "a.json", [row])
    assert (samples[0].answer, samples[0].messages[-1].reasoning) == ("No.", "7 × 13")
    assert samples[0].rejected == "<think>\nodd\n</think>\n\nYes."
    export(samples, format, tmp_path / "b.json")
    (written,) = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    worse = written["rejected"][0] if format == "prompt_completion" else written["rejected"]
    if format != "sharegpt":
        assert worse == {"role": "assistant", "content": "Yes.", "reasoning_content": "odd"}
    (again,) = read_samples([tmp_path / "b.json"], reporter=Reporter(quiet=True)).samples
    assert (again.messages, again.rejected) == (samples[0].messages, samples[0].rejected)


def test_a_bad_answer_keeps_its_reasoning(tmp_path: Path) -> None:
    rows = [
        {"prompt": "91?", "completion": "<think>odd</think>Yes.", "label": False},
        {"prompt": "91?", "completion": "<think>7 × 13</think>No.", "label": True},
    ]
    bad, good = load(tmp_path / "a.json", rows)
    assert bad.rejected == good.rejected == "<think>\nodd\n</think>\n\nYes."
    assert (good.answer, good.messages[-1].reasoning) == ("No.", "7 × 13")


def test_what_is_said_twice_is_kept_once_and_what_differs_is_left(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "91?"},
        {"role": "assistant", "content": "<think>\n7 × 13\n</think>\n\nNo.", "reasoning_content": "7 × 13"},
        {"role": "user", "content": "<think>a</think> 97?"},
        {"role": "assistant", "content": "<think>b</think>Yes.", "reasoning_content": "c"},
    ]
    (sample,) = load(tmp_path / "a.json", [{"messages": turns}])
    assert [(turn.content, turn.reasoning) for turn in sample.messages] == [
        ("91?", None),
        ("No.", "7 × 13"),
        ("<think>a</think> 97?", None),
        ("<think>b</think>Yes.", "c"),
    ]


def test_a_call_may_stand_behind_its_reasoning(tmp_path: Path) -> None:
    """As LLaMA-Factory has it."""
    turns = [
        {"from": "human", "value": "几点了？"},
        {"from": "function_call", "value": '<think>\n查时间\n</think>\n\n{"name": "clock", "arguments": {}}'},
        {"from": "observation", "value": "12:00"},
        {"from": "gpt", "value": "十二点。"},
    ]
    call = load(tmp_path / "a.json", [{"conversations": turns}])[0].messages[1]
    assert (call.content, call.tool_calls, call.reasoning) == ("", '[{"name": "clock", "arguments": {}}]', "查时间")


def test_a_column_that_is_no_text_is_no_reasoning(tmp_path: Path) -> None:
    (sample,) = load(tmp_path / "a.json", [{"question": "91?", "answer": "No.", "thinking": True}])
    assert sample.messages[1].reasoning is None


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turns=st.lists(st.tuples(TEXT.filter(str.strip), TEXT), min_size=1, max_size=3),
    format=st.sampled_from(["alpaca", "sharegpt", "messages", "prompt_completion"]),
    suffix=st.sampled_from([".json", ".jsonl", ".parquet"]),
)
def test_any_reasoning_reads_back_equal(tmp_path: Path, turns: list[tuple[str, str]], format: str, suffix: str) -> None:
    messages = tuple(
        turn
        for reasoning, text in turns
        for turn in (Message("user", "91?"), Message("assistant", text, reasoning=reasoning))
    )
    out = tmp_path / f"any{suffix}"
    export([Sample(0, "t", messages, None, "en", "imported", "s")], format, out, overwrite=True)
    assert read_samples([out], reporter=Reporter(quiet=True)).samples[0].messages == messages


@pytest.mark.parametrize("format", ["sharegpt", "alpaca", "llamafactory", "ms-swift"])
def test_reasoning_that_holds_the_mark_of_its_end_is_named(tmp_path: Path, format: str) -> None:
    turns = (Message("user", "91?"), Message("assistant", "No.", reasoning="write </think> first"))
    sample = Sample(0, "t", turns, None, "en", "imported", "f")
    out = tmp_path / ("out" if format == "llamafactory" else "out.jsonl")
    why = "its reasoning holds a mark such as </think>, which this format ends reasoning with"
    assert export([sample], format, out).skipped == [(0, why)]
