import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.config import Execution
from builder.errors import InputFileError, UsageError, WorkerLostError
from builder.execution import even_rows, run, shards
from builder.store.dataset_folder import Partition

TWO = Execution(workers=2)


def slow_square(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number * number


def process_of(_: int) -> int:
    return os.getpid()


def fail_at_three(number: int) -> int:
    if number == 3:
        raise InputFileError("rows.json", "the file is empty", row=3, remedy="Save it as UTF-8.")
    if number == 9:
        raise ZeroDivisionError("a bug")
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def rows_of(partition: Partition) -> list[int]:
    return [sample.row for sample in partition.read()]


class Words:
    """The words that a shard was given."""

    def __init__(self, number: int, count: int) -> None:
        self._number, self._count = number, count
        self._words: list[str] = []

    def spell(self, word: str) -> list[str]:
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return [f"{word} from {self._number} to {other}" for other in range(self._count)]

    def hear(self, *words: str) -> int:
        self._words += words
        return len(self._words)

    def words(self, beginning: str) -> list[str]:
        if not beginning:
            raise ZeroDivisionError("a bug")
        return [word for word in self._words if word.startswith(beginning)]


def exchanged(execution: Execution) -> list[list[str]]:
    with shards(Words, execution) as held:
        assert held.exchange("spell", "hear", "hello") == [len(held)] * len(held)
        assert held.exchange("spell", "hear", "ciao") == [2 * len(held)] * len(held)
        return held.call("words", "hello")


def test_shards_pass_each_other_parcels_and_keep_them() -> None:
    assert exchanged(Execution(workers=1)) == [["hello from 0 to 0"]]
    assert exchanged(TWO) == [["hello from 0 to 0", "hello from 1 to 0"], ["hello from 0 to 1", "hello from 1 to 1"]]


def test_results_come_in_the_order_of_the_partitions() -> None:
    assert list(run(slow_square, range(20), TWO)) == [number * number for number in range(20)]
    assert list(run(slow_square, [], TWO)) == []


def test_rows_are_cut_so_that_no_worker_has_a_partition_more_than_another() -> None:
    two = Execution(workers=2, partition_rows=10_000)
    assert even_rows(50_000, two) == 8_334
    assert even_rows(10_000, two) == 10_000
    assert even_rows(12_000, two) == 6_000
    assert even_rows(50_000, Execution(workers=1, partition_rows=10_000)) == 10_000


def test_one_partition_or_one_worker_needs_no_process() -> None:
    assert list(run(process_of, [1], Execution(workers=8))) == [os.getpid()]
    assert set(run(process_of, range(5), Execution(workers=1))) == {os.getpid()}


def test_work_is_done_elsewhere_by_two_and_ends_with_the_last_result() -> None:
    others = set(run(process_of, range(40), TWO))
    assert os.getpid() not in others
    assert multiprocessing.active_children() == []


def test_an_error_keeps_its_class_its_message_and_its_way_out() -> None:
    with pytest.raises(UsageError) as caught:
        list(run(fail_at_three, range(6), TWO))
    assert isinstance(caught.value, InputFileError)
    assert str(caught.value) == "rows.json, row 3: the file is empty\n  Save it as UTF-8."
    assert multiprocessing.active_children() == []


def test_a_bug_in_a_worker_shows_where_it_is() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in fail_at_three.*ZeroDivisionError: a bug"):
        list(run(fail_at_three, [0, 9], TWO))


def test_a_worker_that_is_killed_is_an_error_and_not_a_wait_without_end() -> None:
    with pytest.raises(WorkerLostError, match=r"ended while it worked on a partition \(SIGKILL\)"):
        list(run(die_at_three, range(6), TWO))
    assert multiprocessing.active_children() == []


def test_leaving_early_ends_the_workers() -> None:
    with contextlib.closing(run(slow_square, range(1000), TWO)) as results:
        assert next(results) == 0
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_an_interrupt_ends_the_workers_too_and_leaves_no_half_file(tmp_path: Path) -> None:
    rows = [{"instruction": f"Name fruit number {i}.", "output": "A fig, or a date. " * 40} for i in range(4_000)]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    arguments = [sys.executable, "-m", "builder", "curate", str(tmp_path / "rows.json"), "--out", str(tmp_path / "d")]
    arguments += ["--set", "execution.workers=2", "--set", "execution.partition_rows=20", "-q"]
    with subprocess.Popen(arguments, start_new_session=True, stderr=subprocess.PIPE, text=True) as running:
        while not list(tmp_path.glob("d/.rebuild/signals/.*.tmp")):
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)
        _, printed = running.communicate()
    assert running.returncode == 130
    assert "Traceback" not in printed
    with contextlib.suppress(ProcessLookupError):  # the test's own time limit ends the wait
        while True:
            os.killpg(running.pid, 0)
            time.sleep(0.05)
    assert list(tmp_path.rglob("*.parquet")) == []
