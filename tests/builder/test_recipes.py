"""Every recipe: its conversation to the letter, what it refuses to read, and builds that mix all of them."""

import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder import pipeline
from builder.answers import AnswerKey, check_answer
from builder.config import Settings
from builder.curation.filtering import check_row
from builder.errors import UsageError
from builder.generation.admission import Admission
from builder.generation.pool import Pool
from builder.procedural.families import (
    FAMILIES,
    LEARNABLE,
    Language,
    answer,
    converse,
    deepen,
    make_task,
    recognise,
    rephrase,
)
from builder.procedural.teacher.embedded import create_app
from builder.procedural.teacher.faults import Faults
from builder.procedural.teacher.lessons import compose_reply
from builder.recipes import RECIPES
from builder.recipes.evolve import find_failure
from builder.recipes.phrasings import find_change
from builder.recipes.recipe import Ask, Draft, Instance, Job, Reading, Task, Unreadable
from builder.requests.sender import Completion
from builder.schema import Sample, sample_from_record, task_messages
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.similarity import novelty_text
from builder.text import Thresholds
from tests.builder.recipe_jobs import CHINESE, ENGLISH, JOBS, as_lines, job_of
from tests.builder.references import FEW_SEEDS, scan
from tests.builder.test_growing import QUIET, ledger_rows, published, rows
from tests.endpoint import serving

CONVERSATIONS = Path(__file__).parent / "conversations"
MIX = (
    "growth.recipes={self_instruct: 2, topic: 1, evolve: 3, phrasings: 2, dialogue: 2}",
    "growth.topics=[beekeeping, 养蜂]",
    "growth.tasks_per_request=4",
    "growth.window=6",
    "teacher.concurrency=4",
    "split.min_validation_rows=0",
    FEW_SEEDS,
)


def settings(*overrides: str) -> Settings:
    return load_settings(None, overrides, {})


def build(root: Path, *overrides: str) -> pipeline.Outcome:
    return pipeline.build(settings(*overrides), root, QUIET, {})


def reply(*tasks: Any, finish: str = "stop") -> Completion:
    return Completion(json.dumps({"tasks": tasks}, ensure_ascii=False), finish, 10, 5)


def read(recipe: str, parent: Task, *tasks: Any, **material: Any) -> list[str]:
    """What a recipe reads from one reply, as lines."""
    found = RECIPES[recipe].proceed(job_of(recipe, parent, **material), [reply(*tasks)])
    assert isinstance(found, Reading)
    return as_lines(found)


def ask(recipe: str, language: str, *replies: Completion) -> str:
    step = RECIPES[recipe].proceed(JOBS[f"{recipe}.{language}"], replies)
    assert isinstance(step, Ask)
    return step.messages[0]["content"]


@pytest.mark.parametrize("name", sorted(JOBS))
def test_the_conversation_to_the_letter(name: str) -> None:
    sections = re.split(r"^=== (\w+)\n", (CONVERSATIONS / f"{name}.txt").read_text("utf-8"), flags=re.MULTILINE)[1:]
    expected = [(kind, text.removesuffix("\n")) for kind, text in zip(sections[::2], sections[1::2], strict=True)]
    job = JOBS[name]
    replies: list[Completion] = []
    seen: list[tuple[str, str]] = []
    written = [text for kind, text in expected if kind == "reply"]
    while isinstance(step := RECIPES[job.recipe].proceed(job, replies), Ask):
        seen += [(message["role"], message["content"]) for message in step.messages]
        seen.append(("reply", written[len(replies)]))
        replies.append(Completion(written[len(replies)], "stop", 1, 1))
    seen.append(("read", "\n".join(as_lines(step))))
    assert seen == expected


@pytest.mark.parametrize("name", sorted(JOBS))
def test_prompts_are_written_in_their_language(name: str) -> None:
    recipe, language = name.split(".")
    text = ask(recipe, language)
    own_words = re.sub(r'\{.*\}|"[^"]*"', "", text)
    assert bool(re.search("[\u4e00-\u9fff]", own_words)) is name.endswith(".zh")


# Self-Instruct: several requests.


INSTRUCTIONS = reply({"instruction": "Is the note kind or harsh?"}, {"instruction": "Shorten the note to one line."})


