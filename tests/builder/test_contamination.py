"""Rows that hold a piece of a benchmark are found, however the copy was dressed up; rows that do not are clean."""

import copy
from collections.abc import Callable
from dataclasses import replace

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.curation import contamination
from builder.curation.contamination import contamination_table, index_benchmark, load_benchmark
from builder.curation.folding import fold, places_of
from builder.schema import Check, Sample, task_messages
from tests.builder.references import find_contamination

EN_ITEM = (
    "A baker sells nine loaves each hour and closes after seven hours of work, so how many loaves were sold today?"
)
ZH_ITEM = "一位渔夫每天清晨出海捕鱼，带回二十条鲈鱼和三只螃蟹，一周之后他一共带回多少？"
EN_ANSWER = "She folds the blue kite twice, ties a thin grey string to its tail and waits for the evening wind to rise."
ZH_ANSWER = "这台发电机的后盖里面有两根头发一样细的铜线，修理之前请先关闭台灯并松开发条。"
EN_SHORT = "What colour are ripe kiwi seeds, usually?"
ZH_SHORT = "奇异果的种子后来变成什么颜色？"


def make_sample(row: int, prompt: str, answer: str = "So.", source: str = "mine.jsonl#1") -> Sample:
    return Sample(row, f"t{row}", task_messages(prompt, None, answer), None, "en", "imported", source)


BENCHMARK = load_benchmark(
    [
        make_sample(0, EN_ITEM, "Yes", "eval.jsonl#1"),
        make_sample(1, ZH_ITEM, "一百六十一", "eval.jsonl#2"),
        make_sample(2, EN_SHORT, "I am not sure", "eval.jsonl#3"),
        make_sample(3, "Who invented the zipper?", "对", "eval.jsonl#4"),
        make_sample(4, "Tell me a story.", EN_ANSWER, "eval.jsonl#5"),
        make_sample(5, ZH_SHORT, ZH_ANSWER, "eval.jsonl#6"),
    ]
)


def contaminated(*rows: Sample) -> dict[int, Check]:
    return find_contamination(rows, BENCHMARK, 13)


def found_in(text: str) -> list[str]:
    """The benchmark's turns that a prompt and an answer of this text are traced to."""
    found = contaminated(make_sample(0, text), make_sample(1, "Recall a puzzle.", text))
    return [check.evidence.rpartition(" ← ")[2] for check in found.values()]


def test_planted_copies_are_found_in_both_languages_wherever_they_stand() -> None:
    found = contaminated(
        make_sample(0, f"Solve this. {EN_ITEM.upper()}"),
        make_sample(1, "Recall a puzzle.", f"Here it is: {EN_ITEM}"),
        make_sample(2, f"请回答：{ZH_ITEM[:26]}"),
        make_sample(3, EN_ANSWER),
    )
    assert {row: (check.value, check.threshold) for row, check in found.items()} == {
        0: (21.0, 13.0),
        1: (21.0, 13.0),
        2: (24.0, 13.0),
        3: (22.0, 22.0),
    }
    assert found[1].evidence == (
        "messages[1] ngram: Here it is: «A baker sells nine loaves each hour and closes after seven hours of work, so"
        " how many loaves were sold today» ? ← eval.jsonl#1 messages[0]"
    )
    assert found[2].evidence == f"messages[0] ngram: 请回答： «{ZH_ITEM[:25]}» ， ← eval.jsonl#2 messages[0]"
    assert found[3].evidence.startswith("messages[0] exact: «She folds the blue kite")
    assert found[3].evidence.endswith("← eval.jsonl#5 messages[1]")


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def test_words_that_run_together_or_are_torn_apart_are_found_by_their_letters() -> None:
    found = contaminated(make_sample(0, f"Now: {EN_ITEM[:90].replace(' ', '')}"), make_sample(1, " ".join(EN_ITEM)))
    assert [(check.value, check.threshold) for check in found.values()] == [(72.0, 50.0), (21.0, 21.0)]
    assert found[0].evidence.startswith("messages[0] characters: Now: «Abakersells")


@pytest.mark.parametrize("conversion", ["s2t", "s2tw", "s2hk", "s2twp"])
def test_a_copy_in_traditional_characters_is_found(conversion: str) -> None:
    convert = opencc.OpenCC(conversion).convert
    assert convert(ZH_ANSWER) != ZH_ANSWER
    assert found_in(convert(ZH_ITEM)) == ["eval.jsonl#2 messages[0]"] * 2
    assert found_in(convert(ZH_ANSWER)) == ["eval.jsonl#6 messages[1]"] * 2
    assert found_in(convert(ZH_SHORT)) == ["eval.jsonl#6 messages[0]"] * 2


