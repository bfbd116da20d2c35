import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.config import Balance, Filters, Settings, Split
from builder.curation.blocked_words import find_blocked_word
from builder.curation.deciding import decide
from builder.curation.filtering import check_row
from builder.errors import UsageError
from builder.schema import Check, Message, Origin, Role, Sample, task_messages
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.similarity import novelty_text, similarity
from builder.text import tokenise
from tests.builder.references import Candidate, SplitRow, balance, find_exact_duplicates, find_similar, split


def make_sample(
    row: int = 0,
    prompt: str = "Name a warm colour.",
    answer: str = "Red.",
    *,
    input: str | None = None,
    origin: Origin = "generated",
    language: str = "en",
    task_id: str | None = None,
) -> Sample:
    return Sample(
        row=row,
        task_id=task_id or f"task-{row}",
        messages=task_messages(prompt, input, answer),
        category=None,
        language=language,
        origin=origin,
        source="rows.jsonl",
        instruction=prompt,
        input=input,
    )


def failed(sample: Sample, filters: Filters | None = None) -> list[Check]:
    return check_row(sample, measure_row(sample), filters or Filters())


def reasons(sample: Sample, filters: Filters | None = None) -> list[str]:
    return [check.reason for check in failed(sample, filters)]


def test_a_parent_and_what_was_evolved_from_it_are_both_kept_and_others_are_held_against_them() -> None:
    base = "Plan a picnic for a family of five"
    parent = make_sample(0, f"{base}.", origin="seed", task_id="s1")
    child = replace(make_sample(1, f"{base} by the sea."), source="evolve:m", parents=("s1",))
    grandchild = replace(make_sample(2, f"{base} by the sea in May."), source="evolve:m", parents=("task-1",))
    other = make_sample(3, f"{base} by the sea at dawn.")
    samples = [parent, child, grandchild, other]
    decided = decide(samples, [measure_row(sample) for sample in samples], Settings(), reviews={})
    assert [(row["row"], row["reason"]) for row in decided.verdicts.to_pylist()] == [
        (0, "seed"),
        (1, None),
        (2, None),
        (3, "too_similar"),
    ]


# Row filters.


def test_a_good_row_fails_nothing() -> None:
    assert failed(make_sample()) == []
    assert failed(make_sample(prompt="写一首诗", answer="春风又绿江南岸", language="zh")) == []


def test_each_reason_carries_its_value_and_threshold() -> None:
    assert failed(make_sample(prompt="Sing.")) == [Check("instruction_too_short", 1.0, 3.0)]
    long = make_sample(prompt="very " * 150 + "warm colour")
    assert failed(long) == [Check("instruction_too_long", 152.0, 150.0)]
    assert failed(make_sample(), Filters(max_prompt_words=3)) == [Check("prompt_too_long", 4.0, 3.0)]
    assert failed(make_sample(), Filters(min_answer_words=2)) == [Check("answer_too_short", 1.0, 2.0)]
    assert failed(make_sample(answer="Red or orange."), Filters(max_answer_words=2)) == [
        Check("answer_too_long", 3.0, 2.0)
    ]


def test_an_instruction_of_the_least_length_passes() -> None:
    assert reasons(make_sample(prompt="Sing a song.")) == []
    assert reasons(make_sample(prompt="讲笑话", answer="从前有座山", language="zh")) == []
    assert reasons(make_sample(prompt="写诗", answer="春眠不觉晓", language="zh")) == ["instruction_too_short"]


def test_imported_prompts_are_not_held_to_the_length_of_an_instruction() -> None:
    assert reasons(make_sample(prompt="Hi", answer="Hello!", origin="imported")) == []
    assert reasons(make_sample(prompt="warm " * 200, origin="imported")) == []


def test_an_empty_answer_is_no_answer_unless_it_calls_a_tool() -> None:
    assert reasons(make_sample(answer=" \n")) == ["no_answer"]
    asked = Message("user", "What is the time now?")
    call = Message("assistant", "", tool_calls='[{"name": "clock", "arguments": {}}]')
    assert reasons(replace(make_sample(), messages=(asked,))) == ["no_answer"]
    assert reasons(replace(make_sample(), messages=(asked, call))) == []
    assert reasons(replace(make_sample(), messages=())) == ["no_answer"]