def test_instances_are_asked_label_first_for_classification_only() -> None:
    kinds = reply({"number": 1, "is_classification": True}, {"number": 2, "is_classification": False})
    labels = reply({"number": 1, "labels": ["kind", "harsh"], "instances": [{"output": "kind", "input": "Well done."}]})
    first, second = (
        ask("self_instruct", "en", INSTRUCTIONS, kinds),
        ask("self_instruct", "en", INSTRUCTIONS, kinds, labels),
    )
    assert "output first" in first
    assert "Is the note kind" in first
    assert "Shorten" not in first
    assert "input first" in second
    assert "Shorten" in second
    assert "Is the note kind" not in second


def test_without_classification_there_are_three_requests() -> None:
    kinds = reply({"number": 1, "is_classification": False}, {"number": 2, "is_classification": False})
    assert "input first" in ask("self_instruct", "en", INSTRUCTIONS, kinds)
    instances = reply(
        {"number": 1, "instances": [{"input": "Well done.", "output": "kind"}]},
        {"number": 2, "instances": [{"input": "a b", "output": "a"}]},
    )
    ended = RECIPES["self_instruct"].proceed(JOBS["self_instruct.en"], [INSTRUCTIONS, kinds, instances])
    assert isinstance(ended, Reading)
    assert [draft.task.instruction for draft in ended.found if isinstance(draft, Draft)] == [
        "Is the note kind or harsh?",
        "Shorten the note to one line.",
    ]


def test_every_instruction_ends_as_a_draft_or_with_its_reason() -> None:
    instructions = reply(
        {"instruction": "Is the note kind or harsh?"},
        {"instruction": "is the note kind or  harsh?"},
        {"category": "writing"},
        {"instruction": "Shorten the note to one line."},
        {"instruction": "Name its writer."},
    )
    kinds = reply({"number": 1, "is_classification": True}, {"number": 2, "is_classification": False})
    labels = reply({"number": 1, "labels": ["kind", "harsh"], "instances": [{"output": "rude", "input": "Go away."}]})
    inputs = reply({"number": 2, "instances": [{"input": "a b", "output": "a"}]}, finish="length")
    ended = RECIPES["self_instruct"].proceed(JOBS["self_instruct.en"], [instructions, kinds, labels, inputs])
    assert isinstance(ended, Reading)
    assert as_lines(ended) == [
        "not_a_task: the output 'rude' is none of its labels",
        'generation en None ["Shorten the note to one line.", ["a b", "a"]]',
        "not_a_task: no answer to number 3: whether it is a classification",
        "exact_duplicate: the same instruction stands earlier",
        'not_a_task: no text under "instruction"',
    ]


def test_nothing_readable_ends_the_job_with_its_first_reply() -> None:
    ended = RECIPES["self_instruct"].proceed(JOBS["self_instruct.en"], [Completion("I'd rather not.", "stop", 1, 1)])
    assert isinstance(ended, Reading)
    assert [found.reason for found in ended.found if isinstance(found, Unreadable)] == ["not_json"]


# Evolve: what failed.

LONG = Task(
    "p",
    "Plan a picnic for six friends by the lake.",
    (Instance("budget: 60 euros", "Bread, cheese, …"),),
    "planning",
    "en",
    False,
)
DEEPER = "Draw up what six people eat outdoors at the water, two of them vegetarian, so that nobody pays over ten euros each."


@pytest.mark.parametrize(
    ("instruction", "output", "evidence"),
    [
        ("Plan a picnic for six friends by the lake.", "x", "the parent again"),
        ("Plan a picnic for six friends by the old lake.", "x", "nearly the parent: ROUGE-L 0.95 is above 0.9"),
        (f"{DEEPER} #Given Prompt# follows.", "x", "copies words of the prompt: #Given Prompt#"),
        (f"The rewritten task: {DEEPER}", "x", "copies words of the prompt: rewritten task"),
        ("List food for a group outdoors.", "x", "shorter than its parent: 6 words, not 9, where deeper was asked for"),
        (DEEPER, "I'm sorry, I can't plan that.", "declined: the task or its answer is an apology"),
        (DEEPER, "", "answer missing: an output is empty"),
        (DEEPER, None, 'answer missing: an instance without text under "output"'),
    ],
)
def test_an_evolution_that_failed_says_why(instruction: str, output: str | None, evidence: str) -> None:
    task = {"instruction": instruction, "instances": [{"input": "", "output": output}]}
    assert read("evolve", LONG, task, direction="constraints") == [f"evolution_failed: {evidence}"]


