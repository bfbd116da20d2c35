"""What differs between two decisions: rows matched, changes named, counts that close."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import pipeline
from builder.errors import InputFileError, UsageError
from builder.progress import Reporter
from builder.queries.comparing import CHANGES, Comparison, compare
from builder.schema import Check, Sample, Verdict, task_messages
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from tests.builder.test_curating import make_rows

QUIET = Reporter(quiet=True)
Decided = tuple[str, str | None, str | None]  # text, reason, split


def make_folder(root: Path, rows: Sequence[Decided], language: str = "en") -> DatasetFolder:
    """A folder of rows that were decided about."""
    folder = DatasetFolder(root)
    folder.write_samples(
        Sample(row, f"t{row}", task_messages(text, None, "Yes."), None, "en", "imported", "f")
        for row, (text, _, _) in enumerate(rows)
    )
    decide(folder, [(reason, split) for _, reason, split in rows])
    folder.settings.write_text(f"report: {{language: {language}}}\n", encoding="utf-8")
    return folder


def decide(folder: DatasetFolder, decisions: Sequence[tuple[str | None, str | None]]) -> None:
    folder.write_verdicts(
        Verdict(row, reason is None, reason, checks=() if reason is None else (Check(reason),), split=split)  # type: ignore[arg-type]
        for row, (reason, split) in enumerate(decisions)
    )


def rows_of(found: Comparison, change: str) -> list[tuple[int | None, int | None]]:
    return [
        (one["before"] and one["before"]["row"], one["after"] and one["after"]["row"]) for one in found.examples[change]
    ]


def test_rows_of_two_datasets_are_matched_by_what_they_say(tmp_path: Path) -> None:
    before = make_folder(
        tmp_path / "a",
        [
            ("moss", None, "train"),
            ("fern", None, "train"),
            ("reed", "refusal", None),
            ("fig", "refusal", None),
            ("gone", None, "train"),
            ("same", None, "train"),
            ("still out", "refusal", None),
        ],
    )
    after = make_folder(
        tmp_path / "b",
        [
            ("same", None, "train"),
            ("fig", "too_similar", None),
            ("reed", None, "validation"),
            ("fern", "too_similar", None),
            ("moss", None, "validation"),
            ("new", "no_answer", None),
            ("still out", "refusal", None),
        ],
    )
    found = compare(before.root, after.root)
    assert found.rows == {"before": 7, "after": 7}
    assert found.kept == {"before": 4, "after": 3}
    assert found.changes == {
        "dropped": 1,
        "kept": 1,
        "other_split": 1,
        "other_reason": 1,
        "only_before": 1,
        "only_after": 1,
    }
    assert {change: rows_of(found, change) for change in CHANGES} == {
        "dropped": [(1, 3)],
        "kept": [(2, 2)],
        "other_split": [(0, 4)],
        "other_reason": [(3, 1)],
        "only_before": [(4, None)],
        "only_after": [(None, 5)],
    }
    fern = next(iter(found.examples["dropped"]))
    assert fern["text"] == "fern"
    assert fern["before"] == {"row": 1, "outcome": "kept", "split": "train"}
    assert fern["after"] == {"row": 3, "outcome": "too_similar", "split": None}
    assert next(iter(found.examples["only_before"]))["text"] == "gone"
    assert {(line["before"], line["after"]): line["rows"] for line in found.counts} == {
        ("kept", "kept"): 2,
        ("kept", "too_similar"): 1,
        ("refusal", "kept"): 1,
        ("refusal", "too_similar"): 1,
        ("refusal", "refusal"): 1,
        ("kept", None): 1,
        (None, "no_answer"): 1,
    }


def test_the_kth_of_equal_rows_is_matched_with_the_kth(tmp_path: Path) -> None:
    before = make_folder(
        tmp_path / "a", [("moss", None, "train"), ("moss", "exact_duplicate", None), ("moss", "exact_duplicate", None)]
    )
    after = make_folder(tmp_path / "b", [("moss", "refusal", None), ("moss", None, "train")])
    found = compare(before.root, after.root)
    assert rows_of(found, "dropped") == [(0, 0)]
    assert rows_of(found, "kept") == [(1, 1)]
    assert rows_of(found, "only_before") == [(2, None)]


DECIDED = st.tuples(
    st.sampled_from(["moss", "fern", "reed", "苔藓"]), st.sampled_from([None, None, "refusal", "too_similar"])
)


@settings(max_examples=25)
@given(
    some=st.lists(DECIDED, max_size=12),
    others=st.lists(DECIDED, max_size=12),
    rng=st.randoms(use_true_random=False),
)
def test_counts_close(
    some: list[tuple[str, str | None]],
    others: list[tuple[str, str | None]],
    rng: random.Random,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tmp_path = tmp_path_factory.mktemp("d")
    folders = [
        make_folder(
            tmp_path / name,
            [(text, reason, None if reason else rng.choice(["train", "validation"])) for text, reason in rows],
        )
        for name, rows in (("a", some), ("b", others))
    ]
    found = compare(folders[0].root, folders[1].root)
    assert found.rows == {"before": len(some), "after": len(others)}
    for side, rows in (("before", some), ("after", others)):
        counted = Counter[str]()
        for line in found.counts:
            if line[side] is not None:
                counted[line[side]] += line["rows"]
        assert counted == Counter(reason or "kept" for _, reason in rows)
    both = sum((Counter(text for text, _ in some) & Counter(text for text, _ in others)).values())
    assert found.changes["only_before"] == len(some) - both
    assert found.changes["only_after"] == len(others) - both
    changed = sum(line["rows"] for line in found.counts if line["before"] != line["after"])
    assert sum(found.changes.values()) - found.changes["other_split"] == changed


def test_a_reason_chooses_changes_and_a_limit_their_examples(tmp_path: Path) -> None:
    before = make_folder(tmp_path / "a", [(f"row {row}", None, "train") for row in range(9)])
    reasons = ["refusal"] * 5 + ["defect"] * 4
    after = make_folder(tmp_path / "b", [(f"row {row}", reason, None) for row, reason in enumerate(reasons)])
    found = compare(before.root, after.root, reason="refusal", limit=2)
    assert found.changes["dropped"] == 5
    assert rows_of(found, "dropped") == [(0, 0), (1, 1)]
    assert [(line["after"], line["rows"]) for line in found.counts] == [("refusal", 5), ("defect", 4)]
    assert compare(before.root, after.root, reason="too_similar").changes["dropped"] == 0
    with pytest.raises(UsageError, match="--reason refusla: no row has it, did you mean 'refusal'"):
        compare(before.root, after.root, reason="refusla")


# One folder, before its last decision and now.


def curated(root: Path, *overrides: str) -> DatasetFolder:
    folder = DatasetFolder(root)
    folder.write_samples(make_rows(60))
    folder.settings.write_text(json.dumps({"execution": {"workers": 1}}), encoding="utf-8")
    pipeline.curate_folder(root, None, overrides, QUIET)
    return folder


def test_a_folder_is_compared_with_itself_before_its_last_decision(tmp_path: Path) -> None:
    folder = curated(tmp_path / "d")
    with pytest.raises(InputFileError, match="no earlier decision to compare with"):
        compare(folder.root)
    loose = folder.read_verdicts()
    pipeline.curate_folder(folder.root, None, ["filters.min_answer_words=9"], QUIET)
    strict = folder.read_verdicts()
    found = compare(folder.root, limit=100)
    expected = [v.row for v, w in zip(loose, strict, strict=True) if v.kept and not w.kept]
    assert rows_of(found, "dropped") == [(row, row) for row in expected]
    assert len(expected) > 3
    assert found.rows == {"before": 60, "after": 60}
    assert found.kept == {"before": sum(v.kept for v in loose), "after": sum(v.kept for v in strict)}
    assert folder.verify() == []
    # The same decision once more, as after a kill, leaves the last other one there.
    pipeline.curate_folder(folder.root, None, (), QUIET)
    assert compare(folder.root, limit=100) == found


def test_what_added_rows_changed_is_seen(tmp_path: Path) -> None:
    folder = curated(tmp_path / "d")
    file = tmp_path / "more.jsonl"
    file.write_text('{"instruction": "Say what a plough is for.", "output": "It turns the soil over."}\n', "utf-8")
    pipeline.add_files(folder.root, [file], (), QUIET)
    found = compare(folder.root)
    assert found.rows == {"before": 60, "after": 61}
    assert [one["text"] for one in found.examples["only_after"]] == ["Say what a plough is for."]
    assert found.changes["only_before"] == 0


def test_a_rebuild_leaves_no_earlier_decision(tmp_path: Path) -> None:
    chosen = load_settings(None, ["target=12", "growth.tasks_per_request=4", "split.min_validation_rows=0"], {})
    pipeline.build(chosen, tmp_path / "d", QUIET, {})
    pipeline.curate_folder(tmp_path / "d", None, ["novelty.threshold=0.3"], QUIET)
    folder = DatasetFolder(tmp_path / "d")
    assert folder.previous_verdicts.exists()
    pipeline.rebuild(folder.root, None, ["novelty.threshold=0.7"], QUIET)
    assert not folder.previous_verdicts.exists()
    assert folder.verify() == []


def test_damaged_verdicts_are_decided_anew_and_not_kept(tmp_path: Path) -> None:
    folder = curated(tmp_path / "d")
    verdicts = folder.verdicts.read_bytes()
    folder.verdicts.write_bytes(verdicts[:100])
    pipeline.curate_folder(folder.root, None, (), QUIET)
    assert folder.verdicts.read_bytes() == verdicts
    assert not folder.previous_verdicts.exists()


def test_what_is_no_curated_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such dataset folder"):
        compare(tmp_path / "none")
    with pytest.raises(InputFileError, match=r"not a dataset folder: it holds no seedbed.yaml"):
        compare(tmp_path)
    whole = make_folder(tmp_path / "whole", [("moss", None, "train")])
    bare = DatasetFolder(tmp_path / "bare")
    bare.write_samples([Sample(0, "t", task_messages("moss", None, "Yes."), None, "en", "imported", "f")])
    bare.settings.write_text("{}", encoding="utf-8")
    for root, other in ((bare.root, None), (bare.root, whole.root), (whole.root, bare.root)):
        with pytest.raises(InputFileError, match=r"bare: no verdicts yet"):
            compare(root, other)
