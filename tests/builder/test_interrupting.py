"""Ctrl-C and `seedbed status`, with a real process, real signals and a real server whose replies take their time."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builder import pipeline
from builder.cli import watching
from builder.procedural.teacher.embedded import create_app
from builder.procedural.teacher.faults import Faults
from builder.progress import Reporter
from builder.requests.ledger_file import is_begun
from builder.requests.spending import read_spending
from builder.settings_file import load_settings
from tests.endpoint import serving

OVERRIDES = (
    *("target=60", "growth.tasks_per_request=4", "teacher.concurrency=4", "split.min_validation_rows=0"),
    *("teacher.provider=openai", "teacher.model=seedbed-procedural", "growth.window=8", "growth.ordered=true"),
)
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def building(root: Path, url: str, *overrides: str) -> Iterator[subprocess.Popen[str]]:
    sets = [part for one in (*OVERRIDES, f"teacher.base_url={url}", *overrides) for part in ("--set", one)]
    process = subprocess.Popen(
        [sys.executable, "-m", "builder", "build", "--out", str(root), *sets],
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": "any"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if holds():
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def under_way(root: Path) -> int:
    """Attempts that have no answer yet."""
    return read_spending(root / "ledger.sqlite").unknown if is_begun(root / "ledger.sqlite") else 0


def admitted(root: Path) -> int:
    growing = pipeline.status(root)["growing"]
    return growing["admitted"] if growing else 0


def go_on(root: Path, url: str) -> None:
    settings = load_settings(None, [*OVERRIDES, f"teacher.base_url={url}"], {})
    outcome = pipeline.build(settings, root, Reporter(quiet=True), {"OPENAI_API_KEY": "any"})
    assert outcome.ending is None


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as answer:
        counts: dict[str, Any] = json.load(answer)
    return counts


def test_status_shows_a_running_build_and_ctrl_c_lets_what_was_sent_arrive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDBED_REPORT_LANGUAGE", "zh")
    root = tmp_path / "d"
    with serving(create_app(Faults(latency=1.2))) as url, building(root, url) as process:
        wait_until(lambda: under_way(root) > 0 and admitted(root) > 0, process)
        seen = pipeline.status(root)
        assert (seen["running"], seen["process"], seen["finished"]) == (True, str(process.pid), False)
        assert 0 < seen["growing"]["reached"] < seen["growing"]["target"] == 60
        assert seen["growing"]["traffic"]["limit"] == 4
        watching.status(root)
        shown = capsys.readouterr().out
        assert f"正在运行：进程 {process.pid}" in shown
        assert "/ 60 条" in shown
        wait_until(lambda: under_way(root) == 4, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "正在等 4 个已发出的请求返回，最多 10 秒；再按一次 Ctrl-C 立即停止" in said
        spending = read_spending(root / "ledger.sqlite")
        assert (spending.unknown, spending.received) == (0, spending.attempts)
        watching.status(root)
        assert f"没有在运行；继续请执行 seedbed build {root / 'seedbed.yaml'} --out {root}" in capsys.readouterr().out
        assert pipeline.status(root)["growing"]["traffic"] is None
    with serving(create_app()) as url:
        go_on(root, url)
        after = read_spending(root / "ledger.sqlite")
        assert stats(url)["served"] == after.received - spending.received  # nothing that had come was bought again
        assert after.received == after.requests
    assert pipeline.status(root)["growing"]["reached"] == 60


def test_a_second_ctrl_c_stops_at_once_and_what_was_lost_is_unknown(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with serving(create_app(Faults(latency=3000))) as url, building(root, url) as process:
        wait_until(lambda: under_way(root) == 4, process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        line = ""
        while "finishing 4 requests on their way" not in line:
            line = process.stderr.readline()
            assert line, "it ended without a word"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=8)  # less than the 10 seconds that the first one waits
        assert process.returncode == 130
        assert read_spending(root / "ledger.sqlite").unknown == 4
    with serving(create_app()) as url:
        go_on(root, url)
    after = read_spending(root / "ledger.sqlite")
    assert after.unknown == 4
    assert after.attempts == after.requests + 4


def test_a_killed_build_is_not_running(tmp_path: Path) -> None:
    root = tmp_path / "d"
    with serving(create_app(Faults(latency=0.3))) as url, building(root, url) as process:
        wait_until(lambda: under_way(root) > 0 and pipeline.status(root)["running"], process)
        process.kill()
        process.wait()
    assert (root / ".lock").read_text() == f"seedbed dataset folder\n{process.pid}\n"
    assert pipeline.status(root)["running"] is False