@pytest.mark.parametrize(
    ("instruction", "evidence"),
    [
        ("把这些词按字数排列。", "the parent again"),
        ("改写后的任务：把词按字数从少到多排，字数相同的按笔画排。", "copies words of the prompt: 改写后的任务"),
        ("排一下词。", "shorter than its parent: 4 words, not 9, where deeper was asked for"),
        ("抱歉，我无法把这条任务变得更难一些。", "declined: the task or its answer is an apology"),
    ],
)
def test_a_chinese_evolution_that_failed_says_why(instruction: str, evidence: str) -> None:
    task = {"instruction": instruction, "instances": [{"input": "", "output": "梨"}]}
    assert read("evolve", CHINESE, task, direction="reasoning") == [f"evolution_failed: {evidence}"]


def test_a_good_evolution_names_its_parent_and_keeps_its_category() -> None:
    task = {"instruction": DEEPER, "instances": [{"input": "", "output": "Bread"}]}
    (line,) = read("evolve", LONG, task, direction="constraints")
    assert line.startswith("generation en planning of p ")
    shorter = Task("", "List ten things that float.", (Instance("", "A cork"),), None, "en", False)
    assert find_failure(LONG, "broader", shorter) is None


def test_a_richer_input_may_leave_the_instruction_as_it_is() -> None:
    richer = replace(LONG, instances=(Instance("budget: 60 euros; two vegetarians; rain at 3; no car; one dog", "…"),))
    assert find_failure(LONG, "input", richer) is None
    assert find_failure(LONG, "input", LONG) == "nearly the parent: ROUGE-L 1.00 is above 0.9"


def test_a_declined_evolution_and_a_second_task_are_named() -> None:
    declined = RECIPES["evolve"].proceed(
        job_of("evolve", CHINESE, direction="deepen"), [Completion("很抱歉，这条任务无法加深。", "stop", 1, 1)]
    )
    assert isinstance(declined, Reading)
    assert as_lines(declined) == ["evolution_failed: declined: 很抱歉，这条任务无法加深。"]
    task = {"instruction": DEEPER, "instances": [{"input": "", "output": "Bread"}]}
    lines = read("evolve", LONG, task, task, direction="deepen")
    assert lines[1:] == ["evolution_failed: a second task, where one was asked for"]


# Phrasings: what must survive.


@pytest.mark.parametrize(
    ("parent", "wording", "change"),
    [
        ("Keep words of 3 letters.", "Which words have 3 letters?", None),
        ("Keep words of 3 letters.", "Which words have three letters?", "number lost: 3"),
        ("Keep words of 3 letters.", "Which words have 4 letters?", "number lost: 3; number added: 4"),
        ("Step 1: sort; step 2: add 5.", "First sort, then add 5.", None),
        ('Replace "cat" by "dog".', 'Put "dog" where "cat" stands.', None),
        ('Replace "cat" by "dog".', 'Put "dog" where the animal stands.', "quotation lost: cat"),
        ("Say yes or no.", "Answer either yes or no.", None),
        ("Say yes or no.", "Is it so?", "label lost: no, yes"),
        ("挑出超过20的数。", "大于20的数有哪些？", None),
        ("挑出超过20的数。", "大于二十的数有哪些？", "number lost: 20"),
        ("把“甲”换成“乙”。", "用“乙”代替“甲”。", None),
        ("把“甲”换成“乙”。", "用“乙”代替它。", "quotation lost: 甲"),
    ],
)
def test_numbers_quotations_and_labels_survive_in_every_wording(parent: str, wording: str, change: str | None) -> None:
    task = Task("p", parent, (Instance("a", "yes"), Instance("b", "no")), None, "en", True)
    assert find_change(task, wording) == change


def test_wordings_are_bounded_and_never_come_twice() -> None:
    wordings = [
        "Order the words by length.",
        "order the words by  LENGTH.",
        "Rank words by length.",
        "Words, by length!",
    ]
    lines = read("phrasings", ENGLISH, *({"instruction": wording} for wording in wordings))
    assert [line.split()[0].rstrip(":") for line in lines] == [
        "generation",
        "exact_duplicate",
        "generation",
        "over_cap",
    ]


