"""The filters that `show` lists by and `export` writes by are one."""

import json
from pathlib import Path

import pytest

from builder import pipeline
from builder.errors import InputFileError, UsageError
from builder.progress import Reporter
from builder.queries.selecting import Filters, chosen_samples
from builder.settings_file import load_settings
from tests.command import Seedbed

QUIET = Reporter(quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rows: 3 and 7 have no answer, 5 repeats 1; the even ones are Chinese."""
    root = tmp_path_factory.mktemp("selecting")
    things = [
        "river",
        "山脉",
        "bridge",
        "奶茶",
        "violin",
        "bridge",
        "火车",
        "window",
        "月亮",
        "ladder",
        "茶杯",
        "garden",
    ]
    rows = [
        {
            "instruction": f"Describe one {thing} at night." if thing.isascii() else f"请描写夜里的{thing}。",
            "output": ""
            if number in (3, 7)
            else f"{thing} {number * 37} is quiet and dark."
            if thing.isascii()
            else f"{thing}很安静。",
            "category": "prose" if number % 3 else "verse",
        }
        for number, thing in enumerate(things)
    ]
    rows[5] = rows[2]
    (root / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    settings = load_settings(None, ["split.validation_share=0.2"], environ={})
    pipeline.curate_files([root / "rows.json"], settings, root / "d", QUIET)
    return root / "d"


def numbers(folder: Path, **filters: object) -> list[int]:
    return [sample.row for sample in chosen_samples(folder, Filters(**filters))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ([], [0, 1, 2, 4, 6, 8, 9, 10, 11]),
        (["--kept"], [0, 1, 2, 4, 6, 8, 9, 10, 11]),
        (["--dropped"], [3, 5, 7]),
        (["--reason", "exact_duplicate"], [5]),
        (["--language", "zh"], [1, 6, 8, 10]),
        (["--category", "verse"], [0, 6, 9]),
        (["--category", "verse", "--language", "zh"], [6]),
        (["--origin", "imported", "--search", "BRIDGE"], [2]),
        (["--rows", "0, 3,8-10"], [0, 3, 8, 9, 10]),
        (["--rows", "0,3,8-10", "--kept"], [0, 8, 9, 10]),
        (["--rows", "0,3,8-10", "--language", "zh"], [3, 8, 10]),
    ],
)
def test_export_writes_exactly_what_is_chosen(
    seedbed: Seedbed, folder: Path, tmp_path: Path, arguments: list[str], rows: list[int]
) -> None:
    out = tmp_path / "out.jsonl"
    done = json.loads(seedbed("export", folder, "--format", "messages", "--out", out, "--json", *arguments).out)
    listed = json.loads(seedbed("show", folder, "--json", *(arguments or ["--kept"])).out)
    whole = {row["row"]: row for row in json.loads(seedbed("show", folder, "--json").out)["rows"]}
    if arguments and not {"--kept", "--dropped", "--reason", "--rows"} & {*arguments}:  # export means the kept ones
        listed["rows"] = [row for row in listed["rows"] if row["kept"]]
    assert [row["row"] for row in listed["rows"]] == rows
    assert done["rows"] == len(rows)
    prompts = [json.loads(line)["messages"][0]["content"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert prompts == [whole[row]["text"] for row in rows]


def test_a_split_and_its_complement_are_the_kept_rows(folder: Path) -> None:
    train, validation = numbers(folder, split="train"), numbers(folder, split="validation")
    assert validation
    assert sorted(train + validation) == [0, 1, 2, 4, 6, 8, 9, 10, 11]
    with pytest.raises(UsageError, match="--split test: expected train, validation or all"):
        numbers(folder, split="test")


def test_rows_may_stand_in_a_file(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "rows.txt"
    listed.write_text("\ufeff4\n8 - 9\r\n1,\n", encoding="utf-8")
    assert numbers(folder, rows=str(listed)) == [1, 4, 8, 9]
    assert numbers(folder, rows="9,1,1;4 4") == [1, 4, 9]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("12", "--rows 12: no row has the number 12\n  Rows are 0 to 11."),
        ("5-99999999999999", "no row has the number 99999999999999"),
        ("9-4", "--rows 9-4: 9-4 ends before it begins"),
        ("1--4", "is no row number"),
        ("-4", "is no row number"),
        ("", "is no row number"),
        ("1,x", "--rows 1,x: no row numbers, and no file that can be read"),
    ],
)
def test_row_numbers_that_cannot_be_meant(folder: Path, rows: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        numbers(folder, rows=rows)
    assert said in str(error.value)


def test_a_file_of_other_things_is_no_list_of_rows(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("row,text\n1,a\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.csv: 'row,text 1,a' is no row number"):
        numbers(folder, rows=str(tmp_path / "a.csv"))
    with (tmp_path / "big.txt").open("wb") as file:
        file.truncate(70 * 2**20)
    with pytest.raises(InputFileError, match="longer than 64 MiB"):
        numbers(folder, rows=str(tmp_path / "big.txt"))


def test_dropped_rows_that_are_named_are_said(seedbed: Seedbed, folder: Path, tmp_path: Path) -> None:
    export = ("export", folder, "--format", "messages", "--rows", "2-5", "--out")
    said = seedbed(*export, tmp_path / "a.jsonl").out
    assert said.startswith("2 of these rows were dropped by curation; --kept leaves them out\n")
    assert seedbed(*export, tmp_path / "b.jsonl", "--kept").out == f"{tmp_path}/b.jsonl: 2 rows\n"


def test_what_cannot_be_written_is_said_first_and_refused_when_strict(
    seedbed: Seedbed, folder: Path, tmp_path: Path
) -> None:
    export = ("export", folder, "--format", "openai", "--rows", "2-7", "--out", tmp_path / "a.jsonl")
    strict = seedbed(*export, "--strict")
    assert strict.code == 2
    assert strict.err == (
        f"seedbed: {tmp_path}/a.jsonl: 2 of 6 rows cannot be written, so nothing was:\n"
        "  - 2 rows left out, first row 3: message 2: its content is empty\n"
        "  Without --strict the others are written.\n"
    )
    chinese = seedbed(*export, "--strict", SEEDBED_REPORT_LANGUAGE="zh")
    assert chinese.err == (
        f"seedbed: {tmp_path}/a.jsonl：共 6 行，其中 2 行无法写出，因此什么也没有写：\n"
        "  - 略去 2 行，第一个是第 3 行：第 2 条消息：内容是空的\n"
        "  不加 --strict 时会写出其余的行。\n"
    )
    assert list(tmp_path.iterdir()) == []
    said = seedbed(*export, SEEDBED_REPORT_LANGUAGE="en").out
    assert said.splitlines()[1:] == [
        "2 rows left out, first row 3: message 2: its content is empty",
        "OpenAI takes files of 10 examples or more",
        f'{tmp_path}/a.jsonl: 4 rows for method {{"type": "supervised"}}',
        "about 89 tokens, counted by characters",
    ]
    none = seedbed("export", folder, "--format", "openai", "--rows", "3,7", "--out", tmp_path / "b.jsonl")
    assert none.code == 2
    assert not (tmp_path / "b.jsonl").exists()


def test_a_selection_of_no_rows_is_said(seedbed: Seedbed, folder: Path, tmp_path: Path) -> None:
    export = ("export", folder, "--search", "nowhere", "--out")
    for format, out in (("messages", tmp_path / "a.jsonl"), ("axolotl", tmp_path / "b")):
        ended = seedbed(*export, out, "--format", format)
        assert (ended.code, ended.out) == (0, f"{out}: 0 rows\n")


def test_the_document_for_scripts_has_each_cause_and_each_row(seedbed: Seedbed, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    done = json.loads(seedbed("export", folder, "--format", "openai", "--rows", "2-7", "--out", out, "--json").out)
    assert done["causes"] == [{"why": "message 2: its content is empty", "rows": 2, "first": 3}]
    assert [row["row"] for row in done["skipped"]] == [3, 7]
    assert done["files"] == [
        {"path": str(out), "rows": 4, "tokens": 89, "trains_with": 'method {"type": "supervised"}'}
    ]
