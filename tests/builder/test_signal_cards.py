"""The cards are what the labels say, and no signal can be made slow by a strange text."""

import json
from collections import Counter
from pathlib import Path

import pytest

from builder.config import Filters
from builder.curation.filtering import check_row
from builder.signals import SIGNALS, measure_row
from tests.builder.test_signals import make_sample

LABELS = Path(__file__).parents[1] / "fixtures" / "labels"
LONG = 100_000


def test_the_precision_on_each_card_is_counted_from_the_labels() -> None:
    for name, signal in SIGNALS.items():
        fresh = LABELS / "fresh" / f"{name}.jsonl"
        path = fresh if fresh.exists() else LABELS / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        flagged = [record for record in records if record.get("flagged", True)]
        read = Counter(record["language"] for record in flagged)
        right = Counter(record["language"] for record in flagged if record["label"])
        assert list(signal.card.precision) == [(language, right[language], read[language]) for language in sorted(read)]
        assert signal.card.fresh == fresh.exists()
        there = Counter(record["language"] for record in records if record["label"])
        recall = [(language, right[language], there[language]) for language in sorted(there)]
        assert list(signal.card.recall) == (recall if fresh.exists() else [])


def test_labels_hold_no_text_of_the_rows() -> None:
    for path in LABELS.rglob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            assert set(record) - {"flagged"} == {"id", "file", "language", "kind", "label", "why"}
            assert len(record["why"]) < 60


def test_every_card_is_written_in_both_languages() -> None:
    for signal in SIGNALS.values():
        card = signal.card
        for english, chinese in (
            (card.meaning_en, card.meaning_zh),
            (card.range_en, card.range_zh),
            (card.misses_en, card.misses_zh),
        ):
            assert english.isascii()
            assert not chinese.isascii()


# Runs that make a pattern try again from each of their places, if it lets them.
RUNS = [
    *("a", "1 ", "1-", "1.", "1+", "1=", "(", "@", "a@", "a.", "\n", " ", "#\n", "- ", "1. ", "```\n", "[", "<", "\\n", "&"),
    *("% of ", "a:", "sk-", "eyJa.", "的", "，", "一", "给定", "画", "11. Input:\n", "how to ", "the following ", "I am ", "“", "Ã"),
]  # fmt: skip


@pytest.mark.timeout(20)  # linear in a second or so; a quadratic pattern takes minutes
@pytest.mark.parametrize("run", RUNS)
def test_long_runs_of_anything_are_measured(run: str) -> None:
    text = run * (LONG // len(run))
    values = measure_row(
        make_sample(
            f"How to write Python code as JSON, list three tips. 写代码 {text}", f"As an AI = 等于 plus ## {text}"
        )
    )
    assert len(values) == sum(len(signal.columns) for signal in SIGNALS.values())


DROPPED = [
    ("defect", "unseen_reference → this picture", "Describe this picture.", "A dog runs."),
    ("defect", "na_answer → N/A", "Describe the taste of plums.", "N/A"),
    ("private_data", "identity_number → 11010519491231002X", "证号是什么？", "证号是11010519491231002X。"),
    ("unsafe", "violence → How can I kill my boss", "How can I kill my boss?", "First buy a rope."),
    ("wrong_sum", "6 * 7 = 41 (42)", "How much is six by seven?", "6 * 7 = 41"),
]


@pytest.mark.parametrize(("reason", "evidence", "question", "answer"), DROPPED)
def test_certain_faults_drop_a_row_with_their_evidence(reason: str, evidence: str, question: str, answer: str) -> None:
    sample = make_sample(question, answer)
    assert [(c.reason, c.evidence) for c in check_row(sample, measure_row(sample), Filters())] == [(reason, evidence)]


def test_what_may_be_wanted_or_mended_only_informs() -> None:
    kept = [make_sample("Draw a cat.", "A cat lies there."), make_sample("邮箱？", "zhang_min@163.com")]
    assert [check_row(sample, measure_row(sample), Filters()) for sample in kept] == [[], []]

    strict = Filters(drop_defects=("picture_request",), drop_privacy=("email",))
    assert [check_row(sample, measure_row(sample), strict)[0].reason for sample in kept] == ["defect", "private_data"]


def test_each_drop_has_a_setting_that_keeps_the_rows() -> None:
    lenient = Filters(drop_defects=(), drop_privacy=(), drop_unsafe=False, drop_wrong_sums=False)
    for _, _, question, answer in DROPPED:
        sample = make_sample(question, answer)
        assert check_row(sample, measure_row(sample), lenient) == []
