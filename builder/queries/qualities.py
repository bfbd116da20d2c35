"""What moved the quality of one row: each component's weight × (its score − the mean of all rows)."""

from typing import Any

from builder.config import QualityWeights
from builder.queries.database import Database
from builder.queries.views import quoted

_SOURCE = "signal_quality"
_PREFIX = "quality_"


def explain_quality(database: Database, row: int, weights: QualityWeights) -> dict[str, Any] | None:
    """One row's quality, its score and what moved that.

    Returns:
        quality (its place among the rows of its form), score, mean (score of all rows) and moved: {component: by how much of
        the score}, the largest first; None where the folder holds no scores.
    """
    columns = database.signals().get(_SOURCE, [])
    if "quality" not in columns:
        return None
    names = [name for name in columns if name.startswith(_PREFIX)]
    # Folders decided by an earlier version hold one figure for both.
    score = "score" if "score" in columns else "quality"
    own = database.ask(f"SELECT * FROM {_SOURCE} WHERE row = ?", [row], reads=[_SOURCE])
    if not len(own):
        return None
    averages = ", ".join(f"avg({quoted(name)}) AS {quoted(name)}" for name in (score, *names))
    means = database.ask(f"SELECT {averages} FROM {_SOURCE}", reads=[_SOURCE])
    weighed = {name: float(getattr(weights, name.removeprefix(_PREFIX))) for name in names if own[name][0] is not None}
    total = sum(weighed.values())
    moved = {
        name.removeprefix(_PREFIX): weight * (own[name][0] - means[name][0]) / total
        for name, weight in weighed.items()
        if total
    }
    ordered = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))
    return {
        "quality": own["quality"][0],
        "score": own[score][0],
        "mean": round(means[score][0], 4),
        "moved": {name: round(by, 4) for name, by in ordered},
    }
