"""Of the ways to ask for one task, as many are published as the settings say, drawn by seed."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import pipeline
from builder.config import Settings
from builder.curation.deciding import decide
from builder.curation.facts import facts_table
from builder.curation.phrasings import draw_phrasings
from builder.errors import TargetNotReachedError
from builder.language.reasons import explain
from builder.schema import Check, Sample, task_messages
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import Ruling
from tests.builder.test_growing import QUIET
from tests.endpoint import Answer, completion, scripted


def row(
    number: int, task: str, instruction: str, given: str = "", output: str = "Yes.", origin: str = "generated"
) -> Sample:
    return Sample(
        number,
        task,
        task_messages(instruction, given, output),
        "writing",
        "en",
        origin,  # type: ignore[arg-type]
        "alpaca:t",
        instruction=instruction,
        input=given,
    )


WAYS = ("Say whether this is kind.", "Is what follows kind, would you say?", "Judge the kindness of these words.")


def kept_rows(samples: Sequence[Sample], settings: Settings, reviews: dict[int, Ruling] | None = None) -> list[int]:
    decision = decide(samples, [measure_row(s) for s in samples], settings, reviews=reviews or {})
    return [
        row for row, kept in zip(*decision.verdicts.select(["row", "kept"]).to_pydict().values(), strict=True) if kept
    ]


def draw(samples: Sequence[Sample], most: int, seed: int) -> dict[int, Check]:
    facts = pl.DataFrame(facts_table(samples, "auto"))
    tasks = pl.DataFrame({"task_id": [s.task_id for s in samples]}, schema={"task_id": pl.String})
    rows = pl.concat([facts, tasks], how="horizontal").with_columns(exempt=pl.lit(value=False))
    return {row: Check(*check) for row, *check in draw_phrasings(rows, most, seed).sort("value", "row").iter_rows()}


@pytest.mark.parametrize(("most", "published"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_as_many_wordings_are_published_as_the_setting_says(most: int, published: int) -> None:
    samples = [row(number, "t", way) for number, way in enumerate(WAYS)]
    settings = load_settings(None, [f"balance.phrasings={most}", "split.validation_share=0"], {})
    assert len(kept_rows(samples, settings)) == published


def test_each_input_has_its_own_draw_and_other_tasks_are_left_alone() -> None:
    samples = [row(3 * n + w, "t", way, f"input {n}") for n in range(40) for w, way in enumerate(WAYS)]
    samples += [row(120, "u", "Name a river in the north."), row(121, "v", "Add the two numbers here.")]
    kept = kept_rows(samples, Settings())
    assert len(kept) == 42
    assert {120, 121} <= set(kept)
    # 40 draws of one in three: each wording comes up.
    assert {number % 3 for number in kept if number < 120} == {0, 1, 2}
    again = Settings(seed=1)
    assert kept_rows(samples, again) != kept
    assert kept_rows(samples, again) == kept_rows(samples, again)


def test_the_dropped_row_names_the_published_one_in_both_languages() -> None:
    dropped = draw([row(n, "t", way) for n, way in enumerate(WAYS)], 1, 0)
    ((first, check), (_, other)) = dropped.items()
    assert check == Check("other_phrasing", 2, 1, check.of)
    assert other == Check("other_phrasing", 3, 1, check.of)
    assert {first, *dropped, check.of} == {0, 1, 2}
    check = Check("other_phrasing", 3, 1, 7)
    assert explain(check, "en") == "Asks for the task of row 7 in other words: number 3 where 1 may be published"
    assert explain(check, "zh") == "与第 7 行是同一任务的不同说法：第 3 种说法，最多发布 1 种"


def test_what_a_person_kept_and_published_seeds_are_drawn_first() -> None:
    samples = [row(0, "t", WAYS[0], origin="seed"), *(row(n, "t", way) for n, way in enumerate(WAYS[1:], 1))]
    for seed in range(8):
        assert kept_rows(samples, Settings(seed=seed, seeds={"publish": True})) == [0]  # type: ignore[arg-type]
    reviews = {2: Ruling(2, "keep")}
    for seed in range(8):
        assert kept_rows(samples, Settings(seed=seed), reviews) == [2]


def test_two_answers_to_one_wording_are_no_phrasings() -> None:
    samples = [row(0, "t", WAYS[0], "", "Rhine."), row(1, "t", WAYS[0], "", "Elbe.")]
    assert kept_rows(samples, Settings()) == [0, 1]


@given(
    st.lists(st.tuples(st.sampled_from("tuv"), st.sampled_from(WAYS), st.sampled_from("ab")), max_size=30, unique=True),
    st.integers(1, 4),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_the_draw_depends_on_rows_and_seed_alone(
    drawn: list[tuple[str, str, str]], most: int, seed: int, random: object
) -> None:
    samples = [row(number, *one) for number, one in enumerate(drawn)]
    dropped = draw(samples, most, seed)
    shuffled = list(samples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert draw(shuffled, most, seed) == dropped
    kept = [sample for sample in samples if sample.row not in dropped]
    for task, text in {(s.task_id, s.input) for s in samples}:
        ways = {s.instruction for s in samples if (s.task_id, s.input) == (task, text)}
        assert len({s.instruction for s in kept if (s.task_id, s.input) == (task, text)}) == min(most, len(ways))
    assert all(check.of not in dropped for check in dropped.values())


def test_the_target_counts_rows_after_the_draw(tmp_path: Path) -> None:
    overrides = [
        *("target=40", "growth.tasks_per_request=4", "growth.recipes={alpaca: 1, phrasings: 2}", "growth.window=8"),
        *("split.min_validation_rows=0", "teacher.concurrency=4"),
    ]
    pipeline.build(load_settings(None, overrides, {}), tmp_path / "d", QUIET, {})
    folder = DatasetFolder(tmp_path / "d")
    verdicts = folder.read_verdicts()
    by_row = {sample.row: sample for sample in folder.iter_samples()}
    kept = [by_row[verdict.row] for verdict in verdicts if verdict.kept]
    assert len(kept) == 40
    assert len({(sample.task_id, sample.input) for sample in kept}) == 40
    others = [verdict for verdict in verdicts if verdict.reason == "other_phrasing"]
    assert len(others) > 5
    assert {by_row[v.row].task_id == by_row[v.of or 0].task_id for v in others} == {True}


def test_wordings_alone_that_cannot_reach_the_target_end_the_run(tmp_path: Path) -> None:
    tasks = [
        {"instruction": f"{way}, please{' do' * n}."} for n in range(3) for way in ("Tell me", "Say it", "Explain")
    ]
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text('{"instruction": "Tell whether bees sleep.", "output": "Yes."}\n', encoding="utf-8")
    with scripted(Answer(completion(json.dumps({"tasks": tasks})))) as endpoint:
        overrides = [
            *("target=5", "growth.recipes={phrasings: 1}", "growth.languages={en: 1}", f"seeds.files=['{seeds}']"),
            *("teacher.provider=openai", f"teacher.base_url={endpoint.url}", "teacher.model=m"),
            *("growth.saturation_window=4", "growth.tasks_per_request=3", "split.min_validation_rows=0"),
        ]
        outcome = pipeline.build(load_settings(None, overrides, {}), tmp_path / "d", QUIET, {})
    assert outcome.report["rows"]["kept"] == 1
    assert isinstance(outcome.ending, TargetNotReachedError)
    assert "Saturated at 1 kept rows" in str(outcome.ending)
    assert "other_phrasing" in str(outcome.ending)
    assert endpoint.posts < 20
