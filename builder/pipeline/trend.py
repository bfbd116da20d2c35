"""How many more jobs a target takes: admission falls as the pool grows, and the pilot's collisions say how fast.

50 jobs gave 400 candidates: 383 admitted, 17 too close to a grown row, at 190 rows on average
so one row turns away one candidate of 4,500, and the 51st job meets 383 rows: 8 candidates, 7.3 admitted
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.config import Growth
from builder.pipeline.pilot import PilotJob

# What collisions cost against the straight line: the rarest categories are asked for, and one that is nearly used up stays
# rare. `benchmarks/estimates.py` measures 1 to 2.5 on the embedded teacher near its end.
_STEEPER = {"low": 1.0, "likely": 1.75, "high": 2.5}
# Candidates that a share of admission is trusted for before it was measured.
_PRIOR = 8.0
# Collisions that are assumed before any is seen, and the share of candidates that collide when the target is reached.
_ASSUMED_COLLISIONS = 2
_ASSUMED_AT_TARGET = 0.25


@dataclass(frozen=True, slots=True)
class Rates:
    """What the jobs of one recipe take and give.

    Attributes:
        weight: of the recipe among the jobs.
        requests: of one job.
        candidates: of one job.
        admitted: share of the candidates that is admitted while none is too close to a grown row.
    """

    weight: float
    requests: float
    candidates: float
    admitted: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """New jobs by recipe, and the grown rows that are there after them."""

    jobs: Mapping[str, float]
    rows: float


def measure_admission(jobs: Sequence[PilotJob], expected: float) -> float:
    """Share of the candidates that is admitted while none is too close to a grown row.

    Args:
        expected: the share before anything is measured.
    """
    candidates = sum(job.candidates for job in jobs)
    return (sum(job.admitted + job.collided for job in jobs) + _PRIOR * expected) / (candidates + _PRIOR)


def measure_closeness(jobs: Sequence[PilotJob], target: int) -> dict[str, float]:
    """Share of the candidates that one grown row turns away, by bound.

    A candidate meets an earlier grown row with a probability that rises with their number: share(rows) = base x (1 -
    rows / capacity). The capacity is estimated as in drawing with replacement: collisions seen so far over the sum, over
    all candidates, of the rows that were there. A pilot of few jobs sees none to a handful, so two are counted on top, as if
    seen where the last row of the target turns away a quarter of the candidates: people choose targets that their seeds
    can carry. The bounds are one standard deviation of the count below and two above.
    """
    rows, exposure = 0, _ASSUMED_COLLISIONS * target / _ASSUMED_AT_TARGET
    for job in jobs:
        exposure += job.candidates * (rows + job.admitted / 2)
        rows += job.admitted
    counted = sum(job.collided for job in jobs) + _ASSUMED_COLLISIONS
    spread = math.sqrt(counted)
    bounds = {"low": max(0.0, counted - spread), "likely": float(counted), "high": counted + 2 * spread}
    return {bound: count / exposure for bound, count in bounds.items()}


def forecast(
    growth: Growth, rates: Mapping[str, Rates], jobs: Sequence[PilotJob], wanted: float, bound: str, closeness: float
) -> Forecast:
    """Draw jobs as the pool does, the recipe most behind its share first, until so many more rows are admitted.

    Args:
        rates: of the recipes that the next jobs are drawn from.
        jobs: that are there.
        bound: `low`, `likely` or `high`.
        closeness: share of the candidates that one grown row turns away.

    Returns:
        Fewer rows than wanted where saturation ends the run before them.
    """
    total = sum(rate.weight for rate in rates.values())
    shares = {name: rate.weight / total for name, rate in rates.items()}
    drawn = Counter({name: sum(job.recipe == name for job in jobs) for name in rates})
    candidates = sum(share * rates[name].candidates for name, share in shares.items())
    base = sum(share * rates[name].candidates * rates[name].admitted for name, share in shares.items())
    floor = max(growth.saturation_floor, 0.01) * candidates
    first = rows = float(sum(job.admitted for job in jobs))
    new: dict[str, float] = dict.fromkeys(rates, 0.0)
    while rows < first + wanted:
        room = 1 - closeness * rows
        if base * room <= floor:
            new = {name: new[name] + share * growth.saturation_window for name, share in shares.items()}
            break
        number = drawn.total() + 1
        name = max(shares, key=lambda name: shares[name] * number - drawn[name])
        drawn[name] += 1
        new[name] += room + _STEEPER[bound] * (1 - room)
        rows += rates[name].candidates * rates[name].admitted * room
    return Forecast(new, rows)
