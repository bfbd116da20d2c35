"""`--skip-broken`: rows that cannot be read are left out, counted by cause, and told; without it they refuse the file."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from builder.errors import InputFileError
from builder.formats import rows
from builder.formats.importing import SampleFiles, open_samples
from builder.formats.rows import Causes
from builder.progress import Reporter
from builder.schema import Sample
from tests.command import Seedbed

TALK = [{"role": "user", "content": "Name a warm colour."}, {"role": "assistant", "content": "Red is a warm colour."}]
LINES = [
    json.dumps({"messages": TALK}),
    '{"messages": [{"role": "us',
    "[1]",
    json.dumps({"messages": [{"role": "boss", "content": "x"}]}),
    json.dumps({"messages": [{"role": "asistant", "content": "x"}]}),
    json.dumps({"messages": TALK, "videos": ["a.mp4"]}),
    json.dumps({"question": "q"}),
    "7",
    json.dumps(
        {"messages": [{"role": "user", "content": "说出一种冷色。"}, {"role": "assistant", "content": "蓝色。"}]}
    ),
]
CAUSES = [
    (6, "it needs videos, which a sample has no place for", 1, False),
    (2, "not JSON at line 2, column 24: Unterminated string starting at", 1, True),
    (3, "the row is a list, expected an object {column: value}", 1, True),
    (8, "the row is a number, expected an object {column: value}", 1, True),
    (
        4,
        "'messages', turn 1: unknown role 'boss'; valid roles: system, user (human), assistant (gpt, bot, model), "
        "tool (observation), function_call",
        2,
        True,
    ),
    (7, "it lacks the column 'messages', which other rows have", 1, True),
]


def opened(path: Path, **options: Any) -> tuple[SampleFiles, list[Sample]]:
    files = open_samples([path], reporter=Reporter(quiet=True), **options)
    return files, list(files.samples(note=lambda _: None))


def test_broken_lines_are_left_out_and_counted_by_cause(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(LINES), encoding="utf-8")
    with pytest.raises(InputFileError, match="row 2: not JSON at line 2") as raised:
        opened(path)
    assert "row 8: the row is a number" in str(raised.value)
    files, samples = opened(path, skip_broken=True)
    assert [sample.source for sample in samples] == ["a.jsonl#1", "a.jsonl#9"]
    assert [(one["row"], one["problem"], one["rows"], one["broken"]) for one in files.left_out()] == CAUSES
    assert len(samples) + sum(rows for _, _, rows, _ in CAUSES) == len(LINES)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".xlsx"])
def test_other_containers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".json":
        deep = json.loads("[" * 70 + "]" * 70)
        path.write_text(json.dumps([{"question": "q", "answer": "a"}, 7, {"question": "q", "answer": deep}]))
        expected = [
            (2, "the row is a number, expected an object {column: value}"),
            (3, "nested more than 64 levels deep"),
        ]
    else:
        sheet = [["question", "answer"], ["q", "a"], ["q", "a", "x"]]
        way_out = {
            ".csv": "a cell that holds the delimiter must stand in quotes",
            ".xlsx": "`seedbed convert` finds a header that stands below titles and notes",
        }
        expected = [(2, f"3 cells where the header has 2; {way_out[suffix]}")]
        if suffix == ".csv":
            path.write_text("\n".join(",".join(row) for row in sheet))
        else:
            book = openpyxl.Workbook()
            for row in sheet:
                book.worksheets[0].append(row)
            book.save(path)
    with pytest.raises(InputFileError, match=rf"a\{suffix}, row 2: "):
        opened(path)
    files, samples = opened(path, skip_broken=True)
    assert len(samples) == 1
    assert [(one["row"], one["problem"]) for one in files.left_out()] == expected


def test_labels_are_read_without_the_broken_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    labelled: list[dict[str, Any]] = [
        {"prompt": "2+2?", "completion": "5", "label": False},
        {"prompt": ["2+2?"], "completion": "5", "label": False},
        {"prompt": "2+2?", "completion": "4", "label": "half"},
        {"prompt": "2+2?", "completion": "4", "label": True},
    ]
    path.write_text("\n".join(map(json.dumps, labelled)), encoding="utf-8")
    files, samples = opened(path, skip_broken=True)
    assert [(sample.answer, sample.rejected) for sample in samples] == [("", "5"), ("4", "5")]
    assert [one["rows"] for one in files.left_out()] == [1, 1]


def test_a_file_without_a_whole_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("x\ny\n", encoding="utf-8")
    with pytest.raises(InputFileError, match=r"row 1: not JSON .*\n  None of its rows can be read"):
        opened(path, skip_broken=True)
    path.write_text('{"messages": 1}\n' * 3, encoding="utf-8")
    with pytest.raises(InputFileError, match=r"found columns messages"):
        opened(path, skip_broken=True)
    path.write_text('{"messages": [{"role": "boss"}]}\n' * 3, encoding="utf-8")
    with pytest.raises(InputFileError, match=r"row 1: .* unknown role 'boss'.*\n  No row can be read"):
        opened(path, skip_broken=True)


def test_a_line_that_is_too_long_is_left_out_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROW_BYTES", 2**20)
    monkeypatch.setattr(rows, "MAX_NODES", 1_000)
    path = tmp_path / "a.jsonl"
    long = json.dumps({"question": "q" * 2**21, "answer": "a"})
    many = json.dumps({"question": [[]] * 1_001, "answer": "a"})
    path.write_text(
        "\n".join(
            [json.dumps({"question": "q", "answer": "a"}), long, many, json.dumps({"question": "r", "answer": "b"})]
        )
    )
    with pytest.raises(InputFileError, match="row 2: the row is longer than 1 MiB or 1,000 lists and objects"):
        opened(path)
    files, samples = opened(path, skip_broken=True)
    assert [sample.source for sample in samples] == ["a.jsonl#1", "a.jsonl#4"]
    assert [(one["row"], one["rows"]) for one in files.left_out()] == [(2, 2)]


def test_causes_are_told_apart_by_their_words_and_bounded() -> None:
    causes = Causes()
    for row in range(1, 41):
        causes.add(
            row, f"'messages', turn {row}: unknown role 'r{row}', did you mean 'user'?; valid roles: user (human)"
        )
        causes.add(row, f"{'x' * row} is none")
    assert causes.rows == 80
    assert causes.listed()[0][1:] == (
        "'messages', turn 1: unknown role 'r1', did you mean 'user'?; valid roles: user (human)",
        40,
    )
    assert len(causes.listed()) == 20


def test_the_command_tells_what_it_left_out_and_the_counts_close(seedbed: Seedbed, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(LINES), encoding="utf-8")
    done = seedbed("curate", path, "--out", tmp_path / "d", "--skip-broken", "--json")
    assert done.code == 0
    assert [(one["row"], one["rows"]) for one in json.loads(done.out)["left_out"]] == [
        (row, rows) for row, _, rows, _ in CAUSES
    ]
    for line in (
        f"{path}, row 3: the row is a list, expected an object {{column: value}}",
        f"{path}, row 6: it needs videos, which a sample has no place for",
        f"{path}, row 4: 'messages', turn 1: unknown role 'boss'; valid roles: system, user (human), "
        "assistant (gpt, bot, model), tool (observation), function_call (and 1 more like it)",
        "a.jsonl: 9 rows: 2 read, 1 left out because a sample cannot hold them, 6 left out as broken",
    ):
        assert line in done.err.splitlines()
    assert "without --out, --map and --skip-broken" in seedbed("curate", tmp_path / "d", "--skip-broken").err
    added = seedbed("add", tmp_path / "d", path, "--skip-broken", LANG="zh_CN.UTF-8")
    for line in (
        f"{path} 第 6 行：这一行需要视频，样本里放不下",
        f"{path} 第 4 行：'messages' 第 1 轮：未知的 role 'boss'；可用的有：system, user (human), "
        "assistant (gpt, bot, model), tool (observation), function_call（另有 1 行与此相同）",
        "a.jsonl：共 9 行，读入 2 行，样本无法容纳而略去 1 行，损坏而略去 6 行",
    ):
        assert line in added.err.splitlines()
