"""The same decisions on a cluster: two nodes of Ray on this machine."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.config import Execution
from builder.curation.novelty import neighbours, scanning
from builder.curation.novelty.scanning import scan_columns
from builder.errors import InputFileError, WorkerLostError
from builder.execution import run, shards
from builder.store.dataset_folder import DatasetFolder, Partition
from builder.text import Thresholds
from tests.builder.test_curating import content, curate, make_folder, make_rows
from tests.builder.test_execution import Words, die_at_three, exchanged, fail_at_three, process_of, rows_of
from tests.builder.test_scanning import plain, table, variations

ROOT = Path(__file__).parents[2]

ray: Any = pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(120)

ON_RAY = Execution(engine="ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[object]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("PYTHONPATH", str(ROOT))  # not by `runtime_env`, for which the workers that wait are of no use
        environ.setenv("RAY_TASK_MAX_RETRIES", "1")
        two_nodes: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        two_nodes.add_node(num_cpus=1)
        ray.init(address=two_nodes.address, log_to_driver=False, logging_level="ERROR")
        yield two_nodes
        ray.shutdown()
        two_nodes.shutdown()


def test_both_nodes_work_and_results_come_in_order() -> None:
    assert len(ray.nodes()) == 2
    assert list(run(abs, range(-30, 0), ON_RAY)) == list(range(30, 0, -1))
    assert os.getpid() not in set(run(process_of, range(8), ON_RAY))


def test_errors_come_back_as_they_were() -> None:
    with pytest.raises(InputFileError, match=r"rows.json, row 3: the file is empty"):
        list(run(fail_at_three, range(6), ON_RAY))


def test_a_worker_that_dies_again_and_again_is_an_error() -> None:
    with pytest.raises(WorkerLostError, match="Ray lost a partition"):
        list(run(die_at_three, range(6), ON_RAY))


def test_actors_pass_each_other_parcels_and_keep_them() -> None:
    for workers in (1, 2):
        assert exchanged(Execution(engine="ray", workers=workers)) == exchanged(Execution(workers=workers))


def test_an_actor_that_dies_or_fails_is_an_error() -> None:
    with shards(Words, Execution(engine="ray", workers=2)) as held:
        with pytest.raises(RuntimeError, match=r"(?s)a worker failed.*ZeroDivisionError: a bug"):
            held.call("words", "")
        with pytest.raises(WorkerLostError, match="Ray lost a worker of the novelty scan"):
            held.exchange("spell", "hear", "die")


def test_the_scan_on_a_cluster_drops_what_one_process_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_ROWS_AT_ONCE", 40)
    monkeypatch.setattr(neighbours, "_FETCHED", 30)
    rng = random.Random(2)
    words = [f"w{number}" for number in range(60)]
    stems = [" ".join(rng.choices(words, k=size)) for size in (8, 9, 12, 15, 70, 90)]
    rows = table(plain(variations(rng, stems * 4, words, " ", 130)))
    thresholds = Thresholds(0.7, 0.7)
    whole = scan_columns(rows, thresholds, Execution(workers=1))
    assert 30 < len(whole) < 125
    on_ray = Execution(engine="ray", workers=2, partition_rows=17)
    assert scan_columns(rows, thresholds, on_ray).equals(whole)


def packed_for_elsewhere(partition: Partition) -> Partition:
    """As on a node that does not see this machine's files."""
    return replace(partition.packed(), part=Path("nowhere.parquet"))


def test_partitions_travel_to_nodes_that_do_not_see_the_files(tmp_path: Path) -> None:
    partitions = make_folder(tmp_path / "d", make_rows(10, 0)).partitions(4)
    found = run(rows_of, partitions, ON_RAY, pack=packed_for_elsewhere)
    assert list(found) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_cluster_decides_as_one_process(tmp_path: Path) -> None:
    samples = make_rows(100, seed=7)
    here, there = make_folder(tmp_path / "here", samples), make_folder(tmp_path / "there", samples)
    benchmark = tmp_path / "eval.json"
    benchmark.write_text('[{"instruction": "Explain how a belt moves the wheel of a mill", "output": "So."}]', "utf-8")
    options = (f"contamination.against=[{benchmark}]", "filters.blocked_words=[moss]", "novelty.threshold=0.6")
    verdicts = curate(here, *options)
    assert curate(there, *options, "execution.engine=ray", "execution.partition_rows=9") == verdicts
    assert {"contaminated", "blocked_word", "too_similar"} <= {v.reason for v in verdicts}
    assert content(DatasetFolder(there.root)) == content(here)
