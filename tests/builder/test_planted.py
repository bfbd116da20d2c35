"""The benchmark of planted faults, on made rows: what it plants is there, and what it counts is what was decided."""

import json
import random
from pathlib import Path

from benchmarks.alpaca_rows import AlpacaRows
from benchmarks.planted import KINDS, Row, curate, hosts, judge, plant, private_values, write_benchmark
from benchmarks.planted_texts import TEXTS
from builder.signals.checksums import is_card_number, is_identity_number


def made_rows() -> dict[str, list[Row]]:
    source = AlpacaRows(random.Random(0))
    rows: dict[str, list[Row]] = {"en": [], "zh": []}
    while min(map(len, rows.values())) < 60:
        row = source.next()
        rows["en" if row["instruction"].isascii() else "zh"].append(
            {k: row[k] for k in ("instruction", "input", "output")}
        )
    return rows


def test_one_fault_of_each_kind_is_planted_where_it_says_and_judged(tmp_path: Path) -> None:
    rows = made_rows()
    before = curate(rows, tmp_path / "before").read_verdicts()
    faults = plant(rows, hosts(rows, before), random.Random(0), each=1)
    write_benchmark(tmp_path / "benchmark.json")
    folder = curate(rows, tmp_path / "after", tmp_path / "benchmark.json")
    outcomes = {(f.kind, f.language): result for f, result in zip(faults, judge(faults, folder), strict=True)}

    assert set(outcomes) == {(kind, language) for kind in KINDS for language in ("en", "zh")}
    samples = {sample.row: sample for sample in folder.iter_samples()}
    assert all(samples[fault.row].instruction == fault.content["instruction"] for fault in faults)
    for kind in (
        "exact copy",
        "refusal",
        "empty or N/A answer",
        "identity, card, key",
        "benchmark verbatim",
        "wrong sum",
    ):
        assert {outcomes[kind, "en"], outcomes[kind, "zh"]} == {"right"}
    assert outcomes["picture asked for", "en"] == "flagged"


def test_the_texts_are_ten_of_each_in_both_languages() -> None:
    english, chinese = TEXTS["en"], TEXTS["zh"]
    for name in ("refusals", "self_mentions", "no_answers", "unclear", "missing_code", "unseen", "unsafe", "benchmark"):
        assert len(getattr(english, name)) == len(getattr(chinese, name)) == 10
    for texts in TEXTS.values():
        for _, answer in texts.json_tasks:
            assert json.loads(answer)


def test_planted_numbers_pass_their_checksums() -> None:
    for seed in range(20):
        values = private_values(random.Random(seed), TEXTS["zh"])
        assert is_identity_number(values["identity"])
        assert is_card_number(values["card"])
