"""Rows for training tools: what each target holds reads back equal, and what it cannot hold is said first."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builder.errors import UsageError
from builder.formats.importing import read_samples
from builder.formats.targets import TARGETS
from builder.formats.writing import export, plan_export
from builder.progress import Reporter
from builder.schema import Message, Sample

TOOLS = json.dumps(
    [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        },
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
    ],
    ensure_ascii=False,
)
FOR_TOOLS = ("trl", "unsloth", "openai", "axolotl", "llamafactory", "ms-swift")


def calls(*made: tuple[str, dict[str, Any]]) -> str:
    return json.dumps([{"name": name, "arguments": given} for name, given in made], ensure_ascii=False)


def sample(
    *turns: Message, row: int = 0, tools: str | None = None, rejected: str | None = None, task: str = "t"
) -> Sample:
    return Sample(row, task, turns, None, "en", "imported", "s", tools=tools, rejected=rejected)


PLAIN = sample(Message("user", "Name the capital of Portugal."), Message("assistant", "Lisbon."))
PAIR = replace(PLAIN, rejected="Porto.")
ASKED = Message("user", "苏州和无锡天气怎么样？")
BOTH = sample(
    ASKED,
    Message("assistant", "我查一下。", calls(("weather", {"city": "苏州"}), ("weather", {"city": "无锡"}))),
    Message("tool", "晴", name="weather"),
    Message("tool", "雨", name="weather"),
    Message("assistant", "苏州晴，无锡雨。"),
    tools=TOOLS,
)
THOUGHTFUL = sample(
    Message("user", "Is 91 prime?"),
    Message("assistant", "Yes.", weight=0),
    Message("user", "Sure?"),
    Message("assistant", "No.", reasoning="7 × 13 = 91."),
)


def files(out: Path) -> list[Path]:
    """The data files of an export, best known first."""
    if out.is_file():
        return [out]
    return sorted(path for path in out.iterdir() if path.suffix != ".yaml" and path.name != "dataset_info.json")


def again(out: Path) -> list[tuple[Any, ...]]:
    """What reading an export gives."""
    read = read_samples(files(out), reporter=Reporter(quiet=True)).samples
    return [(one.messages, one.tools, one.rejected) for one in read]


def rows_of(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


# Line breaks at a text's end are the templates' own beside a call, and marks of reasoning are its marks.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="<>"), min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(TEXT, TEXT | st.integers(-9, 9) | st.lists(TEXT, max_size=2), max_size=2)
CALLS = st.lists(st.tuples(st.sampled_from(["weather", "clock"]), ARGUMENTS), min_size=1, max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> Sample:
    """A whole conversation with everything that turns may hold."""
    turns = [Message("system", draw(TEXT))] if draw(st.booleans()) else []
    thoughts = st.none() | TEXT
    weights = st.sampled_from([None, None, 0])
    called = False
    for last in [*[False] * draw(st.integers(0, 2)), True]:
        turns.append(Message("user", draw(TEXT)))
        if draw(st.booleans()):
            called = True
            made = draw(CALLS)
            said = draw(st.just("") | TEXT)
            turns.append(Message("assistant", said, calls(*made), None, draw(thoughts), draw(weights)))
            turns += [Message("tool", draw(TEXT), name=name if len(made) > 1 else None) for name, _ in made]
        weight = None if last else draw(weights)
        turns.append(Message("assistant", draw(TEXT), None, None, draw(thoughts), weight))
    rejected = draw(st.none() | TEXT)
    return sample(*turns, tools=TOOLS if called else None, rejected=rejected)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=conversations(), format=st.sampled_from(FOR_TOOLS))
def test_any_conversation_reads_back_equal_or_is_named(
    tmp_path_factory: pytest.TempPathFactory, one: Sample, format: str
) -> None:
    out = tmp_path_factory.mktemp("export") / "d"
    done = export([one], format, out)
    assert done.rows + len(done.skipped) == 1
    turns = one.messages
    weighted = any(turn.weight == 0 for turn in turns)
    reasoned = any(turn.reasoning for turn in turns)
    called = one.tools is not None
    refused = {
        "trl": weighted and one.rejected is None,
        "unsloth": weighted and one.rejected is None,
        "openai": reasoned,
        "axolotl": called and one.rejected is not None,
        "llamafactory": weighted,
        "ms-swift": False,
    }
    assert bool(done.skipped) == refused[format]
    if done.rows:
        expected = turns
        if one.rejected is not None and format in ("openai", "axolotl"):  # the prompt of a pair is not trained on
            expected = tuple(replace(turn, weight=None) for turn in turns)
        assert again(out) == [(expected, one.tools, one.rejected)]


def test_a_pair_is_not_a_row_to_train_on(tmp_path: Path) -> None:
    """A trainer takes one kind of rows; a file holds the one that has more, a folder both."""
    rows = [PLAIN, replace(PLAIN, row=1), replace(PAIR, row=2)]
    for format in ("trl", "unsloth", "openai", "ms-swift"):
        one = export(rows, format, tmp_path / f"{format}.jsonl")
        assert (one.rows, one.skipped) == (2, [(2, "it is a preference pair, and most rows of this file are not")])
        both = export(rows, format, tmp_path / format, name="ours")
        assert [(file.path.name, file.rows) for file in both.files] == [("ours.jsonl", 2), ("ours_preference.jsonl", 1)]


def test_trl_reads_turns_and_tools_as_they_are_meant(tmp_path: Path) -> None:
    plain = replace(PLAIN, row=1)
    for suffix in (".jsonl", ".parquet"):
        out = export([BOTH, plain], "trl", tmp_path / f"rows{suffix}").out
        kind = "json" if suffix == ".jsonl" else "parquet"
        calling, answered = load_dataset(kind, data_files=str(out), split="train", cache_dir=str(tmp_path / "cache"))
        assert calling["messages"][1] == {
            "role": "assistant",
            "content": "我查一下。",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": {"city": "苏州"}}},
                {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": {"city": "无锡"}}},
            ],
        }
        assert json.loads(calling["tools"]) == json.loads(TOOLS)
        assert answered["messages"] == [
            {"role": "user", "content": "Name the capital of Portugal."},
            {"role": "assistant", "content": "Lisbon."},
        ]
        # TRL takes one of these names out of a set: with two of them the order of hashes decides what the rows are.
        assert {"prompt", "completion", "chosen", "rejected", "messages"} & calling.keys() == {"messages"}


def test_axolotl_gets_the_settings_that_train_on_its_rows(tmp_path: Path) -> None:
    done = export([THOUGHTFUL, replace(BOTH, row=1), replace(PAIR, row=2)], "axolotl", tmp_path / "ax", name="ours")
    assert [done.target.trains_with(file) for file in done.files] == [
        "axolotl train ours.yaml",
        "axolotl train ours_preference.yaml",
    ]
    thoughtful, both = rows_of(tmp_path / "ax" / "ours.jsonl")
    assert thoughtful["messages"][1:] == [
        {"role": "assistant", "content": "Yes.", "training": False},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "No.", "reasoning_content": "7 × 13 = 91."},
    ]
    assert both["messages"][1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "苏州"}'}
    assert json.loads(both["tools"]) == json.loads(TOOLS)
    training = yaml.safe_load((tmp_path / "ax" / "ours.yaml").read_text(encoding="utf-8"))
    assert training["datasets"] == [
        {
            "path": "ours.jsonl",
            "ds_type": "json",
            "split": "train",
            "field_messages": "messages",
            "type": "chat_template",
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
            "message_field_training": "training",
            "roles": {"system": ["system"], "user": ["user"], "assistant": ["assistant"], "tool": ["tool"]},
        }
    ]
    preferring = yaml.safe_load((tmp_path / "ax" / "ours_preference.yaml").read_text(encoding="utf-8"))
    assert preferring["rl"] == "dpo"
    assert preferring["datasets"][0]["type"] == "chat_template.default"
    assert rows_of(tmp_path / "ax" / "ours_preference.jsonl") == [
        {
            "messages": [{"role": "user", "content": "Name the capital of Portugal."}],
            "chosen": {"role": "assistant", "content": "Lisbon."},
            "rejected": {"role": "assistant", "content": "Porto."},
        }
    ]


def test_ms_swift_has_calls_as_turns_and_the_whole_worse_conversation(tmp_path: Path) -> None:
    export([BOTH, replace(THOUGHTFUL, row=1)], "ms-swift", tmp_path / "a.jsonl")
    both, thoughtful = rows_of(tmp_path / "a.jsonl")
    assert both["messages"][1:5] == [
        {"role": "assistant", "content": "我查一下。"},
        {"role": "tool_call", "content": '{"name": "weather", "arguments": {"city": "苏州"}}'},
        {"role": "tool_call", "content": '{"name": "weather", "arguments": {"city": "无锡"}}'},
        {"role": "tool_response", "content": "晴", "name": "weather"},
    ]
    assert thoughtful["messages"][1] == {"role": "assistant", "content": "Yes.", "loss": False}
    assert thoughtful["messages"][3]["content"] == "<think>\n7 × 13 = 91.\n</think>\n\nNo."
    asked_twice = sample(Message("user", "x"), Message("user", "y"), Message("assistant", "z"))
    assert list(plan_export([asked_twice], "ms-swift", tmp_path / "c.jsonl").remarks) == [
        "two user turns in a row, which ms-swift joins with nothing between them"
    ]
    export([replace(BOTH, rejected="不知道。")], "ms-swift", tmp_path / "b.jsonl")
    (pair,) = rows_of(tmp_path / "b.jsonl")
    assert pair["rejected_messages"] == [*pair["messages"][:-1], {"role": "assistant", "content": "不知道。"}]


def test_llama_factory_has_calls_and_results_as_its_code_takes_them(tmp_path: Path) -> None:
    """Its converter wants user and assistant by turns; its formatter finds calls by marks, or reads the whole value as JSON."""
    tricky = sample(
        Message("user", "?"),
        Message("assistant", "", calls(("weather", {"city": "<think>x</think> <tool_call>y</tool_call>"}))),
        Message("tool", "21"),
        Message("assistant", "21."),
        row=1,
        tools='[{"name": "weather"}]',
    )
    done = export([BOTH, tricky], "llamafactory", tmp_path / "lf")
    both, other = rows_of(tmp_path / "lf" / "lf_chat.json")
    assert both["conversations"][1:3] == [
        {
            "from": "function_call",
            "value": '我查一下。\n<tool_call>[{"name": "weather", "arguments": {"city": "苏州"}}, '
            '{"name": "weather", "arguments": {"city": "无锡"}}]</tool_call>',
        },
        {"from": "observation", "value": "晴\n</tool_response>\n<tool_response>\n雨"},
    ]
    value = other["conversations"][1]["value"]
    assert "<" not in value
    assert json.loads(value)["arguments"] == {"city": "<think>x</think> <tool_call>y</tool_call>"}
    assert json.loads(other["tools"]) == [{"name": "weather", "parameters": {"type": "object", "properties": {}}}]
    assert {what: list(numbers) for what, numbers in done.remarks.items()} == {
        "a text stands before a call, which LLaMA-Factory's templates gemma, llama2, mistral and lfm2 stop at": [0],
        "it calls several tools at once, which LLaMA-Factory's templates glm4 and chatglm3 stop at": [0],
    }
    marked = replace(BOTH, messages=(ASKED, replace(BOTH.messages[1], content="a <tool_call> b"), *BOTH.messages[2:]))
    assert plan_export([marked], "llamafactory", tmp_path / "other").skipped == [
        (0, "the text before a call holds <tool_call>, by which LLaMA-Factory finds the call")
    ]


def test_a_description_that_is_there_changes_by_what_is_added(tmp_path: Path) -> None:
    before = '{\n  "identity": {\n    "file_name": "身份.json"\n  }'
    (tmp_path / "dataset_info.json").write_text(before + "\n}\n", encoding="utf-8")
    export([PLAIN], "llamafactory", tmp_path, name="ours")
    after = (tmp_path / "dataset_info.json").read_text(encoding="utf-8")
    assert after.startswith(before + ',\n  "ours": {\n    "file_name": "ours.json",\n')


def test_nothing_is_written_before_all_is_known(tmp_path: Path) -> None:
    for format in TARGETS:
        plan_export(
            [PLAIN], format, tmp_path / f"{format}.jsonl" if format not in ("axolotl", "llamafactory") else tmp_path
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="several times"):
        plan_export(iter([PLAIN]), "messages", tmp_path / "a.jsonl")


@pytest.mark.parametrize("format", FOR_TOOLS)
def test_what_is_there_stays(tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    export([PLAIN, replace(PAIR, row=1)], format, out, name="ours")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError, match="already"):
        export([PLAIN], format, out, name="ours")
    export([PLAIN], format, out, name="more")
    info = before.pop("dataset_info.json", None)
    assert {name: (out / name).read_bytes() for name in before} == before
    if info is not None:
        entries = json.loads((out / "dataset_info.json").read_text(encoding="utf-8"))
        assert set(entries) == {"ours", "ours_preference", "more"}
        assert {name: entries[name] for name in json.loads(info)} == json.loads(info)
    for name in ("../a", "a/b", ".a"):
        with pytest.raises(UsageError, match="not a name for files"):
            export([PLAIN], format, out, name=name)


@pytest.mark.parametrize("format", ["axolotl", "llamafactory"])
def test_a_folder_is_not_called_like_a_file(tmp_path: Path, format: str) -> None:
    with pytest.raises(UsageError, match="a file where a folder was expected"):
        export([PLAIN], format, tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_what_only_later_rows_have_is_in_a_parquet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.formats.containers.row_files._ROWS_AT_A_TIME", 2)
    rows = [
        *(replace(PLAIN, row=row) for row in range(4)),
        replace(THOUGHTFUL, row=4),
        replace(PLAIN, row=5, messages=(Message("user", "Hi", name="Ann"), *PLAIN.messages[1:])),
        replace(PAIR, row=6),
        replace(PLAIN, row=7, tools=TOOLS),
    ]
    out = export(rows, "messages", tmp_path / "rows.parquet").out
    assert again(out) == [(one.messages, one.tools, one.rejected) for one in rows]
    called = export([*rows, replace(BOTH, row=8)], "messages", tmp_path / "called.parquet").out
    assert again(called) == [(one.messages, one.tools, one.rejected) for one in [*rows, BOTH]]
