"""`--map` for one file of several, and for what is inside a column."""

import json
from pathlib import Path
from typing import Any

import pytest

from builder.errors import InputFileError, UsageError
from builder.formats.importing import Imported, read_samples
from builder.formats.mapping import split_pairs
from builder.progress import Reporter

SQUAD = [
    {"id": "1", "q": {"text": "Who?", "lang": "en"}, "answers": {"text": ["Me.", "I."], "start": [4, 9]}},
    {"id": "2", "q": {"text": "Why?", "lang": "en"}, "answers": {"text": [], "start": []}},
]


def read(folder: Path, files: dict[str, Any], *pairs: str) -> Imported:
    paths = []
    for name, rows in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")
        paths.append(folder / name)
    mapping = {key: column for text in pairs for key, column in split_pairs(text).items()}
    return read_samples(paths, mapping=mapping, reporter=Reporter(quiet=True))


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(sample.messages[0].content, sample.answer or "") for sample in imported.samples]


def test_inside_a_column(tmp_path: Path) -> None:
    imported = read(tmp_path, {"a.jsonl": SQUAD}, "instruction=q.text,output=answers.text.0")
    assert pairs(imported) == [("Who?", "Me."), ("Why?", "")]
    assert imported.detected[0].mapping == {"instruction": "q.text", "output": "answers.text.0"}
    assert imported.detected[0].unused == ("id",)
    assert pairs(read(tmp_path, {"a.jsonl": SQUAD}, "instruction=q.text,output=answers.text.-1"))[0] == ("Who?", "I.")


def test_inside_json_in_a_cell(tmp_path: Path) -> None:
    table = 'ask,response\nWho?,"{""content"": ""我。""}"\nWhy?,not JSON\n'
    assert pairs(read(tmp_path, {"a.csv": table}, "instruction=ask,output=response.content")) == [
        ("Who?", "我。"),
        ("Why?", ""),
    ]


def test_a_column_of_that_name_comes_first(tmp_path: Path) -> None:
    rows = [{"question": "q", "a.b": "as it stands", "a": {"b": "inside"}}]
    assert pairs(read(tmp_path, {"a.jsonl": rows}, "instruction=question,output=a.b")) == [("q", "as it stands")]


def test_of_one_file(tmp_path: Path) -> None:
    files = {"x/a.jsonl": SQUAD, "y/b.jsonl": [{"s": "q", "t": "b"}], "y/c.jsonl": [{"s": "q", "t": "c", "u": "own"}]}
    of_two = ("instruction=s,output=t", "a.jsonl:instruction=q.text,output=answers.text.0")
    of_three = (*of_two, f"{tmp_path}/y/c.jsonl:output=u")
    expected = [("Who?", "Me."), ("Why?", ""), ("q", "b"), ("q", "own")]
    assert pairs(read(tmp_path, files, *of_three)) == expected
    assert pairs(read(tmp_path, files, f"{tmp_path}/y:instruction=s,output=t", of_two[1]))[2:] == [
        ("q", "b"),
        ("q", "c"),
    ]


def test_what_one_option_says() -> None:
    assert split_pairs("shop.csv:instruction=问,output=答") == {"shop.csv:instruction": "问", "shop.csv:output": "答"}
    assert split_pairs("instruction=a:b") == {"instruction": "a:b"}
    assert split_pairs(r"C:\x.csv:output=a") == {r"C:\x.csv:output": "a"}
    with pytest.raises(UsageError, match="expected our field = your column") as raised:
        split_pairs("shop.csv:instruction")
    assert raised.value.remedy == "Of one file: shop.csv:instruction=question. Inside a column: output=answers.text.0."


@pytest.mark.parametrize(
    ("pair", "error", "expected"),
    [
        (
            "instruction=q.text,output=answers.txt.0",
            InputFileError,
            "--map names 'answers.txt.0', but 'answers' holds nothing there in any row, did you mean 'answers.text.0'?\n"
            "  Texts inside it are answers.text.0.",
        ),
        (
            "output=id.x",
            InputFileError,
            "--map names 'id.x', but 'id' holds nothing there in any row\n  It holds no texts",
        ),
        ("output=nowhere.x", InputFileError, "--map output=nowhere.x: no column 'nowhere.x'"),
        (
            "b.jsonl:output=id",
            UsageError,
            "--map b.jsonl:output=id: no file 'b.jsonl', did you mean 'a.jsonl'?\n"
            "  The files are a.jsonl; write FILE:output=column, or output=column for all.",
        ),
        ("a.jsonl:oputput=id", UsageError, "--map oputput=id: unknown field 'oputput', did you mean 'output'?"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, pair: str, error: type[UsageError], expected: str) -> None:
    with pytest.raises(error) as raised:
        read(tmp_path, {"a.jsonl": SQUAD}, pair)
    assert expected in str(raised.value)


def test_the_error_of_an_unknown_layout_names_texts_inside(tmp_path: Path) -> None:
    with pytest.raises(InputFileError) as raised:
        read(tmp_path, {"a.jsonl": SQUAD})
    assert raised.value.remedy.splitlines()[1] == (
        "  Texts inside its columns are q.text, q.lang, answers.text.0: --map takes these too."
    )
