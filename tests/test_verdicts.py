"""The labelled truth is well formed, and `benchmarks/verdicts.py` counts it right."""

import json
import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks import truth_requests, verdicts
from benchmarks.truth_figures import Figure, Found, area_under_curve, best_threshold, precise_threshold, share
from benchmarks.truth_requests import Pair, merged_pairs, read_pairs
from benchmarks.truth_signals import count_flags
from builder.config import Settings
from builder.text import tokenise

SAME = {
    "contraction",
    "inflection",
    "number_word",
    "paraphrase",
    "politeness",
    "punctuation",
    "script",
    "synonym",
    "twice_answered",
    "typo",
    "word_order",
}
IN_ONE_LANGUAGE = {("contraction", "zh"), ("script", "en")}
PAIRS = [
    (
        "en",
        True,
        "What is the boiling point of ethanol?",
        "what is the boiling point of ethanol",
        "78 °C",
        "About 78 °C.",
    ),
    ("en", False, "Convert 12 miles to kilometres.", "Convert 12 kilometres to miles.", "19.3 km", "7.5 miles"),
    ("en", True, "How do I begin to paint?", "Where should a beginner start with painting?", "Buy a brush.", "Draw."),
    ("en", False, "Name a bird.", "Explain how rainbows form in the sky.", "Robin.", "Drops split the light."),
    ("zh", True, "水的沸点是多少？", "水的沸点是多少", "一百摄氏度。", "在标准大气压下是100℃。"),
    ("zh", False, "热力学第二定律是什么？", "热力学第三定律是什么？", "热不会自发由冷传到热。", "绝对零度不可达到。"),
]


def test_pairs_of_requests_are_well_formed() -> None:
    pairs = read_pairs()
    assert len({pair.id for pair in pairs}) == len(pairs) >= 1000
    assert len({frozenset((pair.a, pair.b)) for pair in pairs if pair.a != pair.b}) == sum(p.a != p.b for p in pairs)
    languages = Counter(pair.language for pair in pairs)
    assert abs(languages["en"] - languages["zh"]) <= 2
    assert {pair.kind for pair in pairs if pair.same} == SAME
    assert not {pair.kind for pair in pairs if not pair.same} & SAME
    counted = Counter((pair.kind, pair.language, pair.part) for pair in pairs)
    for kind in {pair.kind for pair in pairs}:
        for language in ("en", "zh"):
            for part in ("fit", "report"):
                assert (counted[kind, language, part] >= 4) is ((kind, language) not in IN_ONE_LANGUAGE)
    for part in ("fit", "report"):
        assert 0.4 < sum(pair.same for pair in read_pairs(part)) / len(read_pairs(part)) < 0.6


def test_no_request_is_in_both_parts_and_reported_ones_have_answers() -> None:
    fitted, reported = (
        {tuple(tokenise(text)) for pair in read_pairs(part) for text in (pair.a, pair.b)} for part in ("fit", "report")
    )
    assert not fitted & reported
    assert all(pair.answer_a and pair.answer_b for pair in read_pairs("report"))


def rounded(figure: Figure) -> tuple[float, float, float]:
    return round(figure.value, 3), round(figure.low, 3), round(figure.high, 3)


def test_a_share_has_wilsons_interval() -> None:
    assert rounded(share(8, 10)) == (0.8, 0.49, 0.943)
    assert rounded(share(10, 10)) == (1.0, 0.722, 1.0)
    assert math.isnan(share(0, 0).value)
    assert str(share(8, 10)) == "0.800 0.49 to 0.94"


def test_the_area_under_the_curve_has_delongs_interval() -> None:
    # 0.9 wins twice, 0.4 once: 3 of 4. Its components are (1, 1/2) and (1/2, 1), their variances 1/8 each, halved and summed.
    figure = area_under_curve(np.array([0.9, 0.8, 0.4, 0.3]), [True, False, True, False])
    assert rounded(figure) == (0.75, round(0.75 - 1.96 * math.sqrt(0.125), 3), 1.0)
    assert area_under_curve(np.array([0.5, 0.5]), [True, False]).value == 0.5


def test_precision_recall_and_thresholds() -> None:
    scores, same = np.array([0.95, 0.9, 0.8, 0.4, 0.3]), [True, True, False, True, False]
    found = Found.count(scores > 0.7, same)
    assert (found.right, found.found, found.same) == (2, 3, 3)
    assert (rounded(found.precision)[0], rounded(found.recall)[0], rounded(found.f1)[0]) == (0.667, 0.667, 0.667)
    assert best_threshold(scores, same) == 0.39  # all three for one that is not
    assert precise_threshold(scores, same, 0.9) == 0.8
    assert precise_threshold(np.array([0.9, 0.2]), [False, True], 0.9) is None


def write_pairs(path: Path) -> list[Pair]:
    pairs = [
        Pair(f"{part}-{number}", language, "typo" if same else "order", part, same, *texts)
        for part in ("fit", "report")
        for number, (language, same, *texts) in enumerate(PAIRS)
    ]
    path.write_text("".join(json.dumps(asdict(pair)) + "\n" for pair in pairs), encoding="utf-8")
    return pairs[: len(PAIRS)]


def test_curation_decides_about_pairs_as_about_any_rows(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "pairs.jsonl")
    assert merged_pairs(pairs, Settings()) == [True, False, False, False, True, False]
    assert merged_pairs(pairs[:1], Settings()) == [True]


def test_the_program_prints_what_each_measure_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    monkeypatch.setattr(truth_requests, "PAIRS", tmp_path / "pairs.jsonl")
    verdicts.main(["requests", "--kinds", "--curve"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    english = next(place for place, line in enumerate(lines) if line[:2] == ["Requests,", "en:"])
    # The bare question scores 1 and exceeds 0.7; the miles, 0.6, and the two that share one word or none do not.
    assert " ".join(lines[english + 2]) == (
        "ROUGE-L default 0.625 0.00 to 1.00 0.70 1.000 0.21 to 1.00 0.500 0.09 to 0.91 0.667 0.17 to 0.95"
    )
    alone = next(line for line in lines[english:] if line[:3] == ["curation,", "two", "rows"])
    assert alone[3] == "1.000"
    assert alone[7] == "0.500"
    assert ["order", "en", "2"] in [line[:3] for line in lines]
    assert ["ROUGE-L,", "characters,", "4", "pairs"] in lines


def test_an_unknown_topic_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        verdicts.main(["answer"])
    assert "no topic answer" in capsys.readouterr().err


def test_flags_are_counted_beside_labels() -> None:
    right, wrong, unread, missed = (("refusal", "refusal", "rows.json", name) for name in "abcd")
    flagged = {right: "en", wrong: "en", unread: "en"}
    labels = {right: (True, "en"), wrong: (False, "en"), missed: (True, "en")}
    counts = count_flags(flagged, labels)
    assert counts == {("refusal", "refusal", "en"): {"right": 1, "wrong": 1, "unread": 1, "missed": 1}}
