"""Questions with options, in the shapes that benchmarks and exam sheets have them in, Chinese and English."""

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from builder.errors import InputFileError
from builder.formats.importing import Imported, read_samples
from builder.formats.options import read_options
from builder.progress import Reporter


def load(path: Path, rows: list[dict[str, Any]], **mapping: str) -> Imported:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return read_samples([path], mapping=mapping or None, reporter=Reporter(quiet=True))


PRIME = ("Which is prime?", "A. 4\nB. 6\nC. 7\nD. 9", "C. 7")
MOON = ("地球的卫星是？", "A. 火星\nB. 月球\nC. 太阳", "B. 月球")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"question": "Which is prime?", "A": "4", "B": "6", "C": "7", "D": "9", "answer": "C"}, PRIME),
        ({"Question": "Which is prime?", "A": 4, "B": 6, "C": 7, "D": 9, "Answer": "c"}, PRIME),
        ({"question": "Which is prime?", "subject": "m", "choices": ["4", "6", "7", "9"], "answer": 2}, PRIME),
        ({"question": "Which is prime?", "options": ["A) 4", "B) 6", "C) 7", "D) 9"], "correct": "C"}, PRIME),
        ({"question": "Which is prime?", "opa": "4", "opb": "6", "opc": "7", "opd": "9", "cop": 2}, PRIME),
        (
            {
                "question": "Which is prime?",
                "option1": "4",
                "option2": "6",
                "option3": "7",
                "option4": "9",
                "answer": "(C)",
            },
            PRIME,
        ),
        (
            {
                "question": "Which is prime?",
                "choices": {"text": ["4", "6", "7", "9"], "label": ["A", "B", "C", "D"]},
                "answerKey": "C",
            },
            PRIME,
        ),
        (
            {
                "question": "Which is prime?",
                "options": {"A": "4", "B": "6", "C": "7", "D": "9"},
                "answer": "The answer is C.",
            },
            PRIME,
        ),
        ({"query": "Which is prime?", "options": '["4", "6", "7", "9"]', "correct_option": 2}, PRIME),
        ({"题目": "地球的卫星是？", "选项A": "火星", "选项B": "月球", "选项C": "太阳", "答案": "B"}, MOON),
        ({"题干": "地球的卫星是？", "选项 A": "火星", "选项 B": "月球", "选项 C": "太阳", "正确答案": "选B"}, MOON),
        ({"问题": "地球的卫星是？", "A选项": "火星", "B选项": "月球", "C选项": "太阳", "答案": "B、月球"}, MOON),
        ({"问题": "地球的卫星是？", "选项一": "火星", "选项二": "月球", "选项三": "太阳", "答案": "月球"}, MOON),
        ({"问题": "地球的卫星是？", "选项": "A.火星 B.月球 C.太阳", "答案": "答案：B"}, MOON),
        ({"问题": "地球的卫星是？", "选项": "A、火星\nB、月球\nC、太阳", "答案": "（B）"}, MOON),
        (
            {"问题": "谁写的？", "选项": "A、J. B. Smith\nB、C. D. Jones", "答案": "B"},
            ("谁写的？", "A. J. B. Smith\nB. C. D. Jones", "B. C. D. Jones"),
        ),
        (
            {
                "问题": "地球的卫星是？",
                "选项": [
                    {"label": "A", "text": "火星"},
                    {"label": "B", "text": "月球"},
                    {"label": "C", "text": "太阳"},
                ],
                "答案": "B",
            },
            MOON,
        ),
    ],
)
def test_options_stand_in_the_prompt_and_the_answer_is_the_letter_with_its_text(
    tmp_path: Path, row: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    imported = load(tmp_path / "a.json", [row])
    (sample,) = imported.samples
    question, options, answer = expected
    assert imported.detected[0].format == "multiple_choice"
    assert (sample.instruction, sample.input, sample.answer) == expected
    assert [turn.content for turn in sample.messages] == [f"{question}\n\n{options}", answer]
    assert imported.problems == []


def test_an_explanation_belongs_to_the_answer_in_the_rows_language(tmp_path: Path) -> None:
    rows = [
        {"question": "Which is prime?", "A": "4", "B": "7", "answer": "B", "explanation": "4 is 2 × 2."},
        {"question": "下列哪个是质数？", "A": "四", "B": "七", "answer": "B", "explanation": "解析：四等于二乘二。"},
        {"question": "下列哪个是偶数？", "A": "四", "B": "七", "answer": "A", "explanation": ""},
    ]
    assert [sample.answer for sample in load(tmp_path / "a.json", rows).samples] == [
        "B. 7\n\nExplanation: 4 is 2 × 2.",
        "B. 七\n\n解析：四等于二乘二。",
        "A. 四",
    ]


def test_what_is_read_and_what_is_to_be_done_have_their_places(tmp_path: Path) -> None:
    row = {
        "article": "小猫爱吃鱼。",
        "instruction": "选出正确的一项。",
        "question": "小猫爱吃什么？",
        "options": ["鱼", "草"],
        "answer": "A",
    }
    (sample,) = load(tmp_path / "a.json", [row]).samples
    assert sample.messages[0].content == "选出正确的一项。\n\n小猫爱吃什么？\n\n小猫爱吃鱼。\n\nA. 鱼\nB. 草"
    assert (sample.instruction, sample.answer) == ("选出正确的一项。", "A. 鱼")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([0, 3, 1], ["A", "D", "B"]),
        ([1, 4, 2], ["A", "D", "B"]),
        (["1", "4", "2"], ["A", "D", "B"]),
        ([1, 2, 2], ["B", "C", "C"]),
        (["0", "3", "1"], ["A", "D", "B"]),
    ],
)
def test_numbers_count_from_what_fits_the_whole_file(tmp_path: Path, answers: list[Any], expected: list[str]) -> None:
    rows = [{"question": f"Number {n}?", "choices": ["w", "x", "y", "z"], "answer": a} for n, a in enumerate(answers)]
    imported = load(tmp_path / "a.json", rows)
    assert [sample.answer[0] for sample in imported.samples] == expected
    assert imported.problems == []


