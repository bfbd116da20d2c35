"""The labelled truth of the benchmarks is well formed, and what is counted on it is counted right."""

import math
from collections import Counter

import numpy as np
import pytest

from benchmarks.truth_answers import Pair, measure, ranked_right, read_pairs, wins
from benchmarks.truth_figures import Found
from benchmarks.truth_rows import FLAGS, Row, counted, flagged, read_rows
from builder.config import Quality
from builder.signals import SIGNALS
from builder.text import normalise


def make_pair(better: str, worse: str, instruction: str = "Name the capital of Peru.") -> Pair:
    return Pair(instruction, "", better, worse, "", "en", "short fact", "wrong", "report")


def test_pairs_of_answers_are_balanced() -> None:
    pairs = read_pairs()
    assert len(pairs) >= 420
    cells = Counter((pair.language, pair.part, pair.kind) for pair in pairs)
    assert {cell[:2] for cell in cells} == {("en", "fit"), ("en", "report"), ("zh", "fit"), ("zh", "report")}
    kinds = {pair.kind for pair in pairs}
    assert len(kinds) == 14
    assert len(cells) == 4 * len(kinds)
    assert min(cells.values()) >= 8
    for language in ("en", "zh"):
        assert sum(pair.language == language for pair in pairs) == pytest.approx(len(pairs) / 2, rel=0.02)
    faults = Counter((pair.fault, pair.part) for pair in pairs)
    assert min(faults[fault, part] for fault in {pair.fault for pair in pairs} for part in ("fit", "report")) >= 6


def test_length_does_not_decide_between_two_answers() -> None:
    for part in ("fit", "report"):
        shorter = Counter(pair.shorter for pair in read_pairs(part))
        assert shorter["neither"] >= 10
        assert shorter["the better"] / (shorter["the better"] + shorter["the worse"]) == pytest.approx(0.5, abs=0.05)


def test_no_request_stands_twice() -> None:
    pairs = read_pairs()
    assert len({normalise(f"{pair.instruction}\n{pair.input}") for pair in pairs}) == len(pairs)
    for pair in pairs:
        texts = (pair.instruction, pair.input, pair.better, pair.worse, pair.why)
        assert all(text == text.strip("\n") for text in texts)
        assert pair.instruction
        assert pair.why
        assert normalise(pair.better) != normalise(pair.worse) or pair.fault == "wrong format"


def test_what_two_answers_tie_on_counts_half() -> None:
    scores = np.array([0.9, 0.1, 0.2, 0.7, 0.5, 0.5, math.nan, 0.3, 0.4, math.nan])
    assert wins(scores).tolist() == [1.0, 0.0, 0.5, 0.5, 0.5]
    figure = ranked_right(wins(scores))
    assert (figure.value, round(figure.low, 2), round(figure.high, 2)) == (0.5, 0.17, 0.83)


def test_scores_are_those_of_the_rows_as_they_are_imported() -> None:
    pairs = [
        make_pair("Lima", "The capital of Peru is Cusco, high up in the Andes."),
        make_pair("The capital of Peru is Lima.", "I'm sorry, but I can't help with that."),
        make_pair("Lima", "Oslo"),
    ]
    won = measure(pairs, Quality())
    assert won["length in words"].tolist() == [0.0, 0.0, 0.5]
    assert won["quality_refusal"].tolist() == [0.5, 1.0, 0.5]
    assert won["ROUGE-L with request"].tolist() == [0.0, 1.0, 0.5]
    assert set(won) >= {"quality", "length in characters", "idf of distinct words", "gzip ratio"}


def test_rows_of_signals_have_as_many_look_alikes_as_faults() -> None:
    rows = read_rows()
    counts = Counter((row.kind, row.flag) for row in rows)
    assert {row.kind for row in rows} == set(FLAGS)
    assert {row.signal for row in rows} <= set(SIGNALS)
    assert min(counts.values()) >= 12
    assert all(counts[kind, True] == counts[kind, False] for kind in FLAGS)
    assert sum(row.language == "zh" for row in rows) == pytest.approx(len(rows) / 2, rel=0.05)
    assert len({normalise(f"{row.instruction}\n{row.input}\n{row.answer}") for row in rows}) == len(rows)
    assert all(row.instruction for row in rows)
    assert all(row.answer for row in rows)


def test_rows_are_held_against_what_is_measured() -> None:
    rows = [
        Row("What is 12 + 7?", "", "12 + 7 = 20", "en", "arithmetic", "wrong_sum", True),
        Row("What is 12 + 8?", "", "12 + 8 = 20", "en", "arithmetic", "wrong_sum", False),
        Row("写一首诗。", "", "很抱歉，作为一个人工智能语言模型，我无法写诗。", "zh", "refusal", "refusal", True),
    ]
    flags = flagged(rows)
    assert flags.tolist() == [True, False, True]
    found = dict(counted(rows, flags))
    assert found["arithmetic", "wrong_sum", "all"] == found["arithmetic", "wrong_sum", "en"] == Found(1, 1, 1)
    assert found["refusal", "refusal", "zh"] == Found(1, 1, 1)
