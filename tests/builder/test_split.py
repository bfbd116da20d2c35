"""The split over columns: the same for any order and number of workers, and never a close pair parted."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.config import Split
from builder.curation.earlier_split import ASKED, known_of, recorded
from builder.curation.novelty import closeness
from builder.curation.novelty.token_sequences import Numbers
from builder.curation.split import SplitColumns, split_columns
from builder.similarity import similarity
from builder.text import tokenise

Row = tuple[int, str, str | None, str, str]
WORDS = [f"w{number}" for number in range(400)]


def table(rows: Sequence[Row]) -> pa.Table:
    kinds = {
        "row": pa.int64(),
        "group": pa.string(),
        "category": pa.string(),
        "language": pa.string(),
        "text": pa.string(),
    }
    return pa.table(
        {name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(kinds.items())}
    )


def sides(result: SplitColumns) -> dict[int, str]:
    return dict(zip(result.sides["row"].to_pylist(), result.sides["split"].to_pylist(), strict=True))


def parted(rows: Sequence[Row], chosen: dict[int, str], threshold: float) -> list[tuple[str, str]]:
    """Close texts on two sides."""
    texts = {side: {row[4] for row in rows if chosen[row[0]] == side} for side in ("train", "validation")}
    tokens = {text: tokenise(text) for side in texts.values() for text in side}
    return [(a, b) for a, b in product(*texts.values()) if similarity(tokens[a], tokens[b]) > threshold]


def drawn(rng: random.Random, count: int, words: int) -> list[Row]:
    """Tasks of one to three rows; half of the texts are an earlier one with some words changed, or unchanged."""
    rows: list[Row] = []
    while len(rows) < count:
        name = f"task-{len(rows)}"
        for _ in range(rng.randint(1, 3)):
            tokens = rng.choice(rows)[4].split() if rows and rng.random() < 0.5 else rng.choices(WORDS, k=words)
            for _ in range(rng.randint(0, words // 2)):
                tokens[rng.randrange(len(tokens))] = rng.choice(WORDS)
            rows.append(
                (len(rows), name, rng.choice(["code", "poems", None]), rng.choice(["en", "zh"]), " ".join(tokens))
            )
    return rows


@settings(max_examples=40)
@given(
    seed=st.integers(0, 99),
    count=st.integers(1, 60),
    words=st.integers(1, 9),
    share=st.sampled_from([0.05, 0.2, 0.5, 0.9]),
    threshold=st.sampled_from([0.3, 0.6, 0.9, 1.0]),
    workers=st.integers(1, 3),
)
def test_close_rows_stay_on_one_side_whatever_the_order_and_the_workers(
    seed: int, count: int, words: int, share: float, threshold: float, workers: int
) -> None:
    rows = drawn(random.Random(seed), count, words)
    chosen = Split(validation_share=share, max_similarity=threshold)
    result = split_columns(table(rows), chosen, seed)
    found = sides(result)
    assert parted(rows, found, threshold) == []
    assert len({(row[1], found[row[0]]) for row in rows}) == len({row[1] for row in rows})
    assert "train" in found.values()
    shuffled = random.Random(seed).sample(rows, len(rows))
    again = split_columns(table(shuffled), chosen, seed, workers=workers)
    assert (sides(again), again.moved) == (found, result.moved)


def test_portions_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(random.Random(5), 120, 6)
    chosen = Split(validation_share=0.3, max_similarity=0.4)
    whole = split_columns(table(rows), chosen, 0)
    monkeypatch.setattr(closeness, "_FIRST_PAIRS", 2)
    monkeypatch.setattr(closeness, "_FIRST_EXPLORED", 1)
    monkeypatch.setattr("builder.curation.split._ASKED", 0)
    monkeypatch.setattr("builder.curation.split._LEAST_ASKED", 1)
    assert sides(split_columns(table(rows), chosen, 0, memory_limit=1)) == sides(whole)
    assert whole.moved > 0


def kept_of(rows: Sequence[Row], kept: Sequence[int]) -> tuple[pl.DataFrame, pl.Series, pa.Table]:
    """All rows and the kept ones as deciding has them, and the kept ones as the split takes them."""
    texts = pl.DataFrame(
        {"row": [r[0] for r in rows], "task_id": [r[1] for r in rows], "novelty_text": [r[4] for r in rows]}
    )
    return texts, pl.Series(sorted(kept), dtype=pl.Int64), table([rows[row] for row in sorted(kept)])


def verdicts_of(rows: Sequence[Row], kept: Sequence[int], chosen: Split, seed: int) -> pa.Table:
    """What a first decision leaves."""
    texts, numbers, columns = kept_of(rows, kept)
    asked = recorded(split_columns(columns, chosen, seed).asked, texts, numbers, chosen.max_similarity)
    verdicts = pa.table({"kept": [row in set(kept) for row in range(len(rows))]})
    return verdicts.replace_schema_metadata({ASKED: asked})


@settings(max_examples=60)
@given(
    seed=st.integers(0, 99),
    count=st.integers(4, 60),
    words=st.integers(1, 9),
    share=st.sampled_from([0.05, 0.2, 0.5]),
    lost=st.floats(0, 0.5),
    added=st.integers(0, 8),
    data=st.data(),
)
def test_deciding_again_splits_as_if_for_the_first_time(
    seed: int, count: int, words: int, share: float, lost: float, added: int, data: st.DataObject
) -> None:
    rows = drawn(random.Random(seed), count, words)
    first, chosen = rows[: max(1, len(rows) - added)], Split(validation_share=share, max_similarity=0.4)
    rng = random.Random(seed + 1)
    before = [row[0] for row in first if rng.random() >= lost]
    verdicts = verdicts_of(first, before, chosen, seed)
    flips = set(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)))
    now = [row[0] for row in rows if ((row[0] in before) or row[0] >= len(first)) != (row[0] in flips)]
    texts, numbers, columns = kept_of(rows, now)
    known = known_of(verdicts, texts, numbers, 0.4)
    assert known is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builder.curation.split._MOST_CHANGED", 1)
        again = split_columns(columns, chosen, seed, known=known)
    fresh = split_columns(columns, chosen, seed)
    assert (sides(again), again.moved) == (sides(fresh), fresh.moved)


def test_deciding_again_asks_only_about_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(9)
    rows: list[Row] = [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=12))) for n in range(420)]
    chosen = Split(validation_share=0.1)
    verdicts = verdicts_of(rows[:400], range(400), chosen, 0)
    compared: list[int] = []

    class Counted(closeness.Closeness):
        def __init__(self, tasks: closeness.Tasks, *options: Any, **more: Any) -> None:
            compared.append(len(tasks.sequences))
            super().__init__(tasks, *options, **more)

    monkeypatch.setattr("builder.curation.split.Closeness", Counted)

    def again(now: Sequence[int], rows: Sequence[Row] = rows) -> list[int]:
        texts, numbers, columns = kept_of(rows, now)
        known = known_of(verdicts, texts, numbers, chosen.max_similarity)
        compared.clear()
        found, asked = sides(split_columns(columns, chosen, 0, known=known)), list(compared)
        assert found == sides(split_columns(columns, chosen, 0))
        return asked

    assert again(range(400)) == []
    assert again(range(10, 400)) == []  # a stricter filter asks nothing
    assert again(range(420)) == [276, 420]  # the 256 that were alone and the added ones; an added one came up
    assert again([*range(170), *range(400, 420)]) == [190]  # more than a tenth are others
    assert again(range(400), [(0, "t0", "code", "en", "another text"), *rows[1:400]]) == [400]
    assert known_of(verdicts, *kept_of(rows, range(400))[:2], 0.5) is None
    assert known_of(verdicts.replace_schema_metadata({ASKED: b"abc x"}), *kept_of(rows, range(400))[:2], 0.6) is None


def test_tasks_of_one_template_go_to_training_and_the_others_fill_the_share() -> None:
    rng = random.Random(2)
    rows: list[Row] = [(n, f"t{n}", "code", "en", f"Sort the {n} names of the rivers in the list") for n in range(60)]
    rows += [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=9))) for n in range(60, 100)]
    result = split_columns(table(rows), Split(validation_share=0.2), 0)
    validation = [row for row, side in sides(result).items() if side == "validation"]
    assert len(validation) == 20
    assert min(validation) >= 60


def test_the_same_text_in_two_tasks_is_not_parted() -> None:
    rows: list[Row] = [(n, f"t{n}", "code", "en", f"{WORDS[n // 2]} {WORDS[n // 2 + 50]}") for n in range(40)]
    result = split_columns(table(rows), Split(validation_share=0.25), 0)
    assert Counter(sides(result).values()) == {"train": 30, "validation": 10}
    assert parted(rows, sides(result), 0.6) == []


def test_texts_without_tokens_are_close_to_nothing() -> None:
    rows: list[Row] = [(n, f"t{n}", None, "und", "😀") for n in range(40)]
    assert Counter(sides(split_columns(table(rows), Split(validation_share=0.25), 0)).values())["validation"] == 10


def test_no_more_rows_are_taken_than_the_ceiling() -> None:
    rng = random.Random(1)
    rows: list[Row] = [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=12))) for n in range(200)]
    result = split_columns(table(rows), Split(validation_share=0.5, max_validation_rows=30), 0)
    assert Counter(sides(result).values()) == {"train": 170, "validation": 30}
    assert result.notes == []


def test_what_another_measure_finds_close_is_not_parted_either() -> None:
    rng = random.Random(4)
    rows: list[Row] = [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=12))) for n in range(100)]

    def twins(some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        a, b = np.meshgrid(some, others, indexing="ij")
        close = (a ^ 1) == b
        return a[close], b[close]

    found = sides(split_columns(table(rows), Split(validation_share=0.3), 0, near=twins))
    assert all(found[row] == found[row ^ 1] for row in range(100))
    assert Counter(found.values()) == {"train": 70, "validation": 30}


def test_no_rows_and_no_share_give_no_validation() -> None:
    assert sides(split_columns(table([]), Split(), 0)) == {}
    assert sides(split_columns(table([(7, "t", None, "en", "a")]), Split(validation_share=0), 0)) == {7: "train"}