USER, ASSISTANT = partial(Message, "user"), partial(Message, "assistant")
GREETING = ASSISTANT("Hello! How can I help?")
CALL = Message("assistant", "", tool_calls='[{"name": "clock", "arguments": {}}]')


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([ASSISTANT("Lisbon.")], ["no_question"]),
        ([Message("system", "You name capitals."), ASSISTANT("Lisbon.")], ["no_question"]),
        ([USER(""), ASSISTANT("Lisbon.")], ["no_question"]),
        ([USER(" \u200b\n\u3000\ufeff"), ASSISTANT("Lisbon.")], ["no_question"]),
        ([USER("Which capital?"), ASSISTANT("Lisbon."), USER(""), ASSISTANT("Madrid.")], ["no_question"]),
        ([USER("Which capital?"), ASSISTANT("Lisbon."), USER("\n"), ASSISTANT("Madrid.", weight=0)], []),
        ([USER(""), CALL, Message("tool", "12:00"), ASSISTANT("Noon.")], ["no_question"]),
        ([GREETING, USER("Which capital?"), ASSISTANT("Lisbon.")], []),
        ([USER(""), GREETING, USER("Which capital?"), ASSISTANT("Lisbon.")], []),
        ([USER("Which capital?"), USER(""), ASSISTANT("Lisbon.")], []),
        ([USER("What time is it?"), CALL, Message("tool", ""), ASSISTANT("I cannot say.")], []),
        ([USER("?"), ASSISTANT("What would you like to know?")], []),
        ([USER("")], ["no_answer"]),
        ([USER("Which capital?"), ASSISTANT("Lisbon.", weight=0)], ["nothing_to_train_on"]),
        ([USER("Which?"), ASSISTANT("Porto.", weight=0), USER("Sure?"), ASSISTANT("No: Lisbon.")], []),
    ],
)
@pytest.mark.parametrize("origin", ["imported", "generated"])
def test_an_answer_needs_a_question_and_some_turn_is_trained_on(
    turns: list[Message], expected: list[str], origin: Origin
) -> None:
    sample = make_sample(prompt="Name the capital of a country.", origin=origin)
    published_rules = Filters(rules="alpaca-classic") if origin == "generated" else Filters()
    for filters in (Filters(drop_refusals=False), published_rules):
        found = reasons(replace(sample, messages=tuple(turns)), filters)
        assert [reason for reason in found if reason in QUESTIONED] == expected


QUESTIONED = ("no_question", "no_answer", "nothing_to_train_on")


def test_a_row_without_a_question_shows_its_answer() -> None:
    assert failed(replace(make_sample(origin="imported"), messages=(ASSISTANT("Lisbon."),))) == [
        Check("no_question", evidence="Lisbon.")
    ]


def test_an_answer_labelled_as_bad_never_passes() -> None:
    bad = replace(make_sample(origin="imported"), messages=(USER("Which capital?"),), rejected="Porto.")
    assert failed(bad) == [Check("labelled_bad", evidence="Porto.")]
    earlier = (USER("Which capital?"), ASSISTANT("Lisbon."), USER("And of Spain?"))
    assert reasons(replace(bad, messages=earlier)) == ["labelled_bad"]


def test_a_mark_alone_is_an_answer() -> None:
    assert reasons(make_sample(prompt="Which mark ends a question?", answer="?")) == []


def test_refusals_loops_and_foreign_answers_go_with_their_evidence() -> None:
    assert failed(make_sample(answer="I'm sorry, but I can't help with that.")) == [
        Check("refusal", evidence="I'm sorry, but I can't help")
    ]
    [loop] = failed(make_sample(answer="好的" * 30, prompt="用中文夸我一句", language="zh"))
    assert (loop.reason, loop.threshold, loop.evidence[:4]) == ("repetitive", 0.6, "好的好的")
    assert loop.value == pytest.approx(55 / 57)
    [foreign] = failed(
        make_sample(prompt="安排明天的会议。", answer="I will do it for you in the morning.", language="zh")
    )
    assert foreign == Check("language_mismatch", evidence="zh → en")


def test_a_wrong_answer_shows_what_was_found() -> None:
    key = '{"family": "sum", "check": "number", "answer": "12"}'
    wrong = replace(make_sample(prompt="Add five and seven.", answer="The sum is 13."), answer_key=key)
    assert failed(wrong) == [Check("wrong_answer", evidence="13")]
    assert failed(wrong, Filters(drop_wrong_answers=False)) == []


