"""JSON in every layout that rows come in."""

import json
from pathlib import Path
from typing import Any

import pytest

from builder.errors import InputFileError
from builder.formats.reading import open_rows

ROWS = [{"q": "甲", "n": 1}, {"q": "b", "n": 2}]
PRETTY = "\n".join(json.dumps(row, indent=2, ensure_ascii=False) for row in ROWS)


def read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    return [(row.number, row.values) for row in open_rows(path).rows()]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pretty.json", PRETTY),
        ("pretty.jsonl", PRETTY),
        ("side_by_side.jsonl", json.dumps(ROWS[0]) + json.dumps(ROWS[1])),
        ("document.json", json.dumps({"version": "1.1", "data": ROWS, "author": {"name": "x"}})),
        ("columns.json", json.dumps({"q": ["甲", "b"], "n": [1, 2]})),
        ("by_index.json", json.dumps({"0": ROWS[0], "1": ROWS[1]})),
        ("pandas.json", json.dumps({"q": {"0": "甲", "1": "b"}, "n": {"0": 1, "1": 2}})),
    ],
)
def test_layouts_of_one_table(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read(path) == [(1, ROWS[0]), (2, ROWS[1])]


def test_one_object_over_several_lines_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(ROWS[1], indent=1))
    assert read(tmp_path / "a.jsonl") == [(1, ROWS[1])]


def test_rows_under_names_have_them_as_ids(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"x": ROWS[0], "y": {**ROWS[1], "id": "own"}}))
    with pytest.raises(InputFileError, match="an object that is not a list of rows"):
        read(tmp_path / "a.json")  # the two have other columns
    (tmp_path / "a.json").write_text(json.dumps({"x": ROWS[0], "y": ROWS[1]}))
    assert read(tmp_path / "a.json") == [(1, {"id": "x", **ROWS[0]}), (2, {"id": "y", **ROWS[1]})]


def test_columns_of_training_texts(tmp_path: Path) -> None:
    """Keys that a single row has too are columns where their lists hold texts or conversations."""
    (tmp_path / "a.json").write_text(json.dumps({"prompt": ["a", "b"], "completion": ["c", "d"]}))
    assert read(tmp_path / "a.json")[1] == (2, {"prompt": "b", "completion": "d"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", '{"q": ["a", "b"], "n": [1]}', "columns of different lengths: 'q' has 2, 'n' has 1"),
        ("a.json", '{"q": {"0": "a", "1": "b"}, "n": {"1": 1, "0": 2}}', "row 1: column 'n' has the index 1 where 'q' has 0"),
        ("a.json", '{"train": [{"a": 1}], "test": [{"a": 1}]}', "lists under 'train', 'test', expected one list of rows"),
        ("a.json", '// mine\n[{"a": 1}]', "Expecting value\n  JSON has no comments: remove what begins with //"),
        ("a.json", '[{"a": 1}, // one\n{"a": 2}]', "line 1, column 12: Expecting value\n  JSON has no comments"),
        ("a.jsonl", '{"a": 1}\n# two\n', "row 2: not JSON at line 2, column 1: a comment, which JSON does not have"),
        ("a.jsonl", '{"a": 1\n{"a": 2}\n', "row 1: not JSON at line 1, column 8"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(tmp_path: Path, name: str, text: str, expected: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputFileError) as raised:
        read(tmp_path / name)
    assert expected in str(raised.value)


def test_a_column_longer_than_a_row_may_be_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.formats.rows.MAX_ROW_BYTES", 2**16)
    monkeypatch.setattr("builder.formats.containers.json_document._READ_BYTES", 2**12)
    texts = [f"text {number}" * 10 for number in range(2_000)]
    for made in ({"a": texts, "b": texts}, {"a": dict(enumerate(texts)), "b": dict(enumerate(texts))}):
        (tmp_path / "a.json").write_text(json.dumps(made))
        assert [row["b"] for _, row in read(tmp_path / "a.json")] == texts
