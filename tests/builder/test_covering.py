"""Choosing rows that cover the others, and what is reported of how varied a choice is."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import pipeline
from builder.config import Balance
from builder.curation.balance import balance_rows
from builder.curation.covering import choose_by_coverage, cover, in_proportion
from builder.curation.diversity import diversity_notes, entropy, measure_diversity
from builder.encoders import Codes, cosines, quantise
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder

QUIET = Reporter(quiet=True)


def clusters(sizes: list[int], seed: int = 0) -> Codes:
    """Rows in tight clusters, one after the other, each around a direction of its own."""
    rng = np.random.default_rng(seed)
    centres = np.eye(len(sizes), 16)
    return quantise(np.vstack([centres[i] + 0.05 * rng.normal(size=(size, 16)) for i, size in enumerate(sizes)]))


def covered(codes: Codes, chosen: object) -> float:
    near = np.maximum(cosines(codes, codes[np.asarray(chosen)]), 0)
    return float(near.max(axis=1).sum())


def test_each_cluster_gets_a_row_before_any_gets_two() -> None:
    codes = clusters([50, 3, 20, 1, 8])
    chosen = cover(codes, 5)
    assert sorted(np.searchsorted([50, 53, 73, 74], chosen, side="right")) == [0, 1, 2, 3, 4]


@settings(max_examples=30)
@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 10**6))
def test_greedy_reaches_its_promised_share_of_the_best(rows: int, count: int, seed: int) -> None:
    codes = quantise(np.random.default_rng(seed).normal(size=(rows, 3)))
    best = max(covered(codes, list(some)) for some in combinations(range(rows), min(count, rows)))
    assert covered(codes, cover(codes, count)) >= 0.63 * best - rows / 1000


@settings(max_examples=40)
@given(st.integers(0, 60), st.integers(0, 70), st.lists(st.integers(0, 59), unique=True, max_size=6))
def test_as_many_as_asked_for_each_once_and_the_given_first(rows: int, count: int, given_rows: list[int]) -> None:
    codes = quantise(np.random.default_rng(rows).normal(size=(rows, 4)))
    there = [row for row in given_rows if row < rows]
    chosen = cover(codes, count, there).tolist()
    assert len(chosen) == len(set(chosen)) == min(count, rows)
    assert chosen[: len(there)] == there[:count]


def test_neighbourhoods_change_little(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = clusters([40] * 8)
    whole = covered(codes, cover(codes, 16))
    monkeypatch.setattr("builder.curation.covering._NEIGHBOURHOOD", 60)
    parted = cover(codes, 16)
    assert len(set(parted.tolist())) == 16
    assert covered(codes, parted) > 0.97 * whole


def pool_of(codes: Codes, **columns: object) -> pl.DataFrame:
    rows = pl.DataFrame({"row": np.arange(len(codes)) * 3})
    defaults: dict[str, object] = {
        "category": "code",
        "language": "en",
        "kind": None,
        "quality": 0.5,
        "difficulty_level": None,
        "forced": False,
        "novelty_text": "text",
    }
    added = {name: columns.get(name, value) for name, value in defaults.items()}
    frame = rows.with_columns(
        *(
            pl.Series(name, value) if isinstance(value, list) else pl.lit(value).alias(name)
            for name, value in added.items()
        )
    )
    return frame.with_columns(pl.col("row").cast(pl.String).alias("task_id"))


def test_a_cell_keeps_its_number_of_rows_and_covers_more() -> None:
    codes = clusters([30, 5, 5, 30, 5, 5])
    pool = pool_of(codes, category=["code"] * 40 + ["writing"] * 40)
    cell = ["category", "language"]
    asked = Balance(caps={"code": 6})
    dropped = balance_rows(in_proportion(pool, cell), asked, 15).dropped
    changed = choose_by_coverage(pool, dropped, codes, cell)
    kept = pool.filter(~pl.col("row").is_in(changed["row"].implode()))
    assert kept["category"].value_counts().sort("category").rows() == [("code", 6), ("writing", 9)]
    assert (
        changed["reason"].value_counts().sort("reason").rows() == dropped["reason"].value_counts().sort("reason").rows()
    )
    before = pool.filter(~pl.col("row").is_in(dropped["row"].implode()))
    assert covered(codes, kept["row"] // 3) > covered(codes, before["row"] // 3)


def test_a_row_that_a_human_kept_is_never_replaced() -> None:
    codes = clusters([20])
    forced = [False] * 17 + [True] * 3
    pool = pool_of(codes, forced=forced).sort(~pl.col("forced"), maintain_order=True)
    cell = ["category", "language"]
    dropped = balance_rows(in_proportion(pool, cell), Balance(), 4).dropped
    changed = choose_by_coverage(pool, dropped, codes[pool["row"].to_numpy() // 3], cell)
    assert {51, 54, 57}.isdisjoint(changed["row"])
    assert len(changed) == 16


def test_the_first_rows_in_proportion_have_the_mix_of_the_whole() -> None:
    pool = pool_of(clusters([40]), language=["en"] * 30 + ["zh"] * 10)
    first = in_proportion(pool, ["category", "language"])["language"][:8]
    assert first.value_counts().sort("language").rows() == [("en", 6), ("zh", 2)]


def test_entropy_is_in_bits() -> None:
    assert entropy([2, 2, 2, 2]) == 2
    assert entropy([4]) == 0
    assert entropy([]) == 0


def test_coverage_beats_chance_where_rows_repeat() -> None:
    codes = clusters([300, 10, 10, 10, 10])
    pool = pool_of(codes).with_columns(row=pl.Series(range(340)))
    chosen = pl.Series(cover(codes, 10))
    figures = measure_diversity(pool, chosen, codes, seed=0)
    assert (figures["pool"], figures["chosen"], figures["sampled"]) == (340, 10, 10)
    for name in ("distance", "coverage"):
        assert figures["kept"][name] > figures["random"][name]


def test_nothing_stands_beside_where_nothing_was_left_out() -> None:
    codes = clusters([5])
    pool = pool_of(codes).with_columns(row=pl.Series(range(5)))
    figures = measure_diversity(pool, pool["row"], None, seed=0)
    assert figures["random"] is None
    assert figures["kept"]["distance"] == 0  # all texts are the same
    assert measure_diversity(pool[:0], pool["row"], None, seed=0)["kept"] is None


@pytest.mark.parametrize(
    ("categories", "said"),
    [
        ([None] * 20, ["No kept row has a category"]),
        (["code"] * 19 + [None], ["in 1 categories", "100% of the kept rows"]),
        ([f"c{i % 10}" for i in range(20)], []),
        ([f"c{i % 9}" for i in range(20)], ["in 9 categories"]),
        (["code"] * 5, []),
    ],
)
def test_few_categories_and_a_large_one_are_warnings(categories: list[str | None], said: list[str]) -> None:
    notes = diversity_notes(pl.DataFrame({"category": categories}, schema={"category": pl.String}))
    assert len(notes) == len(said)
    for note, words in zip(notes, said, strict=True):
        assert note.level == "warning"
        assert words in note.text_en


def test_a_dataset_chosen_by_coverage_says_so_in_its_report(tmp_path: Path) -> None:
    verbs, things = ["Describe", "Compare", "Explain"], ["bees", "tides", "maps", "bread", "locks", "kites", "rivers"]
    rows = [
        {
            "instruction": f"{verb} how {thing} change over {span} years.",
            "output": "They change slowly, year after year.",
        }
        for thing in things
        for verb in verbs
        for span in ("two", "ninety")
    ]
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(rows), encoding="utf-8")
    reports = {}
    for choose in ("quality", "coverage"):
        overrides = ["target=7", "novelty.threshold=1", f"balance.choose={choose}", "split.validation_share=0"]
        root = tmp_path / choose
        pipeline.curate_files([source], load_settings(None, overrides, environ={}), root, QUIET)
        reports[choose] = json.loads((root / "report.json").read_text())["diversity"]
        assert sum(verdict.kept for verdict in DatasetFolder(root).read_verdicts()) == 7
        assert "Mean distance to the nearest other row" in (root / "report.html").read_text()
    assert reports["coverage"]["kept"]["coverage"] > reports["quality"]["kept"]["coverage"]
    for name in ("coverage", "quality"):
        assert reports["coverage"]["kept"][name] > reports["coverage"]["random"][name]