def test_wordings_share_the_tasks_id_and_are_exempt_among_themselves() -> None:
    made = Admission(Thresholds(0.7, 0.7), measure=measure_row, check=lambda *_: [], teacher="t")
    made.admit_seed(ENGLISH, "seeds#1")
    job = job_of("phrasings", ENGLISH)
    found = RECIPES["phrasings"].proceed(
        job, [reply({"instruction": "Sort the given words by length."}, {"instruction": "Sort these words by length."})]
    )
    assert isinstance(found, Reading)
    admitted = made.admit_job(job, found, "r000005.0")
    assert [(s.task_id, s.answer, s.parents) for s in admitted.samples] == [("e1", "fig, pear", ("e1",))] * 2
    other = Reading((Draft(replace(ENGLISH, id="", instruction="Sort the four words by length.")),))
    assert [r.reason for r in made.admit_job(job, other, "r000006.0").rejections] == ["too_similar"]


# Dialogue: what is none.


def turns(*contents: str) -> list[dict[str, str]]:
    return [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(contents)]


@pytest.mark.parametrize(
    ("value", "evidence"),
    [
        ({"messages": turns("a", "b")}, "1 rounds, expected 2 to 5"),
        ({"messages": turns(*"abcdefghijkl")}, "6 rounds, expected 2 to 5"),
        ({"messages": turns("a", "b", "c")}, "it ends with the user"),
        ({"messages": turns("a", "b", "A", "d")}, "the user says the same twice: a"),
        ({"messages": turns("a", " ", "c", "d")}, "turn 2 (assistant) holds no text"),
        ({"messages": turns("a", "b", "c", "d")[1:]}, "turn 1 is assistant's, expected user"),
        ({"messages": [{"role": "user", "content": "a"}] * 2}, "turn 2 is user's, expected assistant"),
        ({"messages": [{"role": "narrator", "content": "a"}]}, "turn 1 has the role 'narrator'"),
        ({"messages": "a, b"}, 'no list under "messages"'),
        ({"instruction": "a", "output": "b"}, 'no list under "messages"'),
    ],
)
def test_a_malformed_dialogue_says_what_is_wrong(value: Any, evidence: str) -> None:
    assert read("dialogue", ENGLISH, value, rounds=2, system=False) == [f"not_a_dialogue: {evidence}"]


def test_a_cut_dialogue_is_not_guessed_at() -> None:
    whole = json.dumps({"tasks": [{"messages": turns("a", "b", "c", "d")}]})
    cut = RECIPES["dialogue"].proceed(
        job_of("dialogue", ENGLISH, rounds=2, system=False), [Completion(whole[:-20], "length", 1, 1)]
    )
    assert isinstance(cut, Reading)
    assert [found.reason for found in cut.found if isinstance(found, Unreadable)] == ["cut_by_length"]


# The published filters.


@pytest.mark.parametrize(
    ("instruction", "given", "self_instruct", "alpaca"),
    [
        ("Name four rivers.", "", "instruction_too_short", "instruction_too_short"),
        ("Name four long rivers.", "", None, None),
        ("Name - four rivers.", "", None, None),  # four runs between spaces
        (" ".join(["word"] * 150), "", None, None),
        (" ".join(["word"] * 151), "", "instruction_too_long", "instruction_too_long"),
        *(
            (f"Talk about the {word.upper()} with me.", "", "blocked_word", "blocked_word")
            for word in (
                "image",
                "images",
                "graph",
                "graphs",
                "picture",
                "pictures",
                "file",
                "files",
                "map",
                "maps",
                "draw",
                "plot",
            )
        ),
        ("Please go to the shop.", "", "blocked_word", "blocked_word"),
        *(
            (f"Talk about the {word} with me.", "", None, "blocked_word")
            for word in ("video", "audio", "music", "flowchart", "diagram")
        ),
        ("Talk about the videos with me.", "", None, None),
        ("Mapping a profile is graphic.", "", None, None),
        ("Write a program that adds.", "", "starts_with_write_a_program", "starts_with_write_a_program"),
        ("write a PROGRAM that adds.", "", "starts_with_write_a_program", None),
        ("Please write a program first.", "", None, None),
        ("Write a  program that adds.", "", "starts_with_write_a_program", None),
        ("(a) Name four rivers.", "", "starts_with_punctuation", "starts_with_punctuation"),
        ("“Rivers” are named how?", "", "starts_with_non_ascii", "starts_with_non_ascii"),
        ("Émile names four rivers.", "", "starts_with_non_ascii", "starts_with_non_ascii"),
        ("Tell whether it is kind.", "The note:", "input_ends_with_colon", None),
    ],
)
def test_the_published_rules_one_by_one(
    instruction: str, given: str, self_instruct: str | None, alpaca: str | None
) -> None:
    for preset, reason in (("self-instruct-classic", self_instruct), ("alpaca-classic", alpaca)):
        chosen = settings(f"growth.preset={preset}", "growth.languages={en: 1}")
        messages = task_messages(instruction, given, "I'm sorry, but I can't do that.")
        sample = Sample(0, "t", messages, None, "en", "generated", "alpaca:t", instruction=instruction, input=given)
        failed = check_row(sample, measure_row(sample), chosen.filters)
        assert [check.reason for check in failed] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("preset", "found"),
    [
        ("self-instruct-classic", ["cut_by_length: dropped whole"]),
        ("alpaca-classic", ["generation en", "cut_by_length:"]),  # the last one, though it is whole, is not kept
    ],
)
def test_a_cut_completion_goes_whole_or_gives_its_whole_tasks(preset: str, found: list[str]) -> None:
    chosen = settings(f"growth.preset={preset}", "growth.languages={en: 1}")
    job = Pool(chosen, [ENGLISH]).build(0)
    task = {"instruction": "Name four rivers.", "instances": [{"input": "", "output": "Rhine, …"}]}
    ended = RECIPES["alpaca"].proceed(job, [reply(task, task, finish="length")])
    assert isinstance(ended, Reading)
    lines = as_lines(ended)
    assert len(lines) == len(found)
    assert all(line.startswith(beginning) for line, beginning in zip(lines, found, strict=True))


