"""How many more jobs a target takes: admission falls as the pool grows, and the pilot's collisions say how fast.

50 jobs gave 400 candidates: 383 admitted, 17 too close to a grown row, at 190 rows on average
so one row turns away one candidate of 4,500, and the 51st job meets 383 rows: 8 candidates, 7.3 admitted
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from builder.config import Growth
from builder.dataset_folder import DatasetFolder
from builder.requests.ledger import Usage

# Categories differ and rare ones are asked for, so admission dips where one is nearly used up: measured on the embedded
# teacher, jobs from the 50th to 2.5 and 5 times the pilot's rows were 4 % below to 35 % above the likely figure.
_MISFIT = {"low": 0.9, "likely": 1.0, "high": 1.3}


@dataclass(frozen=True, slots=True)
class JobYield:
    """What one job gave: candidates, admitted rows, and candidates too close to an earlier grown row."""

    candidates: int
    admitted: int
    collided: int


def read_yields(folder: DatasetFolder, usage: Sequence[Usage]) -> list[JobYield]:
    """What the jobs gave whose rows are in the folder, in the order in which they were read."""
    samples = folder.samples_table().select(["request_id", "origin"]).to_pylist()
    seed_rows = sum(sample["origin"] == "seed" for sample in samples)
    admitted = Counter(sample["request_id"].partition(".")[0] for sample in samples if sample["request_id"])
    rejected: Counter[str] = Counter()
    collided: Counter[str] = Counter()
    for rejection in folder.rejections_table().select(["request_id", "of"]).to_pylist():
        job = rejection["request_id"].partition(".")[0]
        rejected[job] += 1
        collided[job] += rejection["of"] is not None and rejection["of"] >= seed_rows
    order = {one.job: one.read_order for one in usage if one.read_order is not None}
    last = max((order[job] for job in {*admitted, *rejected} if job in order), default=-1)
    jobs = sorted((place, job) for job, place in order.items() if place <= last)
    return [JobYield(admitted[job] + rejected[job], admitted[job], collided[job]) for _, job in jobs]


def jobs_needed(growth: Growth, read: Sequence[JobYield], wanted: float) -> tuple[dict[str, float], int | None]:
    """Jobs until so many more rows are admitted, from the decline that the jobs read so far show.

    A candidate meets an earlier grown row with a probability that rises with their number: share(rows) = base x (1 -
    rows / capacity). The capacity is estimated as in drawing with replacement: collisions seen so far over the sum, over
    all candidates, of the rows that were there. One more collision is counted than was seen (Laplace's rule); the
    bounds are one standard deviation of the count below and two above, widened for what the model leaves out.
    """
    rows, exposure = 0, 0.0
    for job in read:
        exposure += job.candidates * (rows + job.admitted / 2)
        rows += job.admitted
    collisions, candidates = sum(job.collided for job in read), sum(job.candidates for job in read)
    base, per_job = (rows + collisions) / max(1, candidates), candidates / len(read)
    spread = math.sqrt(collisions + 1)
    counted = {
        "low": max(0.0, collisions + 1 - spread),
        "likely": collisions + 1.0,
        "high": collisions + 1 + 2 * spread,
    }
    jobs: dict[str, float] = {}
    saturates_at = None
    for bound, count in counted.items():
        closeness = count / max(exposure, 1.0)
        drawn, reached = _draw(growth, rows, wanted, per_job * base, base, closeness)
        jobs[bound] = drawn * _MISFIT[bound]
        if bound == "likely" and reached < rows + wanted:
            saturates_at = round(reached)
    return jobs, saturates_at


def _draw(
    growth: Growth, rows: int, wanted: float, per_job: float, base: float, closeness: float
) -> tuple[float, float]:
    """Jobs until `wanted` rows more, or until saturation ends the run, and the rows that are there then.

    Args:
        per_job: rows of one job while nothing collides.
        closeness: share of the candidates that one grown row turns away.
    """
    if wanted <= 0:
        return 0.0, float(rows)
    floor = max(growth.saturation_floor, 0.01)
    if per_job <= 0 or base <= floor:
        return float(growth.saturation_window), float(rows)
    if closeness * (rows + wanted) < 1e-9:
        return wanted / per_job, rows + wanted
    end = min(rows + wanted, (1 - floor / base) / closeness)
    if end <= rows:
        return float(growth.saturation_window), float(rows)
    jobs = math.log((1 - rows * closeness) / (1 - end * closeness)) / (closeness * per_job)
    return jobs + (growth.saturation_window if end < rows + wanted else 0), end
