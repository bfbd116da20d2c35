"""What takes more than a fifth of the rows, found in the data and shown where it is read first."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from builder.reporting.frames import find_frames
from tests.command import Seedbed

SYSTEM = "You help the volunteers of a lifeboat station. Keep to what the manual says, and be brief."
ENGLISH = [
    "Name a knot.",
    "How deep is the slipway?",
    "List three flares.",
    "Who checks the engine?",
    "Why is tar used?",
]
CHINESE = "请把下面这条船讯改写成一句大白话。"
NOTICES = ["潮水五点退。", "灯塔停电。", "渔船靠南岸。", "北风转东风。", "夜里有浓雾。"]


def test_a_system_text_is_a_frame_as_it_was_written() -> None:
    texts = [f"{SYSTEM}\n{question}" for question in ENGLISH] + [
        f"Quite another matter, number {n}." for n in range(12)
    ]
    (frame,) = find_frames(texts, 0.2)
    assert frame.text == "You help the volunteers of a lifeboat station. Keep to what the manual says, and be brief"
    assert list(frame.places) == [0, 1, 2, 3, 4]
    assert frame.left_out_of(texts[1]) == "…\nHow deep is the slipway?"


def test_the_parts_of_a_template_around_what_differs_are_one_frame_in_chinese_too() -> None:
    texts = [f"{CHINESE}船讯：{notice}写完之后不要加任何解释和标题。" for notice in NOTICES]
    (frame,) = find_frames([*texts, "灯塔为什么要刷成红白两色？", "缆绳断了怎么办？"], 0.2)
    assert frame.text == "请把下面这条船讯改写成一句大白话。船讯 … 写完之后不要加任何解释和标题"
    assert list(frame.places) == [0, 1, 2, 3, 4]


def test_two_frames_of_different_rows_are_two_and_the_larger_stands_first() -> None:
    texts = [f"{SYSTEM} {question}" for question in ENGLISH] + [f"{CHINESE}{notice}" for notice in NOTICES]
    assert [len(frame.places) for frame in find_frames([f"{SYSTEM} Row, or sail?", *texts], 0.2)] == [6, 5]


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [f"Write a short story about {n} boats." for n in ["tar", "rope", "ice", "sail", "oar", "net"]],
        ["Name a knot."] * 10,
        [f"{SYSTEM} {question}" for question in ENGLISH] + [f"Matter number {n}." for n in range(20)],
        [f"{SYSTEM} {question}" for question in ENGLISH[:4]],
    ],
    ids=["nothing", "five words", "too short", "a fifth and no more", "four rows"],
)
def test_what_is_no_frame(texts: Sequence[str]) -> None:
    assert find_frames(texts, 0.2) == []


def test_a_form_of_many_fields_is_one_frame() -> None:
    drawn = Random(1)
    texts = [
        " ".join(f"The field {n} of this form is: {drawn.randrange(9_999)}" for n in range(30)) for _ in range(200)
    ]
    (frame,) = find_frames(texts, 0.2)
    assert len(frame.runs) == 30
    assert frame.text.startswith("The field 0 of this form is … The field 1 of this form is …")


@pytest.mark.timeout(20)  # a second or two; every run looked for in every text would take minutes
def test_texts_of_two_words_are_looked_through_in_time() -> None:
    drawn = Random(1)
    assert find_frames([" ".join(drawn.choices("01", k=1_000)) for _ in range(1_000)], 0.2) == []


def chats(path: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    turns = [
        {
            "messages": [
                {"role": role, "content": text} for role, text in zip(("system", "user", "assistant"), row, strict=True)
            ]
        }
        for row in rows
    ]
    path.write_text("\n".join(json.dumps(turn, ensure_ascii=False) for turn in turns), encoding="utf-8")
    return path


REFUSED = "I'm sorry, but as an AI language model I cannot help with that."


def test_the_last_lines_the_report_and_the_page_show_a_frame_and_a_reason(tmp_path: Path, seedbed: Seedbed) -> None:
    rows = [(SYSTEM, question, REFUSED) for question in ENGLISH]
    rows += [(SYSTEM, f"What does rule {n} say?", f"It is about boat {n}.") for n in (14, 25, 36)]
    rows += [("Hello.", question, "It is, since noon.") for question in ("Is the boathouse locked?", "Is tea made?")]
    root = tmp_path / "out"
    said = seedbed("curate", chats(tmp_path / "rows.jsonl", rows), "--out", root).out.splitlines()
    assert said[said.index(f"  published  {root}/publish") + 1 :] == [
        "  warning    5 of 10 rows (50.0%) went for one reason: Refuses to answer",
        "    row 0, dropped  system: … user: Name a knot.",
        "    row 1, dropped  system: … user: How deep is the slipway?",
        "    Set filters.drop_refusals to false to teach refusals on purpose.",
        "  note       8 of 10 rows (80.0%) share a run of words: “You help the volunteers of a lifeboat station. Keep to what the "
        "manual says, and be brief”; 3 of them are kept, 0 went as too much alike",
        "    row 5, kept     system: … user: What does rule 14 say?",
        "    row 6, kept     system: … user: What does rule 25 say?",
        "    Hardly a row was dropped for it. A model learns what stands in every row by heart; balance.caps limits such rows by "
        "category.",
    ]
    found = json.loads((root / "report.json").read_text())["dominant"]
    assert [(one["kind"], one["level"], one["rows"], one["of"], one["kept"]) for one in found] == [
        ("reason", "warning", 5, 10, 0),
        ("frame", "info", 8, 10, 3),
    ]
    page = (root / "report.html").read_text()
    assert page.index('id="dominant"') < page.index('id="why"')
    assert '<a href="#dominant">5 of 10 rows (50.0%) went for one reason: Refuses to answer</a>' in page
    seedbed("report", root, "--language", "zh")
    page = (root / "report.html").read_text()
    assert "10 行中有 5 行（50.0%）因同一原因剔除：拒绝回答。" in page
    assert "10 行中有 8 行（80.0%）含有同一段文字：“You help the volunteers" in page


def test_a_frame_whose_rows_went_as_alike_is_a_warning_with_one_of_them_beside_what_stands_for_it(
    tmp_path: Path, seedbed: Seedbed
) -> None:
    asked = f"{SYSTEM} Which number does the Marigold have?"
    others = [
        asked.replace("?", "!"),
        asked.upper() + "!",
        "Please: " + asked,
        asked.replace("the Marigold", "Marigold"),
    ]
    rows = [{"instruction": text, "output": "The Marigold has number 7."} for text in (asked, *others)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    root = tmp_path / "out"
    seedbed("curate", file, "--out", root)
    report = json.loads((root / "report.json").read_text())
    alike = report["rows"]["by_reason"]["too_similar"]
    assert alike >= 1
    frame = next(one for one in report["dominant"] if one["kind"] == "frame")
    assert (frame["level"], frame["reason"], frame["alike"]) == ("warning", "too_similar", alike)
    dropped, stands = frame["beside"]
    assert (dropped["kept"], stands["kept"]) == (False, True)
    assert "novelty.threshold" in seedbed("report", root).out.splitlines()[-1]


def test_a_target_that_the_owner_set_is_no_surprise(tmp_path: Path, seedbed: Seedbed) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"instruction": f"{question} {n}", "output": f"It is number {n}."} for n in (11, 22, 33) for question in ENGLISH
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    root = tmp_path / "out"
    seedbed("curate", file, "--out", root, "--set", "target=2")
    report = json.loads((root / "report.json").read_text())
    assert report["rows"]["by_reason"] == {"over_target": 13}
    assert report["dominant"] == []