def test_numbers_may_be_the_texts_of_options(tmp_path: Path) -> None:
    rows = [
        {"question": "2+2?", "A": "2", "B": "3", "C": "4", "answer": "4"},
        {"question": "1+1?", "A": "0", "B": "1", "C": "2", "answer": "2"},
        {"question": "5+5?", "A": "10", "B": "11", "C": "12", "answer": "10"},
    ]
    assert [sample.answer for sample in load(tmp_path / "a.json", rows).samples] == ["C. 4", "C. 2", "A. 10"]


def test_a_column_of_answers_without_any_is_passed_over(tmp_path: Path) -> None:
    row = {"passage": "", "question": "Which is prime?", "options": ["(A)4", "(B)7"], "label": "B", "answer": None}
    assert load(tmp_path / "a.json", [row]).samples[0].answer == "B. 7"


def test_several_answers(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "哪些是水果？", "A": "苹果", "B": "石头", "C": "梨", "答案": answer}
        for answer in ("AC", "C、A", ["A", "C"])
    ]
    assert {sample.answer for sample in load(tmp_path / "a.json", rows).samples} == {"A. 苹果\nC. 梨"}


@pytest.mark.parametrize("answer", ["", None, -1])
def test_a_row_of_a_test_split_has_no_answer(tmp_path: Path, answer: Any) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "哪个是水果？", "choices": ["苹果", "石头"], "answer": answer},
        {"question": "哪个是动物？", "choices": ["狗", "石头"], "answer": 0},
    ]
    imported = load(tmp_path / "a.json", rows)
    assert [sample.answer for sample in imported.samples] == ["", "A. 狗"]
    assert [(problem.row, problem.problem) for problem in imported.problems] == [(1, "its answer is empty")]


def test_an_answer_that_names_no_option_stays_and_is_noted(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "Which?", "options": ["x", "y"], "answer": answer}
        for answer in ("E", "A", "x, since it is first.")
    ]
    imported = load(tmp_path / "a.json", rows)
    assert [sample.answer for sample in imported.samples] == ["E", "A. x", "x, since it is first."]
    assert [tuple(problem[1:]) for problem in imported.problems] == [(1, "its answer is none of its options")]