@pytest.mark.parametrize("conversion", ["s2t", "s2tw", "s2hk"])
def test_every_character_folds_as_its_other_forms_do(conversion: str) -> None:
    characters = [chr(code) for code in range(0x4E00, 0xA000)]
    converted = opencc.OpenCC(conversion).convert("\n".join(characters)).split("\n")
    assert fold(converted).codes.tolist() == fold(characters).codes.tolist()


CYRILLIC = str.maketrans("aceopxyisjBEHKMTACOPX", "асеорхуіѕјВЕНКМТАСОРХ")
GREEK = str.maketrans("aoiuvnkxpBEHIKMNOPTXYZ", "αοιυνηκχρΒΕΗΙΚΜΝΟΡΤΧΥΖ")


@pytest.mark.parametrize("letters", [CYRILLIC, GREEK, {**GREEK, **CYRILLIC}, str.maketrans("eE", "еЕ")])
@pytest.mark.parametrize("case", [str, str.upper, str.title])
def test_a_copy_with_letters_of_another_alphabet_is_found(letters: dict[int, str], case: Callable[[str], str]) -> None:
    text = case(EN_ITEM).translate(letters)
    assert text != case(EN_ITEM)
    assert found_in(f"Solve this. {text} Thanks!") == ["eval.jsonl#1 messages[0]"] * 2
    assert found_in(case(EN_SHORT).translate(letters)) == ["eval.jsonl#3 messages[0]"] * 2
    assert found_in(case(EN_ANSWER).translate(letters))[0] == "eval.jsonl#5 messages[1]"


RU_ITEM = (
    "Пекарь продаёт девять буханок каждый час и закрывает лавку через семь часов, сколько буханок он продал сегодня?"
)
EL_ITEM = (
    "Ο φούρναρης πουλάει εννέα καρβέλια κάθε ώρα και κλείνει μετά από επτά ώρες, πόσα καρβέλια πούλησε σήμερα άραγε;"
)


def test_rows_in_russian_and_greek_are_told_apart_as_others_are() -> None:
    benchmark = load_benchmark([make_sample(0, RU_ITEM, "63"), make_sample(1, EL_ITEM, "63"), make_sample(2, EN_ITEM)])
    rows = [RU_ITEM.upper(), EL_ITEM.upper(), *(text for text in HONEST)]
    found = find_contamination([make_sample(row, text) for row, text in enumerate(rows)], benchmark, 13)
    assert list(found) == [0, 1]


HONEST = [
    "Рыбак каждое утро выходит в море и привозит домой двадцать окуней и трёх крабов, сколько он поймал за неделю?",
    "Сколько буханок продал пекарь?",
    "Пекарь продаёт хлеб каждый день и закрывает лавку после обеда, сколько рабочих часов осталось у него сегодня?",
    "Ο ψαράς βγαίνει κάθε πρωί στη θάλασσα και φέρνει σπίτι είκοσι λαβράκια και τρία καβούρια, πόσα έπιασε σε μία εβδομάδα;",
    "Пока он ест, мама нам не мешает, а кот на ковре тоже не спит: он сам хочет есть и хочет к нам, но ему нет места.",
]


TEXTS = {
    EN_ITEM: "eval.jsonl#1 messages[0]",
    ZH_ITEM: "eval.jsonl#2 messages[0]",
    EN_ANSWER: "eval.jsonl#5 messages[1]",
    ZH_ANSWER: "eval.jsonl#6 messages[1]",
    ZH_SHORT: "eval.jsonl#6 messages[0]",
}
SPACES = ["", " ", "  ", "\n", "\t", "\u3000", "\u200b", "，", " - "]


@settings(max_examples=40)
@given(item=st.sampled_from(sorted(TEXTS)), data=st.data())
def test_any_change_of_case_width_spacing_or_script_is_seen_through(item: str, data: st.DataObject) -> None:
    draw = data.draw
    conversion = draw(st.sampled_from(["", "s2t", "s2tw"]))
    text = opencc.OpenCC(conversion).convert(item) if conversion else item
    changes: list[Callable[[str], str]] = [str, str.upper, str.lower, wide]
    text = "".join(draw(st.sampled_from(changes))(c) + draw(st.sampled_from(["", "", "", *SPACES])) for c in text)
    before, after = (
        draw(st.sampled_from(["", "Please answer: ", "请回答："])),
        draw(st.sampled_from(["", " Thanks!", "谢谢"])),
    )
    assert found_in(f"{before}{text}{after}") == [TEXTS[item]] * 2


