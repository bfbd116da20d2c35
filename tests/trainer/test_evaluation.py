import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.answers import AnswerKey
from builder.schema import Message
from trainer.data import Conversation
from trainer.evaluation import Score, constant_answers
from trainer.evaluation_page import render_page


def test_wilson_interval_of_known_counts() -> None:
    assert Score(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe (1998), table I, method 3
    assert Score(0, 10).interval == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert Score(0, 0).interval == (0.0, 1.0)
    assert math.isnan(Score(0, 0).share)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share(counts: tuple[int, int]) -> None:
    low, high = Score(*counts).interval
    assert 0 <= low <= counts[0] / counts[1] + 1e-12
    assert counts[0] / counts[1] - 1e-12 <= high <= 1


def answered(row: int, language: str, family: str | None, answer: str) -> Conversation:
    key = AnswerKey(family, "exact", answer).to_json() if family else None
    return Conversation(row, (Message("user", "?"), Message("assistant", answer)), language=language, answer_key=key)


def test_the_constant_guess_is_the_most_frequent_answer_of_family_and_language() -> None:
    rows = [
        answered(0, "en", "parity", "odd"),
        answered(1, "en", "parity", "even"),
        answered(2, "en", "parity", "even"),
        answered(3, "zh", "parity", "奇数"),
        answered(4, "zh", "count", "3"),
        answered(5, "zh", "count", "2"),
        answered(6, "zh", None, "9"),
    ]
    assert constant_answers(rows) == {("parity", "en"): "even", ("parity", "zh"): "奇数", ("count", "zh"): "2"}


def test_the_page_escapes_what_comes_from_data() -> None:
    score = {"right": 1, "n": 2, "share": 0.5, "interval_95": [0.1, 0.9]}
    evaluation = {
        "rows": 3,
        "rows_left_out": {"too_long": 2},
        "rows_without_key": 1,
        "totals": {"constant": score, "base": score, "tuned": score},
        "cells": [{"family": "<b>x</b>", "language": "zh", "n": 2, "constant": 0, "base": 1, "tuned": 1}],
        "held_out_loss": {"base": 7.0, "tuned": 0.5, "tokens": 9},
        "examples": [
            {"row": 4, "prompt": "<img src=x onerror=alert(1)>", "expected": "a", "answer": "</td>", "right": False}
        ],
    }
    run = {
        "settings": {"model": "scratch:tiny"},
        "parameters": {"all": 5},
        "steps": 6,
        "seconds": 7.5,
        "template": {"name": "compact"},
    }
    page = render_page(evaluation, run)
    assert "<img" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "2 left out (too_long)" in page
    assert '<td class="number">50 % (1)</td>' in page
    assert "✗ &lt;/td&gt;" in page
    chinese = render_page(evaluation, run, "zh")
    assert "共 3 条验证数据，均未参与训练。其中 2 条有标准答案并逐条核对；1 条没有，只计入损失。" in chinese
    assert "After training" not in chinese