def test_a_cut_reply_of_instances_loses_its_last_task_alone() -> None:
    job = JOBS["self_instruct.en"]
    job = replace(job, needs=replace(job.needs, preset="self-instruct-classic"))
    kinds = reply({"number": 1, "is_classification": False}, {"number": 2, "is_classification": False})
    whole = reply({"number": 1, "instances": [{"input": "Well done.", "output": "kind"}]}).content
    cut = Completion(whole.removesuffix("]}") + ', {"number": 2, "instan', "length", 1, 1)
    ended = RECIPES["self_instruct"].proceed(job, [INSTRUCTIONS, kinds, cut])
    assert isinstance(ended, Reading)
    assert [found.reason if isinstance(found, Unreadable) else "read" for found in ended.found] == [
        "read",
        "cut_by_length",
    ]


def test_a_preset_says_that_it_is_english_and_what_its_threshold_is() -> None:
    with pytest.raises(UsageError, match="English by nature"):
        settings("growth.preset=alpaca-classic", "growth.languages={en: 1, zh: 1}")
    with pytest.raises(UsageError, match=r"novelty\.threshold_characters 0\.7"):
        settings("growth.preset=alpaca-classic", "growth.languages={en: 1}", "novelty.threshold=0.8")


def test_a_build_with_a_preset_labels_every_rejection(tmp_path: Path) -> None:
    outcome = build(
        tmp_path / "d",
        "target=60",
        "growth.preset=self-instruct-classic",
        "growth.languages={en: 1}",
        "growth.tasks_per_request=4",
        "teacher.faults='cut=0.3'",
        "split.min_validation_rows=0",
    )
    assert published(tmp_path / "d") == 60
    assert outcome.report["candidates"]["by_reason"].keys() <= {
        "too_similar", "cut_by_length", "instruction_too_short", "blocked_word", "conflicting_answers",
    }  # fmt: skip
    assert outcome.report["candidates"]["by_reason"]["cut_by_length"] > 0


# What the embedded teacher makes of a task is right.


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("families", [frozenset(FAMILIES), LEARNABLE], ids=["all", "learnable"])
def test_variations_of_a_procedural_task_are_right(language: Language, families: frozenset[str]) -> None:
    rng = random.Random(language)
    deepened = 0
    for _ in range(40):
        task = make_task(rng, language=language, families=families, categories=None, instances=1, max_depth=2)
        before = recognise(task.instruction)
        assert before is not None
        for wording in rephrase(task.instruction, rng, 3) or ():
            assert wording != task.instruction
            assert recognise(wording) == before
            assert answer(wording, task.instances[0].input) == task.instances[0].output
        deeper = deepen(task.instruction, rng, families=families, instances=1, max_depth=3)
        if deeper is not None:
            after = recognise(deeper.instruction)
            assert after is not None
            assert len(after.operations) == len(before.operations) + 1
            assert set(before.operations) < set(after.operations)
            assert answer(deeper.instruction, deeper.instances[0].input) == deeper.instances[0].output
            deepened += 1
        spoken = converse(task.instruction, rng, families=families, rounds=3)
        assert spoken is not None
        assert len({said for said, _ in spoken}) == len(spoken) == 3
        instruction, _, given = spoken[0][0].partition("\n\n")
        assert answer(instruction, given) == spoken[0][1]
    assert deepened > 5