def test_each_drop_can_be_switched_off() -> None:
    keep = Filters(drop_refusals=False, drop_language_mismatch=False)
    assert reasons(make_sample(answer="I'm sorry, but I can't help with that."), keep) == []
    assert reasons(make_sample(prompt="安排明天的会议。", answer="I will do it for you in the morning."), keep) == []


def test_only_listed_languages_stay_and_sums_belong_to_all() -> None:
    only_chinese = Filters(languages=("zh",))
    assert failed(make_sample(), only_chinese) == [Check("language_not_wanted", evidence="en")]
    assert reasons(make_sample(prompt="1 + 1 + 1 =", answer="3", language="und"), only_chinese) == []


def test_default_blocked_words_apply_to_grown_rows_and_own_lists_to_all() -> None:
    prompt = "Describe the picture in detail."
    assert failed(make_sample(prompt=prompt)) == [Check("blocked_word", evidence="picture")]
    assert reasons(make_sample(prompt=prompt, origin="seed")) == []
    assert reasons(make_sample(prompt=prompt, origin="imported")) == []
    own = Filters(blocked_words=("detail",))
    assert failed(make_sample(prompt=prompt, origin="imported"), own) == [Check("blocked_word", evidence="detail")]
    assert reasons(make_sample(prompt=prompt), Filters(blocked_words=())) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Draw a house.", "Draw"),
        ("Go to the shop and buy milk.", "Go to"),
        ("List the files in order.", "files"),
        ("Make a flowchart of it.", "flowchart"),
        ("描述这张照片。", "照片"),
        ("请画出一个圆形的花园。", "请画出"),
        ("帮我画一幅山水。", "画"),
        ("根据以下图表回答问题。", "以下图"),
        ("制作一个流程图。", "流程图"),
        ("打开这个链接并总结。", "打开这个链接"),
        ("总结给定的文件。", "给定的文件"),
        ("播放一首音乐。", "播放一首音乐"),
    ],
)
def test_instructions_that_text_cannot_serve(text: str, word: str) -> None:
    assert find_blocked_word(text, None) == word


@pytest.mark.parametrize(
    "text",
    [
        "Explain drawers, plotting and mapping in one paragraph.",
        "What is photosynthesis? Mention profiles and graphite.",
        "介绍这个图书馆的历史。",
        "怎样看懂地图？",
        "制定一个计划一次旅行的步骤。",
        "描述风景如画一般的小镇。",
        "动画一集通常有多长？",
        "解释什么是音乐风格和点击率。",
        "文件夹应该怎样命名？",
        "打印以下图案的名称。",
        "这个画家是谁？",
    ],
)
def test_words_that_only_contain_a_blocked_one_pass(text: str) -> None:
    assert find_blocked_word(text, None) is None


def test_own_blocked_words_match_whole_latin_words_and_any_chinese_string() -> None:
    words = ("cat", "C++", "天气")
    assert find_blocked_word("My CAT sleeps.", words) == "CAT"
    assert find_blocked_word("Write it in C++ please", words) == "C++"
    assert find_blocked_word("今天天气好", words) == "天气"
    assert find_blocked_word("concatenate", words) is None


# Exact duplicates and novelty.


def test_a_repeated_conversation_names_the_first_row() -> None:
    rows = [
        make_sample(4, "Name a warm colour.", "Red."),
        make_sample(2, "name a  warm colour.", "RED."),
        make_sample(7, "Name a warm colour.", "Orange."),
        make_sample(9, "Ｎame a warm colour. ", "Red. "),
    ]
    assert find_exact_duplicates(rows) == {2: 4, 9: 4}


def test_roles_tool_calls_and_inputs_tell_rows_apart() -> None:
    user, call = Message("user", "a"), Message("assistant", "b", tool_calls='[{"name": "x"}]')
    base = make_sample(0)
    rows = [
        replace(base, row=0, messages=(user, Message("assistant", "b"))),
        replace(base, row=1, messages=(Message("system", "a"), Message("assistant", "b"))),
        replace(base, row=2, messages=(user, call)),
        replace(base, row=3, messages=(Message("user", "a b"),)),
        replace(base, row=4, messages=(user, Message("assistant", "b")), tools='[{"name": "x"}]'),
        make_sample(5, "Add the numbers.", "3", input="1 2", task_id="sum"),
        make_sample(6, "Add the numbers.", "5", input="2 3", task_id="sum"),
    ]
    assert find_exact_duplicates(rows) == {}


