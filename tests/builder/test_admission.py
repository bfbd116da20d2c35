"""One reply at a time: which candidates become rows, and the reason each other one is given."""

import json
from dataclasses import replace
from typing import Any

import pytest

from builder.config import Filters
from builder.curation.filtering import check_row
from builder.generation.admission import Admission
from builder.recipes.alpaca import ALPACA, read
from builder.recipes.recipe import Draft, Instance, Job, Needs, Reading, Task
from builder.requests.sender import Completion
from builder.signals import measure_row
from builder.similarity import NoveltyKey
from builder.text import Thresholds

SEED = Task("s1", "List five fruits that grow in warm places.", (Instance("", "Mango, …"),), "open_qa", "en", False)


def admission() -> Admission:
    made = Admission(
        Thresholds(0.7, 0.7), measure=measure_row, check=lambda s, v: check_row(s, v, Filters()), teacher="test"
    )
    made.admit_seed(SEED, "seeds.jsonl#1")
    return made


def admit(made: Admission, *tasks: Any, language: str = "en", finish: str = "stop") -> tuple[list[str], list[str]]:
    admitted = made.admit_job(*reading(list(tasks), language, finish), "r000007.0")
    assert admitted.candidates == len(admitted.samples) + len(admitted.rejections)
    assert [r.position for r in admitted.rejections] == sorted({r.position for r in admitted.rejections})
    return [s.answer for s in admitted.samples], [r.reason for r in admitted.rejections]


def reading(tasks: list[Any], language: str = "en", finish: str = "stop") -> tuple[Job, Reading]:
    job = Job(7, "alpaca", Needs(8, language, ("code",), 2, 1), (SEED,))
    found = ALPACA.proceed(job, [Completion(json.dumps({"tasks": tasks}, ensure_ascii=False), finish, 10, 5)])
    assert isinstance(found, Reading)
    return job, found


def task(instruction: str, *instances: tuple[str, str], **extra: Any) -> dict[str, Any]:
    return {"instruction": instruction, "instances": [{"input": i, "output": o} for i, o in instances], **extra}


def test_a_good_task_becomes_rows_that_share_it() -> None:
    made = admission()
    content = task("Turn the verb into the past tense.", ("go", "went"), ("see", "saw"), category="rewriting")
    first, second = made.admit_job(*reading([content]), "r000007.0").samples
    assert (first.row, second.row) == (1, 2)
    assert first.task_id == second.task_id == "r000007-0"
    assert first.messages[0].content == "Turn the verb into the past tense.\n\ngo"
    assert (first.category, first.origin, first.parents, first.request_id) == (
        "rewriting",
        "generated",
        ("s1",),
        "r000007.0",
    )


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (task("", ("", "x")), "empty_instruction"),
        (task("Name a colour of the sea.", ("", "")), "empty_answer"),
        (task("Name the parts of a flower.", ("", "They are:")), "answer_ends_with_colon"),
        (task("说出花的各个部分。", ("", "有：")), "wrong_language"),
        (task("Copy the word as it stands.", ("tree", "tree")), "answer_equals_input"),
        (task("List six fruits that grow in warm places.", ("", "Fig")), "too_similar"),
        (task("Sing it.", ("", "La la la")), "instruction_too_short"),
        (task("Name an animal that people draw.", ("", "A cat")), "blocked_word"),
        (task("Tell me the way to the station.", ("", "I'm sorry, but I can't help with that.")), "refusal"),
        ({"instruction": "Name the largest planet we know."}, "not_a_task"),
        (
            {
                "instruction": "Add the two numbers that are given.",
                "instances": [
                    {"input": "2, 3", "output": "6", "answer_key": {"family": "f", "check": "number", "answer": "5"}}
                ],
            },
            "wrong_answer",
        ),
    ],
)
def test_a_bad_candidate_is_named(candidate: dict[str, Any], reason: str) -> None:
    assert admit(admission(), candidate) == ([], [reason])


def test_one_input_with_two_outputs_drops_the_task() -> None:
    candidate = task("Give the opposite of this word.", ("hot", "cold"), ("hot", "cool"), ("up", "down"))
    assert admit(admission(), candidate) == ([], ["conflicting_answers"] * 3)


def test_a_bad_instance_does_not_take_its_task_with_it() -> None:
    candidate = task("Give the opposite of this word.", ("hot", "cold"), ("up", ""), ("left", "right"))
    assert admit(admission(), candidate) == (["cold", "right"], ["empty_answer"])


def test_a_repeated_instance_is_a_duplicate() -> None:
    candidate = task("Give the opposite of this word.", ("hot", "cold"), ("HOT ", "cold"))
    assert admit(admission(), candidate) == (["cold"], ["exact_duplicate"])


def test_candidates_of_one_reply_are_held_against_each_other_and_case_stays() -> None:
    first = task("Write the SQL keyword in UPPER case.", ("select", "SELECT"))
    second = task("Write the SQL keyword in upper case.", ("from", "FROM"))
    made = admission()
    assert admit(made, first, second) == (["SELECT"], ["too_similar"])


def test_a_cut_reply_gives_its_whole_tasks_and_one_rejection() -> None:
    assert admit(admission(), task("Give the opposite of this word.", ("hot", "cold")), finish="length") == (
        ["cold"],
        ["cut_by_length"],
    )