@pytest.mark.parametrize("recipe", ["evolve", "phrasings", "dialogue"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_teacher_says_so_where_a_task_is_not_procedural(recipe: str, language: str) -> None:
    content = compose_reply("seedbed-procedural", [ask(recipe, language)], "0")
    assert content.startswith({"en": "I am sorry", "zh": "抱歉"}[language])


def test_the_pool_offers_the_embedded_teacher_only_what_it_can_treat() -> None:
    pool = Pool(settings(*MIX, "growth.languages={en: 1, zh: 1}"), [ENGLISH, CHINESE])
    first = [pool.build(number) for number in range(4)]
    assert {job.recipe for job in first} == {"self_instruct", "topic"}
    task = make_task(random.Random(1), language="en", families=FAMILIES, categories=None, instances=1, max_depth=1)
    grown = Task("g", task.instruction, (Instance("", "x"),), task.category, "en", False)
    for tasks in ([grown], [], [], [], [], []):
        pool.add_admitted(tasks)
    later = [pool.build(number) for number in range(6, 12)]
    assert {j.demonstrations for j in later if j.recipe in ("evolve", "phrasings", "dialogue")} == {(grown,)}
    assert sum(job.recipe == "phrasings" for job in later) == 1


def test_a_mix_of_nothing_but_changes_is_refused_for_the_embedded_teacher() -> None:
    with pytest.raises(UsageError, match="only tasks that it grew itself"):
        settings("growth.recipes={evolve: 1}")
    with pytest.raises(UsageError, match="topic needs topics in zh"):
        settings("growth.recipes={topic: 1}", "growth.topics=[beekeeping]", "growth.languages={en: 1, zh: 1}")


# Builds.


@pytest.mark.parametrize("ordered", ["true", "false"])
def test_a_mixed_build_reaches_its_target_and_its_counts_close(tmp_path: Path, ordered: str) -> None:
    recipes_too = "growth.recipes={self_instruct: 2, topic: 1, evolve: 3, phrasings: 2, dialogue: 2, persona: 1}"
    outcome = build(tmp_path / "d", *MIX, recipes_too, "target=90", f"growth.ordered={ordered}")
    assert outcome.ending is None
    assert published(tmp_path / "d") == 90
    candidates = outcome.report["candidates"]
    assert candidates["total"] == candidates["admitted"] + sum(candidates["by_reason"].values())
    assert pipeline.verify(tmp_path / "d") == []
    grown = [row for row in rows(tmp_path / "d") if row["origin"] == "generated"]
    recipes = Counter((row["source"].partition(":")[0], row["language"]) for row in grown)
    assert recipes.keys() == {tuple(name.split(".")) for name in JOBS}
    by_task = Counter(row["task_id"] for row in grown if row["source"].startswith("phrasings"))
    assert max(by_task.values()) <= 3
    tasks = {row["task_id"] for row in grown if not row["source"].startswith("phrasings")}
    assert by_task.keys() <= tasks
    for row in grown:
        if row["answer_key"]:
            assert check_answer(AnswerKey.from_json(row["answer_key"]), row["messages"][-1]["content"]).passed
        if row["kind"] == "dialogue":
            assert 4 <= sum(turn["role"] != "system" for turn in row["messages"]) <= 10
    # What evolve made is held to its own rule against those that it was made from.
    parents = {row["task_id"]: row["parents"][0] for row in grown if row["source"].startswith("evolve")}

    def first(task: str) -> str:
        return first(parents[task]) if task in parents else task

    too_close = scan(
        [sample_from_record(row) for row in rows(tmp_path / "d")],
        Thresholds(0.7, 0.8),
        text=lambda sample: novelty_text(sample, "auto"),
        row=lambda sample: sample.row,
        group=lambda sample: first(sample.task_id),
        exempt=lambda sample: sample.origin == "seed",
    )
    assert too_close == {}
    if ordered == "false":
        (tmp_path / "replay").mkdir()
        shutil.copy(tmp_path / "d" / "ledger.sqlite", tmp_path / "replay")
        build(tmp_path / "replay", *MIX, recipes_too, "target=90", "growth.ordered=false")
        assert rows(tmp_path / "replay") == rows(tmp_path / "d")


_THREE_STEPS = (
    "growth.recipes={self_instruct: 1}",
    "growth.tasks_per_request=2",
    "growth.window=6",
    "teacher.concurrency=4",
    "split.min_validation_rows=0",
    FEW_SEEDS,
)


def _endpoint(url: str, ordered: bool) -> tuple[str, ...]:
    return (
        "teacher.provider=openai",
        "teacher.model=seedbed-procedural",
        f"teacher.base_url={url}",
        f"growth.ordered={str(ordered).lower()}",
    )


def _arguments(root: Path, url: str, ordered: bool) -> list[str]:
    arguments = [sys.executable, "-m", "builder", "build", "--quiet", "--target", "40", "--out", str(root)]
    overrides = (*_THREE_STEPS, *_endpoint(url, ordered))
    return arguments + [part for override in overrides for part in ("--set", override)]


def _received_of_unread_jobs(root: Path) -> int:
    try:
        query = (
            "SELECT count(*) FROM attempts JOIN requests ON requests.id = attempts.request "
            "JOIN jobs ON jobs.number = requests.job WHERE state = 'received' AND read_order IS NULL"
        )
        return int(ledger_rows(root, query)[0][0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize("name", [name for name in JOBS if name[:3] in ("sel", "top", "evo")])
def test_only_seedbeds_own_teacher_is_told_how_many_steps_a_task_may_have(name: str) -> None:
    def asked(job: Job) -> str:
        action = RECIPES[job.recipe].proceed(job, [])
        assert isinstance(action, Ask)
        return action.messages[0]["content"]

    hint = {"en": "\n- maximum steps: 3", "zh": "\n- 最多步骤：3"}[JOBS[name].needs.language]
    theirs = replace(JOBS[name], needs=replace(JOBS[name].needs, max_steps=None))
    assert asked(JOBS[name]).count(hint) == 1
    assert asked(theirs) == asked(JOBS[name]).replace(hint, "")


@pytest.mark.parametrize(
    ("more", "steps"),
    [
        ((), 3),
        (("teacher.provider=openai", "teacher.base_url=http://127.0.0.1:1/v1"), 3),
        (("teacher.provider=openai", "teacher.base_url=http://127.0.0.1:1/v1", "teacher.model=gpt-4o"), None),
    ],
)
def test_steps_are_counted_for_the_models_that_count_them(more: tuple[str, ...], steps: int | None) -> None:
    asked = ("growth.languages={en: 1, zh: 1}", "teacher.model=seedbed-procedural")
    assert Pool(load_settings(None, [*asked, *more]), [LONG, CHINESE]).build(0).needs.max_steps == steps


@pytest.mark.parametrize("ordered", [True, False])
def test_a_job_killed_between_its_requests_buys_none_of_them_again(tmp_path: Path, ordered: bool) -> None:
    root = tmp_path / "d"
    half_done = 0
    with serving(create_app(Faults(latency=0.05))) as url:
        arguments = _arguments(root, url, ordered)
        for _ in range(2):
            with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
                before = _received(root)
                while process.poll() is None and not (_received(root) >= before + 3 and _received_of_unread_jobs(root)):
                    time.sleep(0.02)
                process.send_signal(signal.SIGKILL)
            assert process.returncode == -signal.SIGKILL, "the build ended before it could be killed"
            half_done += _received_of_unread_jobs(root)
        assert half_done > 0
        assert build(root, *_THREE_STEPS, *_endpoint(url, ordered), "target=40").ending is None
    if ordered:
        build(tmp_path / "undisturbed", *_THREE_STEPS, "target=40")
        assert rows(root) == rows(tmp_path / "undisturbed")
    assert published(root) == 40
    assert pipeline.verify(root) == []
    bought = "SELECT request FROM attempts WHERE state = 'received' GROUP BY request HAVING count(*) > 1"
    assert ledger_rows(root, bought) == []
    assert ledger_rows(root, "SELECT job FROM requests GROUP BY job HAVING count(*) >= 3")


def _received(root: Path) -> int:
    try:
        return int(ledger_rows(root, "SELECT count(*) FROM attempts WHERE state = 'received'")[0][0])
    except sqlite3.OperationalError:
        return 0
