"""What can be checked in an answer by itself: sums, form, and how concrete and readable a text is."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.signals.arithmetic import wrong_sums
from builder.signals.asked_sums import wrong_answer
from builder.signals.concreteness import concreteness
from builder.signals.format import code_validity, json_validity, list_length
from builder.signals.readability import readability_index

WRONG = [
    ("12 × 3 = 37", "12 * 3 = 37 (36)"),
    ("So the total is $12.50 + $3.50 = $17.", "$12.50 + $3.50 = $17 (16)"),
    ("15% of 80 is 13.", "15% of 80 = 13 (12)"),
    ("7 times 8 is 54.", "7 * 8 = 54 (56)"),
    ("（2＋3）×4＝24", "(2+3)*4 = 24 (20)"),
    ("１２＋３＝１６", "12+3 = 16 (15)"),
    ("三加五等于九。", "3+5 = 9 (8)"),
    ("十二乘以四等于四十六。", "12*4 = 46 (48)"),
    ("80的15%是13。", "80 × 15% = 13 (12)"),
    ("1. 3 + 4 = 8", "3 + 4 = 8 (7)"),
    ("2^10 = 1,000", "2^10 = 1,000 (1024)"),
    ("It is 10 / 4 = 2.6.", "10 / 4 = 2.6 (2.5)"),
    ("x = 3 + 4 = 9", "3 + 4 = 9 (7)"),
    ("\\(6 \\times 7 = 41\\)", "6 * 7 = 41 (42)"),
]


@pytest.mark.parametrize(("answer", "shown"), WRONG)
def test_a_wrong_sum_is_shown_with_the_right_value(answer: str, shown: str) -> None:
    assert wrong_sums(answer) == (1, [shown])


@pytest.mark.parametrize(
    "answer",
    [
        "12 × 3 = 36",
        "15% of 80 is 12.",
        "10 / 3 = 3.33 and 2 / 3 = 0.67",
        "22/7 = 3.142",
        "3/4 + 2/3 = 17/12",
        "25% = 1/4 and 25% * 80 = 20",
        "-3 + 4 = 1",
        "2² + 3³ = 31",
        "三加五等于八，一百零五减五等于一百。",
        "１２×３＝３６",
        "$1,234.50 + $0.50 = $1,235",
        "10 x 4 = 40",
        "7 - 10 = −3",
        "5 + 5 = 4 + 6",
    ],
)
def test_right_and_rounded_sums_pass(answer: str) -> None:
    checked, wrong = wrong_sums(answer)
    assert checked >= 1
    assert wrong == []


@pytest.mark.parametrize(
    "answer",
    [
        "2x + 4 = 10",
        "y - 3 = 4 + 1",
        "5 cm + 3 = 9",
        "f(2) = 3 + 4",
        "1 yard = 3 feet",
        "for i in range(10): n += 1 == 3 + 4",
        "17 / 5 = 3 余 2",
        "17 % 5 = 2",
        "In binary, 10 + 1 = 11.",
        "3 × 4 million = 12 million",
        "2020-10-12 = Monday",
        "sqrt(2) + 1 = 5",
        "3π + 1 = 5",
        "1 + 1 = 2x",
        "(1 + 2 = 5",
        "1 / 0 = 3",
        "9 + 5 = 2 on a clock",
        "In base two, 1 + 1 = 10.",
        "As a float, 0.1 + 0.2 = 0.30000000000000004",
        "布尔运算中，1 + 1 = 1。",
        "It is wrong that 2 + 2 = 5.",
        "“2 + 2 = 5”是错误的。",
        "9^99999 = 1 + 1",
    ],
)
def test_what_is_no_sum_of_plain_numbers_is_not_checked(answer: str) -> None:
    assert wrong_sums(answer) == (0, [])


def test_sums_that_the_prompt_states_are_not_the_answer_s_fault() -> None:
    assert wrong_sums("2 + 2 = 5", "Give an example of a false statement.") == (0, [])
    assert wrong_sums("First, 3 + 4 = 8.\nThe claim is false.")[1] == ["3 + 4 = 8 (7)"]
    assert wrong_sums("You wrote 2 + 2 = 5, but 2 + 2 = 4.", "Is 2 + 2 = 5 right?") == (1, [])


ASKED = [
    ("What is 12 × 14?", "", "158", "12 * 14 → 158 (168)"),
    ("Calculate 345 + 789.", "", "The answer is 1,135.", "345 + 789 → 1,135 (1134)"),
    ("25 + 38 =", "", "64", "25 + 38 → 64 (63)"),
    ("Compute the following expression.", "3^2 + 2^4", "24", "3^2 + 2^4 → 24 (25)"),
    ("What is the sum of 5 and 7?", "", "The sum of 5 and 7 is 13.", "5 + 7 → 13 (12)"),
    ("Subtract 5 from 12.", "", "6", "12 - 5 → 6 (7)"),
    ("What is 15% of 80?", "", "$13", "15%*80 → 13 (12)"),
    ("Given two numbers, calculate the sum.", "7, 9", "15", "7 + 9 → 15 (16)"),
    ("3加5等于多少？", "", "9", "3+5 → 9 (8)"),
    ("求解这个数学表达式：9*(4+2)", "", "计算结果为126。", "9*(4+2) → 126 (54)"),
    ("1000减256等于几？", "", "734", "1000-256 → 734 (744)"),
    ("计算下面算式的结果。", "4 + 8 × 2", "24", "4 + 8 * 2 → 24 (20)"),
    ("给定两个数字，计算它们的乘积。", "4和8", "33。", "4 * 8 → 33 (32)"),
    ("将12和14相乘的结果是什么？", "", "158", "12 * 14 → 158 (168)"),
    ("找到29和32的积", "", "918", "29 * 32 → 918 (928)"),
    ("把以下数字相加：", "5, 3, 7", "16", "5 + 3 + 7 → 16 (15)"),
    ("80的15%是多少？", "", "答案是13", "80*15% → 13 (12)"),
]


@pytest.mark.parametrize(("question", "input", "answer", "shown"), ASKED)
def test_a_bare_number_is_held_against_the_sum_that_is_asked(
    question: str, input: str, answer: str, shown: str
) -> None:
    assert wrong_answer(question, input, answer) == (True, shown)
    right = shown.rpartition("(")[2].rstrip(")")
    assert wrong_answer(question, input, right) == (True, None)


@pytest.mark.parametrize(
    ("question", "input", "answer"),
    [
        ("What is 10 / 3?", "", "3.33"),
        ("What is 7 divided by 2?", "", "3"),
        ("What is 1/3 as a percentage of 1? 1/3", "", "33%"),
    ],
)
def test_a_rounded_answer_is_right(question: str, input: str, answer: str) -> None:
    assert wrong_answer(question, input, answer)[1] is None


@pytest.mark.parametrize(
    ("question", "input", "answer"),
    [
        ("What is 17 divided by 5?", "", "3 remainder 2"),
        ("Evaluate 3/4 + 1/2.", "", "1 1/4"),
        ("Round 3.7 + 2.6.", "", "6"),
        ("What is 24/7?", "", "It means all day."),
        ("What is 5 + x?", "", "7"),
        ("How many days are 2 + 3 weeks?", "", "5"),
        ("Simplify 3x2 + 5x.", "", "8"),
        ("2031-10-05", "", "7"),
        ("What is 2031-10-05?", "", "A day: 5"),
        ("5-12", "", "7"),
        ("Convert 10 + 11 from binary.", "", "5"),
        ("Find the sum of the even numbers.", "1, 2, 3, 4", "6"),
        ("Find the next number.", "2, 4, 6", "8"),
        ("Find the median.", "3, 1, 2", "2"),
        ("Add a comma.", "1000", "1,000"),
        ("把17加5的结果四舍五入。", "", "20"),
        ("Name a prime between 20 + 1 and 30.", "", "23"),
    ],
)
def test_questions_that_are_no_sum_are_left_alone(question: str, input: str, answer: str) -> None:
    assert wrong_answer(question, input, answer) == (False, None)


_SIGNS = {"+": "+", "-": "-", "×": "*", "÷": "/"}


@given(st.integers(0, 9999), st.sampled_from(sorted(_SIGNS)), st.integers(1, 9999), st.integers(-20, 20))
def test_a_sum_is_wrong_exactly_where_exact_arithmetic_says_so(a: int, sign: str, b: int, off: int) -> None:
    exact = {"+": Fraction(a + b), "-": Fraction(a - b), "×": Fraction(a * b), "÷": Fraction(a, b)}[sign]
    given_value = exact.__floor__() + off
    checked, wrong = wrong_sums(f"We get {a} {sign} {b} = {given_value} in the end.")

    assert checked == 1
    assert bool(wrong) == (abs(exact - given_value) >= 1)


FORMS = [
    (json_validity, "Return the result as JSON.", '{"a": 1}', True),
    (json_validity, "Return the result as JSON.", 'Here it is:\n```json\n{"a": [1, 2]}\n```', True),
    (json_validity, "Return the result as JSON.", "{'a': 1}", False),
    (json_validity, "Return the result as JSON.", "a is 1", False),
    (json_validity, "请用JSON格式输出结果。", '结果：{"a": 1}', True),
    (json_validity, "请用JSON格式输出结果。", "{a：1}", False),
    (json_validity, "写一个描述图书的JSON对象。", "{'书名': '磨坊'}", False),
    (json_validity, "写一篇关于JSON的文章。", "JSON是一种文本格式。", None),
    (json_validity, "Write a short article on JSON.", "It is a text format.", None),
    (json_validity, "Explain what JSON is.", "A text format.", None),
    (json_validity, "Turn the output, which is JSON, into a table.", "Name | Price", None),
    (json_validity, "将以下JSON数据转换为表格。", "书名 | 页数", None),
    (json_validity, "将以下表格转换为JSON。", "书名：磨坊", False),
    (json_validity, "Write Python code to parse a JSON file.", "import json", None),
    (code_validity, "Write it in Python.", "```python\ndef f(x):\n    return x\n```", True),
    (code_validity, "Write it in Python.", "```\nfor i in range(3):\n    print(i)\n```", True),
    (code_validity, "Write it in Python.", "```python\ndef f(x)\n    return x\n```", False),
    (code_validity, "Write it in Python.", "```python\nif x:\nprint(x)\n```", False),
    (code_validity, "Write it in Python.", "```python\n>>> 1 +\n```", None),
    (code_validity, "Write it in Python.", "```python\nprint('\\d')\n```", True),
    (code_validity, "Write it in C.", "```c\nint main() {\n```", None),
    (code_validity, "Write it in Python.", "```python\n" + "(" * 5000 + "\n```", False),
    (list_length, "Give five tips for better sleep.", "\n".join(f"{i}. Tip" for i in range(1, 6)), True),
    (list_length, "Give five tips for better sleep.", "\n".join(f"{i}. Tip" for i in range(1, 5)), False),
    (list_length, "List three reasons to read.", "- joy\n- calm\n- words\n- love", False),
    (list_length, "List at least three reasons to read.", "- joy\n- calm\n- words\n- love", True),
    (list_length, "List three reasons to read.", "Joy, calm and words.", None),
    (list_length, "List three pros and name two reasons to wait.", "1. a\n2. b", None),
    (list_length, "列出三个读书的理由。", "1. 乐趣\n2. 平静\n3. 词汇", True),
    (list_length, "列出三个读书的理由。", "1、乐趣\n2、平静", False),
    (list_length, "最多给出三个读书的理由。", "1、乐趣\n2、平静", True),
    (list_length, "至少列出三个读书的理由。", "1、乐趣\n2、平静", False),
    (list_length, "给出5条建议。", "1. 甲\n   - 细节\n2. 乙\n3. 丙\n4. 丁\n5. 戊", True),
    (list_length, "写一个故事。", "1. 从前\n2. 后来", None),
    (list_length, "Name three trees for a garden; list three kinds.", "1. Oak 2. Elm 3. Ash", None),
    (list_length, "List three kinds of garden trees.", "1. Oak 2. Elm 3. Ash", True),
    (list_length, "List three kinds of garden trees.", "1. Oak 2. Elm", False),
    (list_length, "List three reasons to read.", "1. joy\n 2. calm\n 3. words", True),
    (list_length, "List three reasons to read.", " 1. joy\n2. calm\n3. words", True),
    (list_length, "List four reasons to read.", " 1. joy\n2. calm\n3. words", False),
    (list_length, "List three reasons to read.", "Joy\n- it cheers\nCalm\n- it rests\nWords\n- it teaches", True),
    (list_length, "List three tips for each season.", "- dress\n- walk\n- rest\n- read", None),
    (list_length, "List two kinds of pipes.", "1. 3.5 inches wide\n2. 4.5 inches wide", True),
    (list_length, "列出三种树。", "1.橡树 2.榆树 3.白蜡树", True),
    (list_length, "给出两条建议。", "每天：\n- 早睡\n- 早起", True),
    (list_length, "给出四条建议。", "- 早睡\n- 早起", False),
]


@pytest.mark.parametrize(("check", "question", "answer", "kept"), FORMS)
def test_a_form_is_judged_only_where_it_was_asked_for(check, question: str, answer: str, kept: bool | None) -> None:  # type: ignore[no-untyped-def]
    assert check(question, answer)[0] is kept


def test_what_is_wrong_with_a_form_is_said() -> None:
    assert list_length("Give five tips.", "1. a\n2. b")[1] == "5 → 2"
    assert code_validity("Python?", "```python\nif x:\nprint(x)\n```")[1].startswith(
        "line 2: expected an indented block"
    )


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("It depends on many things.", 0.0),
        ("It depends, for example, on rain.", 0.167),
        (
            "1. Soak 200 g of beans.\n2. Cook them for 45 minutes.\n3. Add 2 cups of rice, for example jasmine, such as this.",
            1.0,
        ),
        ("首先洗净，然后切块，最后煮30分钟。", 0.444),
        ("", 0.0),
    ],
)
def test_examples_figures_and_steps_make_an_answer_concrete(answer: str, score: float) -> None:
    assert concreteness(answer) == score


@given(st.text(max_size=200))
def test_concreteness_is_a_share(text: str) -> None:
    assert 0 <= concreteness(text) <= 1


def test_long_sentences_and_rare_words_are_harder_to_read() -> None:
    plain = readability_index("Name a bird. Say where it lives.")
    official = readability_index(
        "Delineate the jurisdictional prerequisites notwithstanding any contradictory administrative stipulations "
        "promulgated previously by supranational regulatory institutions."
    )
    assert plain is not None
    assert official is not None
    assert plain < 30 < 60 < official
    easy, rare, long = (
        readability_index("说出一种鸟，再说它住在哪里。"),
        readability_index("诠释饕餮纹，阐述氤氲之意。"),
        readability_index("说明在没有任何其他国家机关事先作出相反规定的前提下应当如何确定管辖权的归属问题"),
    )
    assert easy is not None
    assert rare is not None
    assert long is not None
    assert easy < rare
    assert easy < long
    assert readability_index("12 + 3") is None