def test_a_similar_row_names_the_kept_one_its_score_and_how_it_was_split() -> None:
    rows = [
        make_sample(0, "List five fruits that grow in cold places"),
        make_sample(1, "List five fruits that grow in warm places"),
        make_sample(2, "请写一首关于秋天的诗"),
        make_sample(3, "请写一首关于春天的诗"),
    ]
    assert find_similar(rows) == {
        1: Check("too_similar", 0.875, 0.7, 0, "word: List five fruits that grow in cold places"),
        3: Check("too_similar", 0.9, 0.8, 2, "cjk: 请写一首关于秋天的诗"),
    }


SYSTEM = "You are a careful assistant of a small library in the mountains. " * 12
QUESTIONS = ["What is a noun?", "Name a river.", "Who built the mill?", "春天有哪些节日？", "怎样泡茶？", "讲个笑话。"]


def chat(row: int, *turns: tuple[Role, str]) -> Sample:
    messages = tuple(Message(role, text) for role, text in turns)
    return replace(make_sample(row, origin="imported"), messages=messages, instruction=None)


def test_a_system_text_before_every_row_makes_no_two_alike() -> None:
    plain = [chat(row, ("user", text), ("assistant", "So.")) for row, text in enumerate([*QUESTIONS, "name a river!"])]
    told = [replace(row, messages=(Message("system", SYSTEM), *row.messages)) for row in plain]
    for rows in (plain, told):
        assert {row: check.of for row, check in find_similar(rows).items()} == {6: 1}
    assert novelty_text(told[0], "auto") == novelty_text(told[0], "instruction") == "What is a noun?"
    assert novelty_text(told[0], "conversation") == "What is a noun?\nSo."


def test_the_instruction_of_a_conversation_is_what_its_user_says() -> None:
    turns: list[tuple[Role, str]] = [("user", "Hi!"), ("assistant", "Hello."), ("user", "Name a river.")]
    row = chat(0, ("system", SYSTEM), *turns, ("assistant", "The Aare."))
    assert novelty_text(row, "instruction") == "Hi!\nName a river."
    assert novelty_text(row, "prompt") == "Hi!\nHello.\nName a river."


def test_imported_rows_go_only_where_nothing_tells_them_apart_and_grown_ones_by_rouge_alone() -> None:
    texts = [
        "List five fruits that grow in cold places",
        "List five fruits that grow in warm places",
        "Please list 5 fruits that grow in the cold places!",
        "把下面的句子从中文译成英文：我喜欢茶。",
        "把下面的句子从英文译成中文：我喜欢茶。",
        "请把下面的句子从中文译成英文：我喜欢茶",
    ]

    def gone(origin: Origin, *overrides: str) -> dict[int, int | None]:
        rows = [make_sample(row, text, origin=origin) for row, text in enumerate(texts)]
        chosen = load_settings(None, overrides, {})
        found = decide(rows, [measure_row(row) for row in rows], chosen, reviews={}).verdicts.to_pylist()
        return {verdict["row"]: verdict["of"] for verdict in found if verdict["reason"] == "too_similar"}

    assert gone("imported") == {2: 0, 5: 3}
    assert gone("generated") == {1: 0, 2: 0, 4: 3, 5: 3}
    assert gone("imported", "growth.preset=self-instruct-classic") == {1: 0, 2: 0, 4: 3, 5: 3}


