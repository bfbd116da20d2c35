"""The split over columns: the same for any order and number of workers, and never a close pair parted."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.config import Execution, Split
from builder.curation.facts import facts_schema, request_facts
from builder.curation.novelty import closeness
from builder.curation.novelty.requests import REQUEST_COLUMNS
from builder.curation.novelty.token_sequences import Numbers
from builder.curation.split import SplitColumns, split_columns
from builder.similarity import similarity
from builder.text import tokenise

Row = tuple[int, str, str | None, str, str]
WORDS = [f"w{number}" for number in range(400)]


def table(rows: Sequence[Row], *, imported: bool = False) -> pa.Table:
    kinds = {
        "row": pa.int64(),
        "group": pa.string(),
        "category": pa.string(),
        "language": pa.string(),
        "text": pa.string(),
    }
    columns = {name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(kinds.items())}
    if imported:
        columns["imported"] = pa.array([True] * len(rows))
        schema = pa.schema([field for field in facts_schema("auto") if field.name in REQUEST_COLUMNS])
        facts = pa.Table.from_pylist([request_facts(row[4], "") for row in rows], schema)
        columns |= dict(zip(facts.column_names, facts.columns, strict=True))
    return pa.table(columns)


def split(rows: Sequence[Row], settings: Split, seed: int = 0, workers: int = 1, **more: Any) -> SplitColumns:
    return split_columns(table(rows), settings, seed, Execution(workers=workers), **more)


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
    result = split(rows, chosen, seed)
    found = sides(result)
    assert parted(rows, found, threshold) == []
    assert len({(row[1], found[row[0]]) for row in rows}) == len({row[1] for row in rows})
    assert "train" in found.values()
    shuffled = random.Random(seed).sample(rows, len(rows))
    again = split(shuffled, chosen, seed, workers)
    assert (sides(again), again.moved) == (found, result.moved)


def test_portions_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(random.Random(5), 120, 6)
    chosen = Split(validation_share=0.3, max_similarity=0.4)
    whole = split(rows, chosen)
    monkeypatch.setattr(closeness, "_FIRST_PAIRS", 2)
    monkeypatch.setattr(closeness, "_FIRST_EXPLORED", 1)
    monkeypatch.setattr("builder.curation.split._ASKED", 0)
    monkeypatch.setattr("builder.curation.split._LEAST_ASKED", 1)
    assert sides(split(rows, chosen)) == sides(whole)
    assert whole.moved > 0


def test_tasks_of_one_template_go_to_training_and_the_others_fill_the_share() -> None:
    rng = random.Random(2)
    rows: list[Row] = [(n, f"t{n}", "code", "en", f"Sort the {n} names of the rivers in the list") for n in range(60)]
    rows += [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=9))) for n in range(60, 100)]
    result = split(rows, Split(validation_share=0.2))
    validation = [row for row, side in sides(result).items() if side == "validation"]
    assert len(validation) == 20
    assert min(validation) >= 60


def test_imported_rows_of_one_template_find_a_validation_set_and_one_request_is_not_parted() -> None:
    frame = "Is the sentiment of this sentence positive, negative or neutral? I think that the hotel was"
    texts = [f"{frame} {WORDS[number]}" for number in range(20)]
    texts += [f"{'Please ' * said}list three rivers of {WORDS[number]}" for number in range(20) for said in (0, 1)]
    rows: list[Row] = [(n, f"t{n}", "code", "en", text) for n, text in enumerate(texts)]
    found = sides(split_columns(table(rows, imported=True), Split(validation_share=0.4), 0, Execution(workers=1)))
    assert Counter(found.values()) == {"train": 36, "validation": 24}
    assert all(found[row] == found[row + 1] for row in range(20, 60, 2))
    assert Counter(found[row] for row in range(20))["validation"] > 0
    grown = sides(split(rows, Split(validation_share=0.4)))
    assert len({grown[row] for row in range(20)}) == 1  # of grown rows the words decide


def test_the_same_text_in_two_tasks_is_not_parted() -> None:
    rows: list[Row] = [(n, f"t{n}", "code", "en", f"{WORDS[n // 2]} {WORDS[n // 2 + 50]}") for n in range(40)]
    result = split(rows, Split(validation_share=0.25))
    assert Counter(sides(result).values()) == {"train": 30, "validation": 10}
    assert parted(rows, sides(result), 0.6) == []


def test_texts_without_tokens_are_close_to_nothing() -> None:
    rows: list[Row] = [(n, f"t{n}", None, "und", "😀") for n in range(40)]
    assert Counter(sides(split(rows, Split(validation_share=0.25))).values())["validation"] == 10


def test_no_more_rows_are_taken_than_the_ceiling() -> None:
    rng = random.Random(1)
    rows: list[Row] = [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=12))) for n in range(200)]
    result = split(rows, Split(validation_share=0.5, max_validation_rows=30))
    assert Counter(sides(result).values()) == {"train": 170, "validation": 30}
    assert result.notes == []


def test_what_another_measure_finds_close_is_not_parted_either() -> None:
    rng = random.Random(4)
    rows: list[Row] = [(n, f"t{n}", "code", "en", " ".join(rng.choices(WORDS, k=12))) for n in range(100)]

    def twins(some: Numbers, others: Numbers) -> tuple[Numbers, Numbers]:
        a, b = np.meshgrid(some, others, indexing="ij")
        close = (a ^ 1) == b
        return a[close], b[close]

    found = sides(split(rows, Split(validation_share=0.3), near=twins))
    assert all(found[row] == found[row ^ 1] for row in range(100))
    assert Counter(found.values()) == {"train": 70, "validation": 30}


def test_no_rows_and_no_share_give_no_validation() -> None:
    assert sides(split([], Split())) == {}
    assert sides(split([(7, "t", None, "en", "a")], Split(validation_share=0))) == {7: "train"}
