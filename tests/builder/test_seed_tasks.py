"""The 175 seed tasks that ship with Seedbed."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from builder.config import CATEGORIES
from builder.similarity import similarity
from builder.text import detect_language, tokenise

FILE = Path(__file__).parents[2] / "seeds" / "seed_tasks.jsonl"
TASKS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def test_there_are_175_with_all_fields() -> None:
    assert len(TASKS) == 175
    for task in TASKS:
        assert list(task) == ["id", "name", "instruction", "instances", "is_classification", "category", "language"]
    assert len({task["id"] for task in TASKS}) == len({task["name"] for task in TASKS}) == 175


def test_both_languages_have_their_half_and_are_what_they_say() -> None:
    assert Counter(task["language"] for task in TASKS) == {"en": 88, "zh": 87}
    for task in TASKS:
        assert detect_language(task["instruction"]) == task["language"], task["id"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_category_is_there_in_both_languages(language: str) -> None:
    counts = Counter(task["category"] for task in TASKS if task["language"] == language)
    assert set(counts) == set(CATEGORIES)
    assert min(counts.values()) >= 4


def test_a_seventh_are_classification_with_labels_that_the_instruction_names() -> None:
    chosen = [task for task in TASKS if task["is_classification"]]
    assert len(chosen) == 26
    for task in chosen:
        for instance in task["instances"]:
            assert instance["output"].lower() in task["instruction"].lower(), task["id"]


def test_a_third_have_no_input_and_some_have_several_instances() -> None:
    empty = [task for task in TASKS if not task["instances"][0]["input"]]
    assert 50 <= len(empty) <= 66
    assert all(len(task["instances"]) == 1 for task in empty)
    assert sum(len(task["instances"]) > 1 for task in TASKS) >= 30


def test_instances_are_sound() -> None:
    for task in TASKS:
        inputs = [instance["input"] for instance in task["instances"]]
        assert len(set(inputs)) == len(inputs), task["id"]
        for instance in task["instances"]:
            assert list(instance) == ["input", "output"]
            assert instance["output"].strip() == instance["output"] != instance["input"], task["id"]
            assert instance["output"], task["id"]
            assert not instance["output"].endswith((":", "：")), task["id"]


def test_no_two_are_close() -> None:
    tokens = [(task["id"], tokenise(task["instruction"])) for task in TASKS]
    closest = max((similarity(a, b), x, y) for (x, a), (y, b) in combinations(tokens, 2))
    assert closest[0] <= 0.7, closest
