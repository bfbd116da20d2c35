"""Estimates of mixes, of recipes of several requests and of checks, before a pilot and after one that finished no job."""

from pathlib import Path

import pytest

from builder import pipeline
from builder.config import Growth
from builder.errors import BudgetReachedError
from builder.pipeline.estimating import estimate
from builder.pipeline.pilot import read_pilot
from builder.pipeline.sources import read_seeds
from builder.progress import Reporter
from builder.recipes import RECIPES
from builder.requests.ledger import read_entries
from builder.requests.spending import read_spending
from builder.settings_file import load_settings

QUIET = Reporter(quiet=True)
UNKEYED = (
    "target=300",
    "checks.agreement.samples=3",
    "teacher.faults=unkeyed=1,wrong=0.1",
    "split.min_validation_rows=0",
)


@pytest.mark.parametrize(
    ("recipe", "rows"),
    [
        ("alpaca", 16),
        ("self_instruct", 16),
        ("topic", 16),
        ("procedural", 16),
        ("documents", 8),
        ("evolve", 2),
        ("phrasings", 6),
        ("dialogue", 1),
    ],
)
def test_every_recipe_has_its_rows_a_job(recipe: str, rows: int) -> None:
    assert (
        RECIPES[recipe].expected_rows(Growth(tasks_per_request=8, instances_per_task=2, phrasings_per_task=3)) == rows
    )
    assert recipe in RECIPES


@pytest.mark.parametrize(
    ("overrides", "requests"),
    [
        ((), 112),  # 1,000 rows at 10 a request, of which 0.9 are admitted
        (("growth.recipes={self_instruct: 1}",), 445),  # the same jobs, of four requests each
        (("growth.recipes={alpaca: 1, evolve: 1}",), 203),  # 10 rows and 1 in turn: 5.5 a job
        (("growth.recipes={procedural: 1}",), 0),
        (("checks.agreement.samples=3", "checks.judge.enabled=true"), 556),  # 1 + 3 + 1 a job
    ],
)
def test_mixes_steps_and_checks_are_counted_before_anything_is_sent(overrides: tuple[str, ...], requests: int) -> None:
    base = ("target=1000", "teacher.provider=openai", "teacher.model=seedbed-procedural", "growth.tasks_per_request=10")
    assert estimate(load_settings(None, [*base, *overrides], {})).remaining["low"].requests == requests


def test_the_embedded_teachers_keys_make_checks_free() -> None:
    free = estimate(load_settings(None, ["target=1000", "checks.agreement.samples=3"], {}))
    paid = estimate(load_settings(None, ["target=1000", *UNKEYED[1:]], {}))
    assert paid.remaining["low"].requests == pytest.approx(4 * free.remaining["low"].requests, rel=0.02)


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 requests of jobs that take four each, sixteen at once: none of them is finished."""
    root = tmp_path_factory.mktemp("pilot") / "d"
    outcome = pipeline.build(load_settings(None, [*UNKEYED, "budget.max_requests=50"], {}), root, QUIET, {})
    assert isinstance(outcome.ending, BudgetReachedError)
    return root


def test_replies_count_that_no_build_has_admitted_yet(pilot: Path) -> None:
    settings = load_settings(None, UNKEYED, {})
    jobs, tasks = read_pilot(read_entries(pilot / "ledger.sqlite"), settings, read_seeds(settings), {})
    assert sum(job.requests for job in jobs) == 50
    assert sum(job.candidates for job in jobs) == 8 * len(jobs)
    assert len(tasks) == sum(job.admitted for job in jobs) > 100
    assert not all(job.finished for job in jobs)


def test_after_a_pilot_that_finished_no_job_the_estimate_is_within_a_fifth(pilot: Path) -> None:
    settings = load_settings(None, UNKEYED, {})
    made = estimate(settings, pilot)
    assert made.measured
    assert made.spent.requests == 50
    pipeline.build(settings, pilot, QUIET, {})
    actual = read_spending(pilot / "ledger.sqlite").requests
    assert 50 + made.remaining["likely"].requests == pytest.approx(actual, rel=0.2)
    assert estimate(settings, pilot).remaining["high"].requests == 0
