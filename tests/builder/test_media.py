"""Rows that need more than texts are left out by name and counted; rows that only speak of media stay."""

import json
from pathlib import Path
from typing import Any

import pytest

from builder.errors import InputFileError
from builder.formats.importing import open_samples
from builder.progress import Reporter

TALK = [{"role": "user", "content": "说了什么？"}, {"role": "assistant", "content": "你好。"}]
GOOD: dict[str, Any] = {"messages": TALK}


def asking(question: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, TALK[1]]}


def part(**members: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "What is said?"}, members]
    return {"messages": [{"role": "user", "content": content}, TALK[1]]}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({**GOOD, "videos": ["a.mp4"]}, "it needs videos, which a sample has no place for"),
        ({**GOOD, "video": "clips/a.mp4"}, "it needs videos, which a sample has no place for"),
        ({**GOOD, "视频": "https://example.org/watch?v=1"}, "it needs videos, which a sample has no place for"),
        ({**GOOD, "videos": [["f1.jpg", "f2.jpg"]]}, "it needs videos, which a sample has no place for"),
        ({**GOOD, "audios": ["a.wav"]}, "it needs audios, which a sample has no place for"),
        ({**GOOD, "audio": {"path": "a.wav", "sampling_rate": 16000}}, "it needs audios, which a sample has no place for"),
        ({"question": "q", "answer": "a", "audio": "data:audio/wav;base64,UklG"}, "it needs audios, which a sample has no place for"),
        (part(type="input_audio", input_audio={"data": "UklG"}), "its content has a part of type audio, which a sample has no place for"),
        (part(type="video_url", video_url={"url": "a.mp4"}), "its content has a part of type video, which a sample has no place for"),
        (part(type="file", file={"file_id": "f1"}), "its content has a part of type file, which a sample has no place for"),
        ({**asking("<video>\n他说了什么？"), "videos": None}, "its text has a place for a medium (<video>), and the row names none"),
        (asking("What is it?\n<image>"), "its text has a place for a medium (<image>), and the row names none"),
    ],
)  # fmt: skip
def test_a_row_that_needs_a_medium_is_left_out_by_name(tmp_path: Path, row: dict[str, Any], problem: str) -> None:
    good = GOOD if "messages" in row else {"question": "q", "answer": "a"}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([good, row, good], ensure_ascii=False), encoding="utf-8")
    files = open_samples([path], reporter=Reporter(quiet=True))
    assert [sample.source for sample in files.samples(note=lambda _: None)] == ["a.json#1", "a.json#3"]
    assert files.left_out() == [{"file": str(path), "row": 2, "problem": problem, "rows": 1, "broken": False}]
    assert (files.tallies[0].seen["read"], files.tallies[0].left_out.rows, files.rows) == (2, 1, 3)


@pytest.mark.parametrize(
    "row",
    [
        {**GOOD, "videos": [], "audios": None},
        {**GOOD, "video": "My holiday"},
        {**GOOD, "video": "", "audio": 3},
        {"messages": [{"role": "user", "content": "What does <video> do in HTML?"}, TALK[1]], "videos": []},
        asking("<video>\n<source src=a>\n</video>"),
        {"messages": [{"role": "user", "content": "Say <image> aloud."}, {"role": "assistant", "content": "<image>"}]},
    ],
)
def test_a_row_that_speaks_of_media_stays(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([row], ensure_ascii=False), encoding="utf-8")
    assert len(list(open_samples([path], reporter=Reporter(quiet=True)).samples(note=lambda _: None))) == 1


def test_a_column_of_media_that_names_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = [{**GOOD, "video": "My holiday"}, {**GOOD, "audio": 3}, {**GOOD, "video": "", "audio": []}]
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    notes: list[tuple[int, str]] = []
    files = open_samples([path], reporter=Reporter(quiet=True))
    list(files.samples(note=lambda problem: notes.append((problem.row, problem.problem))))
    assert notes == [
        (1, "its column of videos holds 'My holiday', which names none"),
        (2, "its column of audios holds '3', which names none"),
    ]


def test_a_file_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{**GOOD, "videos": ["a.mp4"]}] * 2), encoding="utf-8")
    with pytest.raises(InputFileError, match=r"a\.json, row 1: it needs videos, .*\n  No row can be read"):
        list(open_samples([path], reporter=Reporter(quiet=True)).samples(note=lambda _: None))
