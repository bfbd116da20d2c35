"""`self-instruct-classic` and `alpaca-classic`: what they set, and their published rules for instances, one by one."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder import pipeline
from builder.config import Preset, Settings
from builder.curation.filtering import check_row
from builder.generation.admission import Admission, Admitted
from builder.generation.pool import Pool
from builder.recipes import RECIPES
from builder.recipes.recipe import Draft, Instance, Job, Reading, Task, Unreadable
from builder.requests.completion import Completion
from builder.settings_file import dump_settings, load_settings
from builder.signals import measure_row
from builder.store.dataset_folder import DatasetFolder
from builder.text import Thresholds
from tests.builder.test_growing import QUIET

SELF_INSTRUCT: Preset = "self-instruct-classic"
ALPACA: Preset = "alpaca-classic"
SEED = Task("s", "Say whether bees sleep at night.", (Instance("", "Yes."),), "writing", "en", False)


def settings(preset: str, *overrides: str) -> Settings:
    return load_settings(None, [f"growth.preset={preset}", *overrides], {})


def job(preset: Preset, *overrides: str) -> Job:
    return Pool(settings(preset, *overrides), [SEED]).build(0)


def admit(
    preset: Preset, instances: Sequence[tuple[str, str]], instruction: str = "Answer the note in one word."
) -> Admitted:
    chosen = settings(preset)
    made = Admission(
        Thresholds(0.7, 0.7), measure=measure_row, check=lambda s, v: check_row(s, v, chosen.filters), teacher="t"
    )
    task = Task("", instruction, tuple(Instance(*one) for one in instances), "writing", "en", False)
    return made.admit_job(job(preset), Reading((Draft(task),)), "r000000.0")


@pytest.mark.parametrize(
    ("preset", "recipe", "numbers"),
    [(SELF_INSTRUCT, "self_instruct", (8, 6, 8)), (ALPACA, "alpaca", (3, 3, 20))],
)
def test_a_preset_sets_the_published_numbers(preset: str, recipe: str, numbers: tuple[int, int, int]) -> None:
    chosen = settings(preset)
    growth = chosen.growth
    assert (growth.languages, growth.recipes) == ({"en": 1.0}, {recipe: 1.0})
    assert (growth.demonstrations, growth.human_demonstrations, growth.tasks_per_request) == numbers
    assert (chosen.filters.rules, chosen.teacher.temperature, chosen.novelty.threshold) == (preset, 1.0, 0.7)


def test_what_the_user_sets_stays_and_what_is_written_reads_back(tmp_path: Path) -> None:
    own = (
        "growth.demonstrations=5",
        "growth.tasks_per_request=7",
        "teacher.temperature=0.3",
        "growth.recipes={topic: 1}",
    )
    chosen = settings(ALPACA, *own, "growth.topics=[bees]")
    assert (chosen.growth.demonstrations, chosen.growth.human_demonstrations) == (5, 3)
    assert (chosen.growth.tasks_per_request, chosen.teacher.temperature) == (7, 0.3)
    assert chosen.growth.recipes == {"topic": 1.0}
    (tmp_path / "s.yaml").write_text(dump_settings(chosen), encoding="utf-8")
    assert load_settings(tmp_path / "s.yaml", (), {}) == chosen


@pytest.mark.parametrize(
    ("instances", "self_instruct", "alpaca"),
    [
        ([("Thanks.", "Kind")], [], []),
        ([("Thanks.", "Thanks.")], ["answer_equals_input"], []),
        ([("Thanks.", "thanks.")], [], []),  # to the letter
        ([("", "")], ["answer_equals_input"], ["no_answer"]),
        ([("Thanks.", "")], ["empty_answer"], ["no_answer"]),
        ([("Thanks:", "Kind")], ["input_ends_with_colon"], []),
        ([("Thanks.", "Labels:")], ["answer_ends_with_colon"], []),
        ([("Thanks.", "Labels：")], [], []),  # the rule is about ASCII
        ([("a b", "Kind"), ("a b", "Rude")], ["conflicting_answers"] * 2, []),
        ([("a b", "Kind"), ("A b", "Rude")], [], []),
        ([("", "Kind"), ("", "Rude")], [], []),  # only inputs that are not empty
        ([("a b", "Kind"), ("c d", "Kind"), ("a b", "Rude")], ["conflicting_answers"] * 3, []),
        ([("a b", "Kind"), ("a b", "Labels:")], ["answer_ends_with_colon"], []),  # what is invalid is no conflict
        ([("a b", "Kind"), ("a b", "Kind")], ["exact_duplicate"], ["exact_duplicate"]),
        ([("", "Kind"), ("", "Kind")], ["exact_duplicate"], ["exact_duplicate"]),
    ],
    ids=repr,
)
def test_the_rules_of_instances_one_by_one(
    instances: list[tuple[str, str]], self_instruct: list[str], alpaca: list[str]
) -> None:
    for preset, reasons in ((SELF_INSTRUCT, self_instruct), (ALPACA, alpaca)):
        admitted = admit(preset, instances)
        assert [rejection.reason for rejection in admitted.rejections] == reasons
        assert len(admitted.samples) + len(reasons) == admitted.candidates == len(instances)
        assert [sample.row for sample in admitted.samples] == list(range(len(admitted.samples)))
        assert len(admitted.signals) == len(admitted.samples)


def test_a_task_that_was_withdrawn_leaves_nothing_behind() -> None:
    made = Admission(Thresholds(0.7, 0.7), measure=measure_row, check=lambda *_: [], teacher="t")
    task = Task("", "Answer the note in one word.", (Instance("a", "x"), Instance("a", "y")), "writing", "en", False)
    other = replace(task, instances=(Instance("a", "x"),))
    admitted = made.admit_job(job(SELF_INSTRUCT), Reading((Draft(task), Draft(other))), "r000000.0")
    assert [rejection.reason for rejection in admitted.rejections] == ["conflicting_answers"] * 2
    assert [(sample.row, sample.task_id) for sample in admitted.samples] == [(0, "r000000-1")]  # not too similar to it


def test_english_that_quotes_chinese_is_english() -> None:
    admitted = admit(ALPACA, [("", "Good morning!")], "Put 早上好大家今天怎么样 into English.")
    assert [sample.language for sample in admitted.samples] == ["en"]
    assert [r.reason for r in admit(ALPACA, [("", "好")], "请把这句话翻译成英文 now if you can").rejections] == [
        "starts_with_non_ascii"
    ]


def reply(*tasks: dict[str, Any], end: str = "") -> Completion:
    return Completion(json.dumps({"tasks": tasks}).removesuffix("]}") + (end or "]}"), "length", 1, 1)


def read(preset: Preset, recipe: str, *replies: Completion) -> tuple[list[int], int]:
    """The instances of each task that was read from replies, and how often something was cut."""
    ended = RECIPES[recipe].proceed(job(preset, f"growth.recipes={{{recipe}: 1}}"), replies)
    assert isinstance(ended, Reading)
    drafts = [found for found in ended.found if isinstance(found, Draft)]
    cuts = [found for found in ended.found if isinstance(found, Unreadable) and found.reason == "cut_by_length"]
    return [len(draft.task.instances) for draft in drafts], len(cuts)


ONE = {"instruction": "Name four long rivers.", "instances": [{"input": "", "output": "Rhine"}]}
TWO = {"instruction": "Say why bees dance.", "instances": [{"input": "", "output": "To point."}]}


def test_alpaca_drops_the_last_task_of_a_cut_reply_whole_or_not() -> None:
    assert read(ALPACA, "alpaca", reply(ONE, TWO)) == ([1], 1)
    assert read(ALPACA, "alpaca", reply(ONE, TWO, end=', {"instruction": "Tell')) == ([1, 1], 1)
    assert read(ALPACA, "alpaca", replace(reply(ONE, TWO), finish_reason="stop")) == ([1, 1], 0)


def test_self_instruct_drops_instructions_whole_and_of_instances_the_last() -> None:
    instructions = replace(
        reply({"instruction": "Judge the note."}, {"instruction": "Name a river."}), finish_reason="stop"
    )
    kinds = replace(
        reply({"number": 1, "is_classification": False}, {"number": 2, "is_classification": False}),
        finish_reason="stop",
    )
    two = [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]
    first = {"number": 1, "instances": two}
    assert read(SELF_INSTRUCT, "self_instruct", replace(instructions, finish_reason="length")) == ([], 1)
    whole = reply(first, {"number": 2, "instances": two})
    assert read(SELF_INSTRUCT, "self_instruct", instructions, kinds, whole) == ([2, 1], 1)
    last_alone = reply(first, {"number": 2, "instances": two[:1]})
    assert read(SELF_INSTRUCT, "self_instruct", instructions, kinds, last_alone) == ([2], 1)
    torn = reply(first, end=', {"number": 2, "instances": [{"inp')
    assert read(SELF_INSTRUCT, "self_instruct", instructions, kinds, torn) == ([2], 1)


def test_a_preset_alone_grows_a_dataset_by_its_rules(tmp_path: Path) -> None:
    chosen = settings(SELF_INSTRUCT, "target=20", "growth.instances_per_task=2", "split.min_validation_rows=0")
    outcome = pipeline.build(chosen, tmp_path / "d", QUIET, {})
    assert outcome.report["rows"]["kept"] == 20
    grown = [sample for sample in DatasetFolder(tmp_path / "d").iter_samples() if sample.origin == "generated"]
    assert {sample.source.partition(":")[0] for sample in grown} == {"self_instruct"}
    assert {sample.language for sample in grown} == {"en"}
