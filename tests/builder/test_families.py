"""Procedural families: right answers, readable instructions, variety."""

import datetime as dt
import json
import random
import re
from collections import Counter
from collections.abc import Collection
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import process
from rapidfuzz.distance import Indel

from builder.answers import AnswerKey, check_answer
from builder.errors import UsageError
from builder.procedural.families import (
    FAMILIES,
    LANGUAGES,
    LEARNABLE,
    Language,
    ProceduralTask,
    answer,
    make_task,
    recognise,
)
from builder.procedural.families.catalogue import OPERATIONS
from builder.procedural.families.scalars import chinese_numerals, english_words, roman_numerals
from builder.text import count_words, detect_language, tokenise

# Words by which Self-Instruct and Alpaca drop instructions, since a text model cannot do what they ask for.
BANNED = re.compile(
    r"\b(images?|graphs?|pictures?|files?|maps?|draw|plot|go to|video|audio|music|flowchart|diagram)\b|"
    "图片|图像|视频|音频|文件|地图",
    re.IGNORECASE,
)

languages = st.sampled_from(LANGUAGES)
seeds = st.integers(0, 2**32)


def task_of(
    seed: int,
    language: Language,
    families: Collection[str] = FAMILIES,
    *,
    categories: Collection[str] | None = None,
    instances: int = 2,
    max_depth: int = 3,
) -> ProceduralTask:
    return make_task(
        random.Random(seed),
        language=language,
        families=families,
        categories=categories,
        instances=instances,
        max_depth=max_depth,
    )


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_family_makes_tasks_that_it_can_answer(name: str, language: Language) -> None:
    for seed in range(5):
        task = task_of(seed, language, [name], max_depth=1)
        assert task.family == name
        assert recognise(task.instruction) is not None
        assert len({instance.input for instance in task.instances}) == 2
        for instance in task.instances:
            assert answer(task.instruction, instance.input) == instance.output
            key = AnswerKey.from_json(instance.answer_key)
            assert (key.family, key.answer) == (name, instance.output)
            assert check_answer(key, instance.output).passed


@settings(max_examples=300)
@given(seeds, languages)
def test_chains_are_recognised_and_answered(seed: int, language: Language) -> None:
    task = task_of(seed, language)
    recognised = recognise(task.instruction)
    assert recognised is not None
    assert recognised.language == language
    last = FAMILIES[recognised.operations[-1]]
    assert task.category == last.category
    assert task.family == (last.name if len(recognised.operations) == 1 else f"chain:{last.name}")
    assert len(set(recognised.operations)) == len(recognised.operations) <= 3
    for instance in task.instances:
        assert answer(task.instruction, instance.input) == instance.output
        assert check_answer(AnswerKey.from_json(instance.answer_key), instance.output).passed


@settings(max_examples=300)
@given(seeds, languages)
def test_tasks_pass_the_filters_that_published_recipes_apply(seed: int, language: Language) -> None:
    task = task_of(seed, language)
    assert 4 <= count_words(task.instruction) <= 150
    assert detect_language(task.instruction) == language
    assert not BANNED.search(task.instruction)
    for instance in task.instances:
        assert instance.output.strip()
        assert instance.output != instance.input
        assert not instance.output.endswith(":")
        # A single number or word may be in the wording by chance.
        assert len(instance.input) < 9 or instance.input not in task.instruction


def test_wordings_cannot_be_read_two_ways() -> None:
    """A phrasing of two operations on one kind, or a theme of two kinds, would be."""
    for language in LANGUAGES:
        phrasings = {(o.input.name, p.casefold(), o.name) for o in OPERATIONS for p in o.phrasings.of(language)}
        themes = {(theme.casefold(), o.input.name) for o in OPERATIONS for theme in o.input.themes.of(language)}
        assert [key for key, n in Counter(key[:2] for key in phrasings).items() if n > 1] == []
        assert [theme for theme, n in Counter(theme for theme, _ in themes).items() if n > 1] == []