def test_a_question_that_lists_its_options_is_not_given_them_twice(tmp_path: Path) -> None:
    question = "哪个是水果？\nA．苹果\nB．石头"
    (sample,) = load(tmp_path / "a.json", [{"question": question, "options": ["苹果", "石头"], "answer": "A"}]).samples
    assert (sample.messages[0].content, sample.answer) == (question, "A. 苹果")


def test_options_in_a_form_of_their_own_stay_in_the_prompt(tmp_path: Path) -> None:
    rows = [
        {"题目": "哪个是水果？", "选项": "A.苹果 B.石头", "答案": "A"},
        {"题目": "哪个是动物？", "选项": "狗；石头", "答案": "狗"},
    ]
    second = load(tmp_path / "a.json", rows).samples[1]
    assert (second.messages[0].content, second.answer) == ("哪个是动物？\n\n狗；石头", "狗")


def test_options_alone_ask_nothing(tmp_path: Path) -> None:
    (sample,) = load(tmp_path / "a.json", [{"question": " ", "options": ["苹果", "石头"], "answer": "A"}]).samples
    assert sample.messages[0].content == ""


def test_rows_of_one_file_may_have_none(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"题目": "地球的卫星是？", "选项A": "火星", "选项B": "月球", "答案": "B"},
        {"题目": "水的沸点是多少度？", "选项A": "", "选项B": None, "答案": "100"},
    ]
    second = load(tmp_path / "a.json", rows).samples[1]
    assert (second.messages[0].content, second.answer) == ("水的沸点是多少度？", "100")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_an_exam_sheet(tmp_path: Path, suffix: str) -> None:
    sheet = [["题目", "A", "B", "C", "D", "答案", "解析"], ["首都？", "上海", "北京", "广州", "", "B", "北京是首都。"]]
    path = tmp_path / f"试题{suffix}"
    if suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(sheet)
    else:
        book = openpyxl.Workbook()
        for record in sheet:
            book.worksheets[0].append(record)
        book.save(path)
    (sample,) = read_samples([path], reporter=Reporter(quiet=True)).samples
    assert sample.messages[0].content == "首都？\n\nA. 上海\nB. 北京\nC. 广州"
    assert sample.answer == "B. 北京\n\n解析：北京是首都。"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["A dog", "A cat"], {"A": "A dog", "B": "A cat"}),
        (["A. dog", "a cat"], {"A": "A. dog", "B": "a cat"}),
        ("only one", {}),
        ("狗\n猫", {"A": "狗", "B": "猫"}),
        ("(A) U.S. law (B) EU law", {"A": "U.S. law", "B": "EU law"}),
        ("(A) EU law, (B) A. B. Smith's law", {"A": "EU law", "B": "A. B. Smith's law"}),
        (["(A).5", "(B)$(3,-8)$"], {"A": ".5", "B": "$(3,-8)$"}),
    ],
)
def test_a_letter_is_taken_off_where_all_options_have_theirs(value: Any, expected: dict[str, str]) -> None:
    assert read_options(value) == expected


def test_options_that_are_none_are_refused(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "q", "options": ["x", "y"], "answer": "A"},
        {"question": "q", "options": 3, "answer": "A"},
    ]
    with pytest.raises(InputFileError, match="row 2: 'options' holds a number, expected a list of texts"):
        load(tmp_path / "a.json", rows)


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q", "answer": "a", "options": True},
        {"prompt": "q", "answer": "a", "options": {"temperature": 0.7, "top_p": 1}},
        {"question": "q", "answer": "a", "A": "x"},
        {"instruction": "q", "output": "a", "b": 1, "c": 2},
        {"messages": [{"role": "user", "content": "q"}], "A": "x", "B": "y", "answer": "A"},
    ],
)
def test_other_files_are_none(tmp_path: Path, row: dict[str, Any]) -> None:
    assert load(tmp_path / "a.json", [row]).detected[0].format != "multiple_choice"
