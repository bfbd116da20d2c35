"""What of a row is read by nobody is told by name, with how many rows have it, in both languages."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.formats.detection import describe
from builder.formats.importing import open_samples
from builder.formats.unread import describe_unread
from builder.progress import Reporter


def tallied(path: Path) -> tuple[Counter[str], str, str]:
    files = open_samples([path], reporter=Reporter(quiet=True))
    list(files.samples(note=lambda _: None))
    return files.tallies[0].keys, describe(files.detected[0], "en"), describe(files.detected[0], "zh")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "signature": "x"}


def test_keys_of_turns_are_counted_by_rows(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "messages": [
                {"role": "user", "content": "Hi", "ts": 1, "thinking": "?"},
                {"role": "assistant", "content": "Hello.", "ts": 2, "reasoning": "Greet.", "weight": 1, "loss": 0.5},
            ],
            "source": "a",
        },
        {
            "messages": [
                {"role": "user", "content": "你好", "ts": 1, "refusal": None, "annotations": []},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
            ],
            "source": "b",
            "评分": 5,
        },
    ]
    keys, english, chinese = tallied(write(tmp_path / "a.jsonl", rows))
    assert keys == {"ts": 2, "thinking": 1, "loss": 1, "tool_calls.signature": 1}
    assert english.endswith("; columns not used: source, 评分 (1 row)")
    assert chinese.endswith("；未使用的列：source、评分（1 行）")
    assert describe_unread("a.jsonl", keys, "en") == (
        "a.jsonl: keys of turns not read: ts (2 rows), thinking (1 row), loss (1 row), tool_calls.signature (1 row)"
    )
    assert describe_unread("a.jsonl", keys, "zh") == (
        "a.jsonl：各轮中没有读取的键：ts（2 行）、thinking（1 行）、loss（1 行）、tool_calls.signature（1 行）"
    )


def test_in_every_place_of_turns(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "q", "a": 1}]
    answer = {"role": "assistant", "content": "x", "b": 1}
    rows: list[dict[str, Any]] = [
        {"prompt": asked, "chosen": [answer], "rejected": [{"role": "assistant", "content": "y", "c": 1}]},
    ]
    assert tallied(write(tmp_path / "a.jsonl", rows))[0] == {"a": 1, "b": 1, "c": 1}
    rows = [
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "x", "d": 1},
            "rejected": "y",
        }
    ]
    assert tallied(write(tmp_path / "b.jsonl", rows))[0] == {"d": 1}
    rows = [{"messages": json.dumps([*asked, answer])}]
    assert tallied(write(tmp_path / "c.jsonl", rows))[0] == {"a": 1, "b": 1}


def test_a_turn_that_says_two_things(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q", "value": "r"}, {"role": "assistant", "content": "a", "value": "a"}]
    assert tallied(write(tmp_path / "a.jsonl", [{"messages": turns}]))[0] == {"value": 1}


def test_what_arrow_fills_with_null_is_no_key(tmp_path: Path) -> None:
    turns = [
        [{"role": "user", "content": "q", "mood": None}, {"role": "assistant", "content": "a", "mood": "calm"}],
        [{"role": "user", "content": "q", "mood": None}, {"role": "assistant", "content": None, "mood": None}],
    ]
    pq.write_table(pa.table({"messages": turns, "score": [None, 1.5]}), tmp_path / "a.parquet")
    keys, english, _ = tallied(tmp_path / "a.parquet")
    assert keys == {"mood": 1}
    assert english.endswith("; columns not used: score (1 row)")


def test_nothing_is_told_where_all_is_read(tmp_path: Path) -> None:
    rows = [{"instruction": "q", "input": "", "output": "a"}, {"instruction": "q", "input": "", "output": "a"}]
    keys, english, _ = tallied(write(tmp_path / "a.jsonl", rows))
    assert (keys, english) == ({}, "a.jsonl: 2 rows, Alpaca (JSON Lines); columns: instruction, input, output")


def test_a_thousand_names_are_counted_and_twenty_shown(tmp_path: Path) -> None:
    turns = [[{"role": "user", "content": "q", f"k{row}-{n}": 1} for n in range(600)] for row in range(2)]
    keys, _, _ = tallied(write(tmp_path / "a.jsonl", [{"messages": one} for one in turns]))
    assert len(keys) == 1_000
    assert describe_unread("a", keys, "en").endswith(", and 980 more")
    assert describe_unread("a", keys, "zh").endswith("，另有 980 个")
