"""Growing against the embedded teacher, in-process and on a real port, with faults, caps, kills and resumes."""

import json
import shutil
import socket
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from builder import pipeline
from builder.config import Settings
from builder.errors import BudgetReachedError, EndpointError, TargetNotReachedError, UsageError
from builder.pipeline.estimating import estimate
from builder.procedural.teacher.embedded import create_app
from builder.procedural.teacher.faults import Faults
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.text import Thresholds
from tests.builder.references import FEW_SEEDS, scan
from tests.endpoint import serving

QUIET = Reporter(quiet=True)
BASE = (
    *("growth.tasks_per_request=4", "growth.window=8", "teacher.concurrency=4", "split.min_validation_rows=0"),
    FEW_SEEDS,
)


def settings(*overrides: str) -> Settings:
    return load_settings(None, [*BASE, *overrides], {})


def build(root: Path, *overrides: str) -> pipeline.Outcome:
    return pipeline.build(settings(*overrides), root, QUIET, {})


def rows(root: Path) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = DatasetFolder(root).samples_table().to_pylist()
    return table


def published(root: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in (root / "publish" / "data").glob("*.parquet"))


def ledger_rows(root: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(root / "ledger.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_exactly_the_target_is_published_in_both_languages(tmp_path: Path) -> None:
    outcome = build(tmp_path / "d", "target=60", "seeds.files=[builtin]")
    assert outcome.ending is None
    assert published(tmp_path / "d") == 60
    kept = [v.row for v in DatasetFolder(tmp_path / "d").read_verdicts() if v.kept]
    by_row = {row["row"]: row for row in rows(tmp_path / "d")}
    assert {by_row[row]["language"] for row in kept} == {"en", "zh"}
    assert {by_row[row]["origin"] for row in kept} == {"generated"}
    assert pipeline.verify(tmp_path / "d") == []


def test_no_two_admitted_tasks_are_above_the_threshold(tmp_path: Path) -> None:
    build(tmp_path / "d", "target=120", "growth.instances_per_task=2")
    table = rows(tmp_path / "d")
    dropped = scan(
        table,
        Thresholds(0.7, 0.7),
        text=lambda r: r["instruction"],
        row=lambda r: r["row"],
        group=lambda r: r["task_id"],
        exempt=lambda r: r["origin"] == "seed",
    )
    assert dropped == {}


def test_instances_share_a_task_and_differ_in_input(tmp_path: Path) -> None:
    build(tmp_path / "d", "target=40", "growth.instances_per_task=2")
    tasks: dict[str, list[str]] = {}
    for row in rows(tmp_path / "d"):
        if row["origin"] == "generated":
            tasks.setdefault(row["task_id"], []).append(row["input"])
    assert Counter(len(inputs) for inputs in tasks.values()).most_common(1)[0][0] == 2
    assert all(len(set(inputs)) == len(inputs) for inputs in tasks.values())


def test_concurrency_and_timing_do_not_change_ordered_rows(tmp_path: Path) -> None:
    build(tmp_path / "a", "target=60", "teacher.concurrency=1")
    build(tmp_path / "b", "target=60", "teacher.concurrency=8")
    build(tmp_path / "c", "target=60", "teacher.concurrency=8")
    for name in "bc":
        for part in ("samples/part-00000.parquet", "verdicts.parquet", "publish/data/train-00000-of-00001.parquet"):
            assert (tmp_path / name / part).read_bytes() == (tmp_path / "a" / part).read_bytes()


def test_a_raised_target_goes_on_and_keeps_the_rows(tmp_path: Path) -> None:
    build(tmp_path / "d", "target=20")
    before = rows(tmp_path / "d")
    requests = pipeline.status(tmp_path / "d")["requests"]
    build(tmp_path / "d", "target=60")
    build(tmp_path / "whole", "target=60")
    assert rows(tmp_path / "d")[: len(before)] == before
    assert rows(tmp_path / "d") == rows(tmp_path / "whole")
    assert pipeline.status(tmp_path / "d")["requests"] == pipeline.status(tmp_path / "whole")["requests"] > requests


def test_a_finished_build_sends_nothing_again(tmp_path: Path) -> None:
    build(tmp_path / "d", "target=30")
    attempts = pipeline.status(tmp_path / "d")["attempts"]
    manifest = (tmp_path / "d" / "MANIFEST.json").read_bytes()
    build(tmp_path / "d", "target=30")
    assert pipeline.status(tmp_path / "d")["attempts"] == attempts
    assert (tmp_path / "d" / "MANIFEST.json").read_bytes() == manifest


def test_a_real_port_gives_the_rows_of_the_in_process_teacher(tmp_path: Path) -> None:
    build(tmp_path / "inside", "target=40")
    with serving(create_app()) as url:
        build(
            tmp_path / "port",
            "target=40",
            "teacher.provider=openai",
            "teacher.model=seedbed-procedural",
            f"teacher.base_url={url}",
            "growth.ordered=true",
        )
    assert rows(tmp_path / "port") == rows(tmp_path / "inside")


def test_what_curation_drops_is_grown_again(tmp_path: Path) -> None:
    # A benchmark that holds tasks of the first run: they are admitted, then found contaminated, then replaced.
    build(tmp_path / "first", "target=30")
    benchmark = tmp_path / "benchmark.jsonl"
    grown = [r for r in rows(tmp_path / "first") if r["origin"] == "generated" and len(r["instruction"].split()) > 12][
        :4
    ]
    lines = [json.dumps({"instruction": r["instruction"], "input": r["input"], "output": "?"}) for r in grown]
    benchmark.write_text("\n".join(lines), encoding="utf-8")
    outcome = build(tmp_path / "second", "target=30", f"contamination.against=[{benchmark}]")
    assert outcome.report["rows"]["by_reason"]["contaminated"] >= len(grown) > 0
    assert published(tmp_path / "second") == 30


@pytest.mark.parametrize(
    "fault", ["malformed=0.5", "cut=0.5", "html=0.3,empty_choices=0.3", "500=0.3,429=0.2,retry_after=0.01"]
)
def test_counts_close_whatever_the_teacher_does(tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.requests.sender._FIRST_WAIT", 0.01)
    outcome = build(tmp_path / "d", "target=40", f"teacher.faults={json.dumps(fault)}")
    candidates = outcome.report["candidates"]
    assert candidates["total"] == candidates["admitted"] + sum(candidates["by_reason"].values())
    assert outcome.report["rows"]["total"] == outcome.report["rows"]["kept"] + sum(
        outcome.report["rows"]["by_reason"].values()
    )
    assert published(tmp_path / "d") == 40
    if fault.startswith("cut"):
        assert candidates["by_reason"]["cut_by_length"] > 0


def test_a_budget_ends_the_run_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    outcome = build(tmp_path / "d", "target=60", "budget.max_requests=3")
    assert isinstance(outcome.ending, BudgetReachedError)
    assert outcome.ending.exit_code == 4
    assert pipeline.status(tmp_path / "d")["requests"] == 3
    assert 0 < published(tmp_path / "d") < 60
    assert pipeline.verify(tmp_path / "d") == []
    assert build(tmp_path / "d", "target=60", "budget.max_requests=300").ending is None
    build(tmp_path / "whole", "target=60")
    assert rows(tmp_path / "d") == rows(tmp_path / "whole")


def test_a_token_cap_is_never_exceeded(tmp_path: Path) -> None:
    outcome = build(tmp_path / "d", "target=500", "budget.max_tokens=60000", "teacher.concurrency=8")
    assert isinstance(outcome.ending, BudgetReachedError)
    assert 0 < pipeline.status(tmp_path / "d")["tokens"] <= 60000


def test_saturation_ends_the_run_with_its_cause(tmp_path: Path) -> None:
    # At this threshold nearly everything is too close to something.
    outcome = build(
        tmp_path / "d",
        "target=2000",
        "novelty.threshold=0.15",
        "growth.saturation_window=10",
        "growth.saturation_floor=0.2",
    )
    assert isinstance(outcome.ending, TargetNotReachedError)
    assert outcome.ending.exit_code == 3
    assert "too_similar" in outcome.ending.message
    assert pipeline.verify(tmp_path / "d") == []


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    build(tmp_path / "d", "target=20")
    with pytest.raises(UsageError, match=r"novelty\.threshold: was 0\.7, is now 0\.5"):
        build(tmp_path / "d", "target=20", "novelty.threshold=0.5")
    seeds = tmp_path / "seeds.jsonl"
    line = {"instruction": "写一首诗", "instances": [{"input": "", "output": "春眠"}]}
    seeds.write_text(json.dumps(line, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(UsageError, match="hash of the tasks"):
        build(
            tmp_path / "d", "target=20", f"seeds.files=[{seeds}]", "growth.languages={zh: 1}", "novelty.threshold=0.7"
        )
    assert pipeline.verify(tmp_path / "d") == []


def test_a_language_without_seeds_is_refused(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(
        json.dumps({"instruction": "Write a poem.", "instances": [{"input": "", "output": "Rain."}]}), encoding="utf-8"
    )
    with pytest.raises(UsageError, match="asks for zh, but no seed task"):
        build(tmp_path / "d", "target=5", f"seeds.files=[{seeds}]", "growth.languages={en: 1, zh: 1}")


@pytest.mark.parametrize(("language", "name"), [("en", "English"), ("zh", "Chinese")])
def test_seeds_of_one_language_grow_that_one_and_it_is_said(
    tmp_path: Path, language: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    instruction = {"en": "Write a poem about rain.", "zh": "写一首关于雨的短诗。"}[language]
    seeds = tmp_path / "seeds.jsonl"
    line = {"instruction": instruction, "instances": [{"input": "", "output": "雨" if language == "zh" else "Rain."}]}
    seeds.write_text(json.dumps(line), encoding="utf-8")
    chosen = settings("target=4", f"seeds.files=[{seeds}]")
    pipeline.build(chosen, tmp_path / "d", Reporter(), {})
    assert {row["language"] for row in rows(tmp_path / "d")} == {language}
    assert f"All seeds are in {name}: so is what is grown (growth.languages).\n" in capsys.readouterr().err
    assert load_settings(tmp_path / "d" / "seedbed.yaml").growth.languages == {language: 1.0}
    assert estimate(chosen).target == 4
    pipeline.build(chosen, tmp_path / "d", QUIET, {})  # the same command goes on


def test_an_unreachable_endpoint_ends_with_5_and_the_replies_are_kept(tmp_path: Path) -> None:
    def openai(url: str) -> tuple[str, ...]:
        return (
            "target=60",
            "teacher.provider=openai",
            "teacher.model=seedbed-procedural",
            f"teacher.base_url={url}",
            "teacher.max_attempts=2",
            "growth.ordered=true",
            "budget.max_requests=3",
        )

    with serving(create_app()) as url:
        build(tmp_path / "d", *openai(url))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(EndpointError, match="no connection"):
            build(tmp_path / "d", *openai(dead)[:-1])
    with serving(create_app()) as url:
        build(tmp_path / "d", *openai(url)[:-1])
    assert published(tmp_path / "d") == 60
    assert (
        ledger_rows(
            tmp_path / "d",
            "SELECT count(*) FROM attempts WHERE state = 'received' GROUP BY request HAVING count(*) > 1",
        )
        == []
    )


def test_unordered_rows_are_those_of_the_ledgers_replay(tmp_path: Path) -> None:
    faults = Faults(slow=0.3, slow_seconds=0.4)
    with serving(create_app(faults)) as url:
        openai = (
            "target=60",
            "teacher.provider=openai",
            "teacher.model=seedbed-procedural",
            f"teacher.base_url={url}",
            "growth.ordered=false",
        )
        build(tmp_path / "d", *openai)
    (tmp_path / "replay").mkdir()
    shutil.copy(tmp_path / "d" / "ledger.sqlite", tmp_path / "replay")
    build(tmp_path / "replay", *openai)  # the server is gone: all must come from the ledger
    assert rows(tmp_path / "replay") == rows(tmp_path / "d")
    order = ledger_rows(tmp_path / "d", "SELECT number FROM jobs WHERE read_order IS NOT NULL ORDER BY read_order")
    assert order != sorted(order)