def test_every_operation_is_worded_in_both_languages() -> None:
    for operation in OPERATIONS:
        for language in LANGUAGES:
            phrasings = operation.phrasings.of(language)
            assert 4 <= len(phrasings) == len(set(phrasings)) <= 6, operation.name
            assert all(phrasing.count("{x}") == 1 for phrasing in phrasings), operation.name
            assert not any(phrasing.endswith((".", "。", "?", "？")) for phrasing in phrasings), operation.name
            assert 8 <= len(set(operation.input.themes.of(language))) <= 24, operation.input.name


def test_the_catalogue_is_broad() -> None:
    assert len(FAMILIES) >= 40
    assert len({operation.category for operation in OPERATIONS}) >= 12
    assert set(FAMILIES) > LEARNABLE
    assert 12 <= len(LEARNABLE) <= 15


@pytest.mark.parametrize(
    ("instruction", "given", "expected"),
    [
        ("Total the ages of everyone in the choir.", "14, 20, 8", "42"),
        ("First reverse the order of this week's noon temperatures, then take the first three of the new list of numbers.",
         "1, 2, 3, 4, 5", "5, 4, 3"),
        ("给定阁楼里收着的东西，取出这些词中的第一个。完成后，给得到的词归类。", "锤子、猫", "工具"),
        ("写出借书证到期的那天所在的季度。", "2024年11月5日", "第四季度"),
        ("Work out the weekday of our neighbour's birthday.", "2024-02-29", "Thursday"),
        ("Write the brand on the cap in capitals.", "hat", "HAT"),
        ("Convert the inventory in the shed to CSV under the header name,value.", "hat: 3\nsaw: 5",
         "name,value\nhat,3\nsaw,5"),
        ("Explain how to work out the warm-up exercise: two lines, each like \"2 + 3 = 5\".", "(4 - 1) * 6",
         "4 - 1 = 3\n3 * 6 = 18"),
        ("用*遮住门卫的字条里的每个数字。", "门禁密码是4821，请走后门。", "门禁密码是****，请走后门。"),
        ("Rename the function's name to snake_case.", "readUserName", "read_user_name"),
    ],
)  # fmt: skip
def test_answers_to_known_tasks(instruction: str, given: str, expected: str) -> None:
    assert answer(instruction, given) == expected


@pytest.mark.parametrize(
    ("instruction", "given"),
    [
        ("Total the ages of everyone in the choir.", "fourteen, 20"),
        ("Total the ages of everyone in the choir", "14, 20"),
        ("Write a poem about the sea.", ""),
        ("Work out the weekday of our neighbour's birthday.", "2024-02-30"),
        ("First take the first of the things packed in the attic, then categorise that word.", "zebra, hat"),
        ("", ""),
    ],
)
def test_what_is_not_a_known_task_gets_no_answer(instruction: str, given: str) -> None:
    assert answer(instruction, given) is None


@given(st.sampled_from(sorted(FAMILIES)), languages, st.text(max_size=60))
def test_any_input_is_answered_or_refused(name: str, language: Language, given_input: str) -> None:
    task = task_of(1, language, [name], max_depth=1)
    assert isinstance(answer(task.instruction, given_input), str | None)


@pytest.mark.parametrize(
    ("value", "english", "chinese", "roman"),
    [
        (4, "four", "四", "IV"),
        (12, "twelve", "十二", "XII"),
        (20, "twenty", "二十", "XX"),
        (105, "one hundred and five", "一百零五", "CV"),
        (110, "one hundred and ten", "一百一十", "CX"),
        (1994, "one thousand nine hundred and ninety-four", "一千九百九十四", "MCMXCIV"),
        (3006, "three thousand and six", "三千零六", "MMMVI"),
    ],
)
def test_number_words(value: int, english: str, chinese: str, roman: str) -> None:
    assert (english_words(value), chinese_numerals(value), roman_numerals(value)) == (english, chinese, roman)


def test_large_chinese_numerals() -> None:
    assert [chinese_numerals(n) for n in (0, 10_020, 100_012, 120_000, 2_030_000)] == [
        "零", "一万零二十", "十万零一十二", "十二万", "二百零三万",
    ]  # fmt: skip