DOCUMENTS = {
    "en": "The mill by the river grinds oats in winter and barley in spring, and its wheel was mended in {}. " * 16,
    "zh": "河边的磨坊冬天磨燕麦，春天磨大麦，水车在{}年修过。" * 14,
}
ASKED_OF_ONE = {
    "en": "Who mended it?|When was it mended?|Where is it?|What does it grind?|Is it old?|Sum it up.|Name the crops."
    "|Give it a title.|Count the seasons.|Translate the last line.",
    "zh": "谁修的？|哪年修的？|在哪里？|磨什么？|它旧吗？|总结一下。|写出作物。|起个标题。|数一数季节。|翻译最后一句。",
}
TEMPLATES = {
    "en": "Is this review positive or negative? Answer with one word. Review: The {} was broken when it came.",
    "zh": "这条评论是正面还是负面？只回答一个词。评论：{}收到时已经坏了。",
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("apart", [True, False])
def test_one_document_many_questions_and_one_template_many_inputs_all_stay(language: str, apart: bool) -> None:
    document, template = DOCUMENTS[language], TEMPLATES[language]
    questions = ASKED_OF_ONE[language].split("|")
    asked: list[tuple[str, str | None]] = [(question, document.replace("{}", "1907")) for question in questions]
    asked += [(questions[0], document.replace("{}", str(1910 + number))) for number in range(10)]
    asked += [(template.format(f"item{number}"), None) for number in range(20)]
    rows = [
        make_sample(
            row,
            question if apart else f"{question}\n\n{given or ''}",
            f"Answer {row}.",
            input=given if apart else None,
            origin="imported",
            language=language,
        )
        for row, (question, given) in enumerate(asked)
    ]
    decision = decide(rows, [measure_row(row) for row in rows], Settings(), reviews={})
    assert [verdict["reason"] for verdict in decision.verdicts.to_pylist()] == [None] * 40


def test_a_request_answered_twice_keeps_the_better_answer_and_labels_that_differ_keep_both() -> None:
    asked = [
        (
            "List two rivers of France.",
            "The Seine flows through Paris, and the Loire through Nantes.",
        ),
        (
            "Please name 2 rivers of France",
            "There are rivers, and some of them are in France or so.",
        ),
        ("Is a whale bigger than a bus?", "Yes"),
        ("Is a bus bigger than a whale?", "No"),
        (
            "Sort mammals, birds and fish by weight, briefly.",
            "Fish, birds, mammals: a rule with many exceptions, of course.",
        ),
        (
            "Briefly sort mammals, birds and fishes by their weigth.",
            "Fish, birds, mammals: a rule with many exceptions, of course.",
        ),
    ]
    rows = [make_sample(row, *pair, origin="imported") for row, pair in enumerate(asked)]
    found = decide(rows, [measure_row(row) for row in rows], Settings(), reviews={}).verdicts.to_pylist()
    assert {verdict["row"]: (verdict["reason"], verdict["of"]) for verdict in found if not verdict["kept"]} == {
        1: ("too_similar", 0),
        5: ("too_similar", 4),
    }


def test_a_copy_of_a_row_that_repeats_another_names_the_one_that_is_kept() -> None:
    texts = ["List five fruits", "Please list five fruits", "Please list five fruits"]
    rows = [make_sample(row, text, origin="imported") for row, text in enumerate(texts)]
    found = decide(rows, [measure_row(row) for row in rows], Settings(), reviews={}).verdicts.to_pylist()
    assert [(v["reason"], v["of"]) for v in found] == [(None, None), ("too_similar", 0), ("exact_duplicate", 0)]
    assert found[2]["checks"][0]["of"] == 1


def test_seeds_stay_and_block_and_one_task_is_exempt_from_itself() -> None:
    text = "List five fruits that grow in cold places"
    rows = [
        make_sample(0, text, origin="seed"),
        make_sample(1, text + " now", origin="seed"),
        make_sample(2, text + " today", task_id="pears"),
        make_sample(3, "Count the words of a line", task_id="count", input="a b"),
        make_sample(4, "Count the words of a line", task_id="count", input="c"),
    ]
    assert list(find_similar(rows)) == [2]
    assert list(find_similar(rows, kept_by_hand={2})) == []


def test_the_first_in_preference_order_wins_and_texts_without_tokens_never_match() -> None:
    rows = [make_sample(3, "Sort the names of the rivers"), make_sample(8, "Sort the names of the lakes")]
    assert list(find_similar(rows)) == [8]
    assert list(find_similar(rows, kept_by_hand={8})) == [3]
    assert find_similar([make_sample(0, "🙂🙂🙂"), make_sample(1, "🙂🙂🙂", "Blue.")]) == {}


# Balance.


def candidates(*cells: tuple[str | None, str]) -> list[Candidate]:
    return [Candidate(row, category, language) for row, (category, language) in enumerate(cells)]


def test_caps_by_cell_category_and_language_take_the_first_rows() -> None:
    rows = candidates(*[("code", "en"), ("code", "zh"), ("planning", "en")] * 3)
    assert set(balance(rows, Balance(caps={"code/en": 1}), None).dropped) == {3, 6}
    assert set(balance(rows, Balance(caps={"code": 3}), None).dropped) == {4, 6, 7}
    result = balance(rows, Balance(caps={"en": 2}), None)
    assert set(result.dropped) == {3, 5, 6, 8}
    assert result.dropped[5] == Check("over_cap", 4.0, 2.0, evidence="en")


def test_the_target_is_exact_and_says_so() -> None:
    result = balance(candidates(*[("code", "en")] * 5), Balance(), 3)
    assert result.dropped == {3: Check("over_target", 4.0, 3.0), 4: Check("over_target", 5.0, 3.0)}


def test_floors_are_served_first_when_the_target_cuts() -> None:
    rows = candidates(*[("code", "en")] * 5, *[("planning", "zh")] * 3)
    assert set(balance(rows, Balance(), 5).dropped) == {5, 6, 7}
    assert set(balance(rows, Balance(floors={"planning/zh": 2}), 5).dropped) == {3, 4, 7}


def test_a_floor_that_cannot_be_met_is_a_warning_in_both_languages() -> None:
    [warning] = balance(candidates(("code", "en")), Balance(floors={"planning": 2}), None).warnings
    assert warning.level == "warning"
    assert warning.text_en == "balance.floors asks for at least 2 rows of planning; 0 could be kept."
    assert warning.text_zh == "balance.floors 要求 planning 至少 2 行，实际只能保留 0 行。"


def test_caps_on_what_no_row_is_in_are_named_in_both_languages() -> None:
    rows = candidates(("code", "en"), ("planning", "zh"))
    [note] = balance(rows, Balance(caps={"code": 5, "planning/en": 5, "hard": 1}), None).warnings
    assert note.level == "info"
    assert note.text_en == "balance.caps names what no row is in: planning/en, hard."
    assert note.text_zh == "balance.caps 里的这些名称没有对应的数据行：planning/en、hard。"


def test_the_largest_share_holds_for_the_rows_that_are_kept() -> None:
    rows = candidates(*[("code", "en")] * 90, *[("planning", "en")] * 6, *[("planning", "zh")] * 4)
    kept = Counter(
        row.profile.cell for row in rows if row.row not in balance(rows, Balance(max_share=0.5), None).dropped
    )
    assert kept == {"code/en": 10, "planning/en": 6, "planning/zh": 4}


def test_a_share_that_cannot_hold_is_left_aside_with_a_warning() -> None:
    result = balance(candidates(*[("code", "en")] * 5), Balance(max_share=0.5), None)
    assert result.dropped == {}
    assert result.warnings[0].text_en.startswith("balance.max_share 0.5 cannot hold for the 1 cells")


def test_unknown_cells_are_reported_together_with_the_nearest_name() -> None:
    mix = Balance(caps={"maths/en": 3, "codee": 1}, floors={"own/en": 1})
    with pytest.raises(UsageError) as caught:
        balance(candidates(("own", "en")), mix, None)
    assert "balance.caps: no such cell 'codee', did you mean 'code'?" in caught.value.message
    assert "balance.caps: no such cell 'maths/en'" in caught.value.message
    assert "own/en" not in caught.value.message


CELLS = st.tuples(st.sampled_from(["code", "planning", "writing", None]), st.sampled_from(["en", "zh"]))
GROUPS = ["code", "planning", "en", "zh", "code/en", "writing/zh", "uncategorised"]
CAPS = st.dictionaries(st.sampled_from(GROUPS), st.integers(0, 8), max_size=3)


@settings(max_examples=200)
@given(
    cells=st.lists(CELLS, max_size=40),
    caps=CAPS,
    floors=CAPS,
    share=st.sampled_from([1.0, 0.5, 0.34, 0.25, 0.1]),
    target=st.none() | st.integers(1, 30),
)
def test_the_mix_holds_its_laws(
    cells: list[tuple[str | None, str]], caps: dict[str, int], floors: dict[str, int], share: float, target: int | None
) -> None:
    rows = candidates(*cells)
    result = balance(rows, Balance(caps=caps, floors=floors, max_share=share), target)
    kept = [row for row in rows if row.row not in result.dropped]
    counts = Counter(group for row in kept for group in row.profile.groups)

    assert set(result.dropped) <= {row.row for row in rows}
    assert all(counts[group] <= cap for group, cap in caps.items())
    if not any("max_share" in note.text_en for note in result.warnings):
        assert all(counts[row.profile.cell] <= share * len(kept) + 1e-9 for row in kept)
    warned = {group for group in floors if any(f"rows of {group};" in note.text_en for note in result.warnings)}
    assert warned == {group for group, floor in floors.items() if counts[group] < floor}
    if target is not None:
        without_target = balance(rows, Balance(caps=caps, floors=floors, max_share=share), None)
        assert len(kept) == min(target, len(rows) - len(without_target.dropped))
    assert balance(rows, Balance(caps=caps, floors=floors, max_share=share), target) == result


# Split.

WORDS = [
    "river",
    "stone",
    "cloud",
    "maple",
    "engine",
    "violin",
    "harbour",
    "pepper",
    "mirror",
    "falcon",
    "cotton",
    "anchor",
]


def make_rows(count: int, rng: random.Random, *, words: int = 8, instances: int = 1) -> list[SplitRow]:
    rows: list[SplitRow] = []
    for number in range(count):
        text = " ".join(rng.choice(WORDS) for _ in range(words))
        for _ in range(instances):
            cell = ("code", "en") if number % 4 else ("planning", "zh")
            rows.append(SplitRow(len(rows), f"task-{number}", *cell, text))
    return rows


def too_close(rows: list[SplitRow], sides: Mapping[int, str], threshold: float) -> list[tuple[int, int]]:
    tokens = {row.row: tokenise(row.text) for row in rows}
    train = [row.row for row in rows if sides[row.row] == "train"]
    validation = [row.row for row in rows if sides[row.row] == "validation"]
    return [(v, t) for v, t in product(validation, train) if similarity(tokens[v], tokens[t]) > threshold]


@settings(max_examples=60)
@given(
    count=st.integers(0, 40),
    words=st.integers(2, 9),
    instances=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9]),
    threshold=st.sampled_from([0.3, 0.6, 0.9]),
    seed=st.integers(0, 3),
)
def test_no_validation_row_is_close_to_a_training_row(
    count: int, words: int, instances: int, share: float, threshold: float, seed: int
) -> None:
    rows = make_rows(count, random.Random(seed), words=words, instances=instances)
    chosen = Split(validation_share=share, max_similarity=threshold)
    result = split(rows, chosen, seed)
    sides = result.assignment

    assert set(sides) == {row.row for row in rows}
    assert too_close(rows, sides, threshold) == []
    assert all(len({sides[row.row] for row in rows if row.task_id == name}) == 1 for name in {r.task_id for r in rows})
    assert not rows or "train" in sides.values()
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert split(shuffled, chosen, seed).assignment == sides


