"""The same decisions on a cluster: two nodes of Ray on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.config import Execution
from builder.dataset_folder import DatasetFolder
from builder.errors import InputFileError, WorkerLostError
from builder.execution import run
from tests.builder.test_curating import content, curate, make_folder, make_rows
from tests.builder.test_execution import die_at_three, fail_at_three, process_of

ROOT = Path(__file__).parents[2]

ray: Any = pytest.importorskip("ray")
pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("ray")]

ON_RAY = Execution(engine="ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[object]:
    from ray.cluster_utils import Cluster

    two_nodes: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    two_nodes.add_node(num_cpus=1)
    ray.init(
        address=two_nodes.address,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield two_nodes
    ray.shutdown()
    two_nodes.shutdown()


def test_both_nodes_work_and_results_come_in_order() -> None:
    assert len(ray.nodes()) == 2
    assert list(run(abs, range(-30, 0), ON_RAY)) == list(range(30, 0, -1))
    assert os.getpid() not in set(run(process_of, range(8), ON_RAY))


def test_errors_come_back_as_they_were() -> None:
    with pytest.raises(InputFileError, match=r"rows.json, row 3: not a table"):
        list(run(fail_at_three, range(6), ON_RAY))


def test_a_worker_that_dies_again_and_again_is_an_error() -> None:
    with pytest.raises(WorkerLostError, match="Ray lost a partition"):
        list(run(die_at_three, range(6), ON_RAY))


def test_a_cluster_decides_as_one_process(tmp_path: Path) -> None:
    samples = make_rows(100, seed=7)
    here, there = make_folder(tmp_path / "here", samples), make_folder(tmp_path / "there", samples)
    benchmark = tmp_path / "eval.json"
    benchmark.write_text('[{"instruction": "Explain how a belt moves the wheel of a mill", "output": "So."}]', "utf-8")
    options = (f"contamination.against=[{benchmark}]", "filters.blocked_words=[moss]")
    verdicts = curate(here, *options)
    assert curate(there, *options, "execution.engine=ray", "execution.partition_rows=9") == verdicts
    assert {"contaminated", "blocked_word", "too_similar"} <= {v.reason for v in verdicts}
    assert content(DatasetFolder(there.root)) == content(here)