def test_a_chinese_task_is_admitted_by_its_characters() -> None:
    made = admission()
    first = task("把这个词换成反义词。", ("热", "冷"))
    close = task("请把这个词换成反义词。", ("上", "下"))
    other = task("数一数句子里有几个字。", ("天晴了", "3"))
    assert admit(made, first, close, other, language="zh") == (["冷", "3"], ["too_similar"])


PICNIC = Task("s2", "Plan a picnic for a family of five.", (Instance("", "Bread, …"),), "planning", "en", False)
RICHER = (
    "Plan a picnic for a family of five who arrive by train.",
    "Plan a picnic for a family of five with a budget of 40 euros.",
    "Plan a picnic for a family of five, two of them vegetarian.",
    "Plan a picnic for a family of five on a rainy day in May.",
)


def evolved(parent: Task, *instructions: str) -> tuple[Job, Reading]:
    job = Job(9, "evolve", Needs(1, "en", ("planning",), 1, None), (parent,), {"direction": "constraints"})
    found = tuple(Draft(replace(parent, id="", instruction=text), parents=(parent.id,)) for text in instructions)
    return job, Reading(found)


def test_what_evolve_makes_is_not_held_against_its_parent_nor_against_what_else_came_of_it() -> None:
    made = admission()
    made.admit_seed(PICNIC, "seeds.jsonl#2")
    admitted = made.admit_job(*evolved(PICNIC, *RICHER), "r000009.0")
    assert [sample.instruction for sample in admitted.samples] == list(RICHER)
    (child, *_) = admitted.tasks
    longer = "Plan a picnic for a family of five who arrive by train at noon and leave before it gets dark."
    job, reading = evolved(child, longer)
    (grandchild,) = made.admit_job(replace(job, number=10), reading, "r000010.0").samples
    assert grandchild.parents == (child.id,)
    # Others are held against all of them.
    assert admit(made, task("Plan a picnic for a family of six who arrive by train.", ("", "x"))) == (
        [],
        ["too_similar"],
    )


def test_what_evolve_makes_twice_is_admitted_once() -> None:
    made = admission()
    made.admit_seed(PICNIC, "seeds.jsonl#2")
    again = "Plan a picnic for a family of five, who arrive by train!"
    admitted = made.admit_job(*evolved(PICNIC, RICHER[0], again), "r000009.0")
    assert [(r.reason, r.value, r.threshold, r.of) for r in admitted.rejections] == [("too_similar", 1.0, 0.9, 2)]


def test_what_evolve_makes_is_held_against_other_tasks() -> None:
    made = admission()
    made.admit_seed(PICNIC, "seeds.jsonl#2")
    admitted = made.admit_job(*evolved(PICNIC, "List ten fruits that grow in warm places."), "r000009.0")
    assert [(r.reason, r.of) for r in admitted.rejections] == [("too_similar", 0)]


TRANSLATE = "Translate the notice on the pier into French."


def keyed(key: NoveltyKey) -> Admission:
    return Admission(Thresholds(0.7, 0.7), measure=measure_row, check=lambda *_: [], teacher="test", key=key)


def test_what_is_compared_is_what_novelty_key_names() -> None:
    one = task(TRANSLATE, ("The ferry leaves at noon.", "Le ferry part à midi."))
    other = task(TRANSLATE, ("No swimming while the flag is red.", "Baignade interdite quand le drapeau est rouge."))
    same = task("Give the French answer, please.", ("No diving.", "Baignade interdite quand le drapeau est rouge."))
    found = {key: admit(keyed(key), one, other, same)[1] for key in ("auto", "instruction", "prompt", "answer")}
    assert found == {
        "auto": ["too_similar"],
        "instruction": ["too_similar"],
        "prompt": [],
        "answer": ["too_similar"],
    }


def test_where_prompts_are_compared_only_the_instance_that_repeats_one_goes() -> None:
    made = keyed("prompt")
    admit(made, task(TRANSLATE, ("The ferry leaves at noon.", "Le ferry part à midi.")))
    again = task(
        TRANSLATE, ("The ferry leaves at noon!", "…"), ("No swimming while the flag is red.", "Baignade interdite.")
    )
    job, found = reading([again])
    admitted = made.admit_job(replace(job, number=8), found, "r000008.0")
    assert [sample.answer for sample in admitted.samples] == ["Baignade interdite."]
    assert [(r.reason, r.of, r.threshold) for r in admitted.rejections] == [("too_similar", 0, 0.7)]
    assert [sample.row for sample in admitted.samples] == [1]


@pytest.mark.parametrize(
    ("said", "asked", "spelt"),
    [
        ("Code", ("code",), "code"),
        (" ＣＯＤＥ ", ("code",), "code"),
        ("代码", ("code",), "code"),
        ("Data Analysis", ("data_analysis",), "data_analysis"),
        ("closed-qa", ("closed_qa",), "closed_qa"),
        ("math", ("Mathematics",), "Mathematics"),
        ("数学", ("code",), "mathematics"),
        ("physics", ("Physics",), "Physics"),
        ("physics", ("code",), None),
        (3, ("code",), None),
    ],
)
def test_a_category_is_known_by_its_name_and_spelt_as_in_the_settings(
    said: Any, asked: tuple[str, ...], spelt: str | None
) -> None:
    read_task = read(task("Turn the verb into the past tense.", ("go", "went"), category=said), asked)
    assert isinstance(read_task, Task)
    assert read_task.category == spelt