def test_the_share_holds_in_each_cell_when_nothing_is_close() -> None:
    rows = make_rows(400, random.Random(1), words=30)
    result = split(rows, Split(validation_share=0.1), 0)
    taken = Counter(row.category for row in rows if result.assignment[row.row] == "validation")
    assert taken == {"code": 30, "planning": 10}
    assert result.notes == []
    assert result.assignment != split(rows, Split(validation_share=0.1), 1).assignment


def test_close_tasks_go_to_validation_together_when_there_are_no_others() -> None:
    rows = [
        SplitRow(2 * n + twin, f"task-{n}-{twin}", "code", "en", f"{word} {word}s of the {word} {ending}")
        for n, word in enumerate(WORDS)
        for twin, ending in enumerate(("today", "now"))
    ]
    result = split(rows, Split(validation_share=0.25, max_similarity=0.5), 0)
    chosen = {row.task_id[:-2] for row in rows if result.assignment[row.row] == "validation"}
    assert Counter(result.assignment.values()) == {"train": 18, "validation": 6}
    assert len(chosen) == 3
    assert too_close(rows, result.assignment, 0.5) == []


def test_a_validation_set_that_stays_too_small_says_why() -> None:
    rows = [SplitRow(n, f"task-{n}", "code", "en", f"Sort the {n} names of the rivers in the list") for n in range(40)]
    result = split(rows, Split(validation_share=0.1), 0)
    assert set(result.assignment.values()) == {"train"}
    assert result.moved == 40
    [note] = result.notes
    assert note.text_en.startswith("The validation set has 0 rows, fewer than 20. 4 of 40 rows (40 tasks) were wanted")
    assert "40 rows that were drawn stay in training" in note.text_en
    assert note.text_zh.startswith("验证集只有 0 行，少于 20 行。共 40 行（40 个任务），应抽 4 行")


def test_no_validation_set_was_asked_for() -> None:
    result = split(make_rows(5, random.Random(0)), Split(validation_share=0), 0)
    assert set(result.assignment.values()) == {"train"}
    assert result.notes == []
