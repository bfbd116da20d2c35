"""What moved the quality of rows up or down: each component's weight × (its score − the mean of all rows).

`signals/quality.parquet` holds the score of every row (`quality`) and a column `quality_<component>` for each component, 0 to
1, null where it has nothing to say.
"""

from typing import Any

import polars as pl

from builder.config import QualityWeights
from builder.store.dataset_folder import DatasetFolder

_PREFIX = "quality_"


def quality_movers(folder: DatasetFolder, rows: pl.DataFrame, weights: QualityWeights) -> list[dict[str, Any]]:
    """Each component over all rows.

    Args:
        rows: row and kept, in row order.

    Returns:
        By falling weight: component, weight, rows (that it says something about), before and after (its mean over all rows
        and over the kept ones), raised and lowered (rows that it moved up, or down, more than any other component did).
    """
    scores = _read(folder)
    if scores is None:
        return []
    names = _components(scores)
    moved = scores.select(_moved(name, scores[name].mean(), weights) for name in names)
    most = moved.select(pl.max_horizontal(pl.col(names).abs())).to_series()
    kept = scores.join(rows.filter("kept").select("row"), on="row", how="semi")
    found = [
        {
            "component": name.removeprefix(_PREFIX),
            "weight": _weight(name, weights),
            "rows": len(scores) - scores[name].null_count(),
            "before": _mean(scores[name]),
            "after": _mean(kept[name]),
            "raised": int(((moved[name] == most) & (most > 0)).sum()),
            "lowered": int(((moved[name] == -most) & (most > 0)).sum()),
        }
        for name in names
    ]
    return sorted(found, key=lambda mover: (-mover["weight"], mover["component"]))


def _read(folder: DatasetFolder) -> pl.DataFrame | None:
    if not (folder.signals / "quality.parquet").is_file():
        return None
    scores = pl.from_arrow(folder.read_signal("quality"))
    assert isinstance(scores, pl.DataFrame)
    return scores


def _components(scores: pl.DataFrame) -> list[str]:
    return [name for name in scores.columns if name.startswith(_PREFIX)]


def _weight(name: str, weights: QualityWeights) -> float:
    weight: float = getattr(weights, name.removeprefix(_PREFIX))
    return weight


def _moved(name: str, mean: Any, weights: QualityWeights) -> pl.Expr:
    return (pl.col(name) - (0.0 if mean is None else mean)) * _weight(name, weights)


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return round(mean, 4) if isinstance(mean, float) else None
