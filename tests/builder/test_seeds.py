"""Seed files of every kind to seed tasks, and what is said about broken ones."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from builder.errors import InputFileError, UsageError
from builder.generation.seeds import SeedTask, load_seed_tasks
from builder.store.shipped import shipped_file

SELF_INSTRUCT_ROWS: list[dict[str, Any]] = [
    {
        "id": "en_1",
        "name": "sum",
        "instruction": "Add the two numbers.",
        "instances": [{"input": "2, 3", "output": "5"}, {"input": "1, 1", "output": "2"}],
        "is_classification": False,
        "category": "mathematics",
        "language": "en",
    },
    {
        "id": "zh_1",
        "instruction": "判断这句话的情感是积极还是消极。",
        "instances": [{"input": "今天真开心。", "output": "积极"}],
        "is_classification": True,
    },
]


def write_lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_self_instruct_tasks(tmp_path: Path) -> None:
    assert load_seed_tasks([write_lines(tmp_path / "seeds.jsonl", SELF_INSTRUCT_ROWS)]) == [
        SeedTask(
            id="en_1",
            name="sum",
            instruction="Add the two numbers.",
            instances=(("2, 3", "5"), ("1, 1", "2")),
            is_classification=False,
            category="mathematics",
            language="en",
            source="seeds.jsonl#1",
        ),
        SeedTask(
            id="zh_1",
            name="zh_1",
            instruction="判断这句话的情感是积极还是消极。",
            instances=(("今天真开心。", "积极"),),
            is_classification=True,
            category=None,
            language="zh",
            source="seeds.jsonl#2",
        ),
    ]


def test_alpaca_triples(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.json"
    path.write_text(json.dumps([{"instruction": "Say hello.", "input": "", "output": "Hello!"}]), encoding="utf-8")
    (task,) = load_seed_tasks([str(path)])
    assert (task.id, task.name, task.instances, task.language) == ("alpaca#1", "alpaca#1", (("", "Hello!"),), "en")


def test_a_chinese_spreadsheet(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for record in (
        ["编号", "指令", "输入", "输出", "类别", "语言", "是否分类"],
        [7, "给出反义词。", "高", "低", "extraction", "中文", "否"],
        [8, "这是水果还是蔬菜？", "苹果", "水果", None, None, "是"],
    ):
        workbook.worksheets[0].append(record)
    workbook.save(tmp_path / "种子.xlsx")
    assert load_seed_tasks([str(tmp_path / "种子.xlsx")]) == [
        SeedTask("7", "7", "给出反义词。", (("高", "低"),), False, "extraction", "zh", "种子.xlsx#1"),
        SeedTask("8", "8", "这是水果还是蔬菜？", (("苹果", "水果"),), True, None, "zh", "种子.xlsx#2"),
    ]


def test_a_csv_of_questions(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer,category\nWhat is 2+2?,4,mathematics\n", encoding="utf-8")
    (task,) = load_seed_tasks([str(path)])
    assert (task.instruction, task.instances, task.category) == ("What is 2+2?", (("", "4"),), "mathematics")


def test_all_broken_rows_are_reported_at_once(tmp_path: Path) -> None:
    good = SELF_INSTRUCT_ROWS[0]
    path = write_lines(
        tmp_path / "seeds.jsonl",
        [
            good,
            good | {"id": "b", "instruction": "  "},
            good | {"id": "c", "instances": []},
            good | {"id": "d", "instances": [{"input": "x"}]},
            good | {"id": "e", "instances": [{"input": "x", "output": " "}]},
            good | {"id": "f", "is_classification": "maybe"},
            {"id": "g", "instruction": "No instances."},
            good,
        ],
    )
    with pytest.raises(InputFileError) as raised:
        load_seed_tasks([path])
    assert str(raised.value).splitlines() == [
        f"{path}, row 2: its instruction is empty",
        "  row 3: 'instances' is an empty list, expected at least one {input, output}",
        "  row 4: 'instances', number 1: expected an object with input and output",
        "  row 5: its output is empty",
        "  row 6: 'is_classification' holds 'maybe', expected true or false",
        "  row 7: it has no 'instances'",
        "  row 8: its id 'en_1' is also the id of seeds.jsonl#1; ids must be unique",
        "  Each task needs an instruction and at least one output; mend or remove these rows.",
    ]


def test_lines_that_are_not_json_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"id": \n{"id": "a"}\nnot json\n', encoding="utf-8")
    with pytest.raises(InputFileError, match=r"row 1: not JSON at line 1(.|\n)*row 3: not JSON at line 3, column 1"):
        load_seed_tasks([str(path)])


def test_an_id_in_two_files(tmp_path: Path) -> None:
    first = write_lines(tmp_path / "a.jsonl", SELF_INSTRUCT_ROWS)
    second = write_lines(tmp_path / "b.jsonl", SELF_INSTRUCT_ROWS[1:])
    with pytest.raises(InputFileError, match=r"b.jsonl, row 1: its id 'zh_1' is also the id of a.jsonl#2"):
        load_seed_tasks([first, second])


def test_rows_without_ids_get_different_ones_in_every_file(tmp_path: Path) -> None:
    rows = [{"instruction": "Say hello.", "output": "Hello!"}]
    files = [write_lines(tmp_path / name, rows) for name in ("a.jsonl", "b.jsonl", "a.ndjson")]
    assert [task.id for task in load_seed_tasks(files)] == ["a.jsonl#1", "b.jsonl#1", "a.ndjson#1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ('{"conversations": [{"from": "human", "value": "hi"}]}', "not a seed file: found columns conversations"),
        (
            '{"instruction": "And?", "output": "x", "history": [["a", "b"]]}',
            "row 1: it has 'history', which a seed task has no place for",
        ),
    ],
)
def test_files_that_are_not_seeds(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputFileError, match=expected):
        load_seed_tasks([str(path)])


def test_no_file_at_all() -> None:
    with pytest.raises(UsageError, match=r"seeds.files names no file\n  Name at least one, or `builtin`"):
        load_seed_tasks([])


def test_the_built_in_file_is_found_in_a_package_and_in_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "builder"
    installed, checkout = package / "_seeds" / "seed_tasks.jsonl", tmp_path / "seeds" / "seed_tasks.jsonl"
    with pytest.raises(InputFileError, match=r"seed_tasks.jsonl: this file should have come with Seedbed"):
        shipped_file("seed_tasks.jsonl", package)
    checkout.parent.mkdir()
    checkout.touch()
    assert shipped_file("seed_tasks.jsonl", package) == checkout
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert shipped_file("seed_tasks.jsonl", package) == installed