CLEAN = [
    "A baker sells bread each hour and closes after lunch, so how many hours of work are left for the loaves today?",
    "一位渔夫每天傍晚回家，带回三条小鱼和一只螃蟹，一年之后他的邻居一共收到多少封信？",
    "What colour are ripe kiwi seeds?",
    "奇异果的种子是什么颜色？",
    "Tell me a story about a blue kite with a thin grey string.",
    "请先关闭台灯。",
    "Yes",
    "对",
    "I am not sure",
    "🙂",
    "",
]


@pytest.mark.parametrize("text", CLEAN)
def test_look_alikes_are_clean(text: str) -> None:
    assert found_in(text) == []


def test_twelve_matching_tokens_are_not_enough() -> None:
    words = EN_ITEM.split()
    assert contaminated(make_sample(0, " ".join(words[9:21]))) == {}
    assert list(contaminated(make_sample(0, " ".join(words[8:21])))) == [0]


def test_nineteen_characters_are_not_enough_and_twenty_are() -> None:
    letters = ZH_ITEM.replace("，", "")
    assert contaminated(make_sample(0, letters[:19])) == {}
    assert contaminated(make_sample(0, letters[:20]))[0].value == 20.0


def test_a_short_benchmark_prompt_must_match_whole() -> None:
    assert contaminated(make_sample(0, EN_SHORT)) == {
        0: Check(
            "contaminated",
            7.0,
            7.0,
            evidence=f"messages[0] exact: «{EN_SHORT[:-1]}» ? ← eval.jsonl#3 messages[0]",
        )
    }
    assert contaminated(make_sample(0, "Tell me more. " + EN_SHORT)) == {}
    assert list(contaminated(make_sample(0, "who invented  the Zipper"))) == [0]


def test_a_template_that_many_benchmark_rows_share_is_not_content_but_a_whole_row_is() -> None:
    frame = "Read the passage below with care and answer with the letter of the one best choice only"
    items = [make_sample(i, f"{frame}: {word}") for i, word in enumerate("abcdefghijklm")]
    row = make_sample(0, f"{frame}, please")
    assert find_contamination([row], load_benchmark(items), 13) == {}
    assert len(find_contamination([row], load_benchmark(items[:9]), 13)) == 1
    assert len(find_contamination([make_sample(0, f"Well. {frame}: C")], load_benchmark(items), 13)) == 1


def test_a_row_without_turns_or_a_benchmark_without_rows_is_clean() -> None:
    assert contaminated(replace(make_sample(1, ""), messages=())) == {}
    assert find_contamination([make_sample(0, EN_ITEM)], load_benchmark([]), 13) == {}


def test_a_copy_anywhere_in_a_very_long_turn_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contamination, "_CHARACTERS_AT_ONCE", 1_000)
    monkeypatch.setattr(contamination, "_OVERLAP", 200)
    for place in (0, 930, 995, 2_500):
        text = f"{'x ' * (place // 2)}{EN_ITEM} {'y ' * 500}"
        assert [check.value for check in contaminated(make_sample(0, text)).values()] == [21.0]


def test_how_rows_are_cut_into_partitions_and_sent_to_workers_changes_nothing() -> None:
    rows = [make_sample(i, text) for i, text in enumerate([*CLEAN, *TEXTS, EN_ITEM[:80], *CLEAN])]
    index = index_benchmark(BENCHMARK, 13)
    sent = copy.deepcopy(index)
    pieces = [contamination_table(rows[start : start + 4], sent).to_pylist() for start in range(0, len(rows), 4)]
    assert [line for piece in pieces for line in piece] == contamination_table(rows, index).to_pylist()


@given(st.lists(st.text(max_size=40), max_size=4))
def test_folding_does_not_depend_on_the_texts_around(texts: list[str]) -> None:
    together = fold(texts)
    for number, text in enumerate(texts):
        alone = fold([text])
        assert together.codes_of(number).tolist() == alone.codes.tolist()
        assert len(places_of(text)) == len(alone.codes)


@pytest.mark.parametrize(
    ("question", "options"),
    [("Which planet is nearest?", "A. Mars\nB. Venus"), ("哪颗行星离我们最近？", "A. 火星\nB. 金星")],
)
def test_a_short_question_is_found_without_its_options(question: str, options: str) -> None:
    item = replace(
        make_sample(0, "", "B"), messages=task_messages(question, options, "B"), instruction=question, input=options
    )
    rows = [make_sample(0, question), make_sample(1, f"{question}\n\n{options}"), make_sample(2, options)]
    assert {*find_contamination(rows, load_benchmark([item]), 13)} == {0, 1}
