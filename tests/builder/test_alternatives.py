"""One meaning under several names in one file: each row is read by the column that it has."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import InputFileError
from builder.formats.detection import describe
from builder.formats.importing import Imported, read_samples
from builder.progress import Reporter


def load(path: Path, rows: list[dict[str, Any]], **mapping: str) -> Imported:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return read_samples([path], mapping=mapping or None, reporter=Reporter(quiet=True))


def said(imported: Imported) -> list[tuple[str, str]]:
    return [(sample.prompt[-1].content, sample.answer) for sample in imported.samples]


@pytest.mark.parametrize(
    "rows",
    [
        [{"instruction": "翻译", "input": "cat", "output": "猫"}, {"指令": "翻译", "输入": "dog", "输出": "狗"}],
        [{"instruction": "翻译", "输入": "cat", "output": "猫"}, {"instruction": "翻译", "input": "dog", "输出": "狗"}],
        [{"instruction": "翻译\n\ncat", "output": "猫"}, {"question": "翻译\n\ndog", "answer": "狗"}],
        [{"question": "翻译\n\ncat", "answer": "猫"}, {"prompt": "翻译\n\ndog", "response": "狗"}],
        [{"问题": "翻译\n\ncat", "回答": "猫"}, {"question": "翻译\n\ndog", "answer": "狗"}],
        [{"输入": "翻译\n\ncat", "输出": "猫"}, {"input": "翻译\n\ndog", "output": "狗"}],
        [{"prompt": "翻译\n\ncat", "completion": "猫"}, {"提示": "翻译\n\ndog", "补全": "狗"}],
        [{"prompt": "翻译\n\ncat", "completion": "猫"}, {"question": "翻译\n\ndog", "answer": "狗"}],
        [
            {"messages": [{"role": "user", "content": "翻译\n\ncat"}, {"role": "assistant", "content": "猫"}]},
            {"conversations": [{"from": "human", "value": "翻译\n\ndog"}, {"from": "gpt", "value": "狗"}]},
        ],
    ],
)
def test_each_row_is_read_by_what_it_has(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    imported = load(tmp_path / "a.json", rows)
    assert said(imported) == [("翻译\n\ncat", "猫"), ("翻译\n\ndog", "狗")]
    assert imported.detected[0].unused == ()


def test_a_table_has_all_its_columns_and_empty_cells(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "问题,question,回答\n几点开门？,,九点。\n,When do you close?,At six.\n", encoding="utf-8"
    )
    imported = read_samples([tmp_path / "a.csv"], reporter=Reporter(quiet=True))
    assert said(imported) == [("几点开门？", "九点。"), ("When do you close?", "At six.")]
    pq.write_table(pa.table({"问题": ["q", None], "question": [None, "r"], "回答": ["a", "b"]}), tmp_path / "a.parquet")
    assert said(read_samples([tmp_path / "a.parquet"], reporter=Reporter(quiet=True))) == [("q", "a"), ("r", "b")]


def test_which_column_is_read_and_where_two_differ_is_told(tmp_path: Path) -> None:
    rows = [
        {"instruction": "翻译", "输入": "cat", "output": "猫"},
        {"instruction": "翻译", "input": "dog", "输入": " dog ", "output": "狗"},
        {"instruction": "翻译", "input": "cow", "输入": "ox", "output": "牛"},
    ]
    imported = load(tmp_path / "a.json", rows)
    (detected,) = imported.detected
    assert [question for question, _ in said(imported)] == ["翻译\n\ncat", "翻译\n\ndog", "翻译\n\ncow"]
    assert detected.differing == (("input", "输入", 1, 3),)
    assert describe(detected, "en") == (
        "a.json: 3 rows, Alpaca (JSON); columns: instruction, input, 输入 → input, output"
    )
    assert describe(detected, "zh") == "a.json：3 行，Alpaca（JSON）；列：instruction、input、输入 → input、output"


def test_columns_that_say_different_things_are_two_things(tmp_path: Path) -> None:
    """A name in a column `user` is no question where the question is missing."""
    rows = [{"question": f"What is {n} + {n}?", "user": "Alice", "answer": str(n)} for n in range(3)]
    imported = load(tmp_path / "a.json", [*rows, {"question": "", "user": "Bob", "answer": "4"}])
    assert said(imported)[3] == ("", "4")
    assert imported.detected[0].unused == ("user",)
    assert imported.detected[0].differing == (("question", "user", 3, 1),)


def test_a_column_that_was_named_is_the_only_one(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "a"}, {"问题": "r", "answer": "b"}]
    with pytest.raises(InputFileError, match="row 2: it lacks the column 'question', which other rows have"):
        load(tmp_path / "a.json", rows, instruction="question")
    assert said(load(tmp_path / "a.json", rows)) == [("q", "a"), ("r", "b")]


def test_labels_and_categories_too(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "2+2?", "answer": "5", "label": False, "category": "sums"},
        {"question": "2+2?", "answer": "4", "kto_tag": True, "类别": "算术"},
    ]
    bad, good = load(tmp_path / "a.json", rows).samples
    assert (bad.is_labelled_bad, good.rejected, bad.category, good.category) == (True, "5", "sums", "算术")