@given(st.dates(dt.date(1990, 1, 1), dt.date(2035, 12, 31)))
def test_quarter_and_month_agree_with_the_calendar(date: dt.date) -> None:
    quarter = answer("State the calendar quarter of a new play's premiere.", date.isoformat())
    month = answer("Name the month of a new play's premiere.", date.isoformat())
    assert quarter == f"Q{(date.month + 2) // 3}"
    assert month == date.strftime("%B")


@given(st.lists(st.integers(1, 99), min_size=2, max_size=8))
def test_sorting_gives_a_sorted_permutation(values: list[int]) -> None:
    output = answer("Put marks from the spelling test in ascending order.", ", ".join(map(str, values)))
    assert output is not None
    result = [int(item) for item in output.split(", ")]
    assert Counter(result) == Counter(values)
    assert all(left <= right for left, right in pairwise(result))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_family_has_twenty_different_inputs(language: Language) -> None:
    for name in FAMILIES:
        task = task_of(4, language, [name], instances=20, max_depth=1)
        assert len({instance.input for instance in task.instances}) == 20


def test_same_random_state_gives_the_same_task() -> None:
    assert task_of(5, "zh") == task_of(5, "zh")
    assert task_of(5, "zh") != task_of(6, "zh")


@given(seeds, languages)
def test_categories_are_respected(seed: int, language: Language) -> None:
    assert task_of(seed, language, categories=["planning", "code", "roleplay"]).category in {"planning", "code"}


def test_categories_that_no_family_serves_fall_back_to_any() -> None:
    assert task_of(3, "en", categories=["roleplay"]).category in {op.category for op in OPERATIONS}


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UsageError, match="'numbers_sun', did you mean 'numbers_sum'"):
        task_of(1, "en", ["numbers_sun"])
    with pytest.raises(UsageError, match="no family"):
        task_of(1, "en", [])
    with pytest.raises(UsageError, match="at least 1 instance"):
        task_of(1, "en", instances=0)
    with pytest.raises(UsageError, match="no task with 200 different inputs"):
        task_of(1, "en", ["word_category"], instances=200)


def admitted(families: Collection[str], candidates: int, max_depth: int) -> int:
    """How many of so many candidates stay when none may be more than 0.7 like an earlier one (ROUGE-L)."""
    ids: dict[str, int] = {}
    pool: list[str] = []
    rng = random.Random(20)
    for number in range(candidates):
        task = make_task(
            rng, language=LANGUAGES[number % 2], families=families, categories=None, instances=1, max_depth=max_depth
        )
        text = "".join(chr(0x100 + ids.setdefault(token, len(ids))) for token in tokenise(task.instruction))
        if not process.extractOne(text, pool, scorer=Indel.normalized_similarity, score_cutoff=0.7 + 1e-9):
            pool.append(text)
    return len(pool)


def test_variety() -> None:
    assert admitted(FAMILIES, 1500, 3) >= 1200
    assert admitted(LEARNABLE, 1000, 2) >= 550


def test_learnable_rows_are_short_and_no_constant_answers_them() -> None:
    outputs: dict[tuple[str, str], Counter[str]] = {}
    tokens: list[int] = []
    for seed in range(1200):
        task = task_of(seed, LANGUAGES[seed % 2], LEARNABLE, max_depth=2)
        for instance in task.instances:
            outputs.setdefault((task.family, task.language), Counter())[instance.output] += 1
            tokens.append(sum(map(len, map(tokenise, (task.instruction, instance.input, instance.output)))))
    best = sum(max(counter.values()) for counter in outputs.values()) / sum(map(Counter.total, outputs.values()))
    assert best < 0.4
    assert sorted(tokens)[len(tokens) * 9 // 10] <= 40


def test_answer_keys_are_json_objects() -> None:
    key = json.loads(task_of(2, "en", ["number_parity"], max_depth=1).instances[0].answer_key)
    assert (key["family"], key["check"]) == ("number_parity", "choice")
    assert key["answer"] in {"odd", "even"}
