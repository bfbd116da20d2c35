"""Rows that say nearly what a kept row says: the one scan over the columns of a decision, with its evidence."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from builder.config import Execution
from builder.curation.novelty.requests import REQUEST_COLUMNS
from builder.curation.novelty.scanning import scan_columns
from builder.text import Thresholds, token_mode

_EVIDENCE_CHARACTERS = 120


def similar_rows(rows: pl.DataFrame, thresholds: Thresholds, execution: Execution) -> pl.DataFrame:
    """Rows that a kept one exceeds, each with the score, the kept row and how that begins, after what the score is of: `asked` of
    requests of which one is imported, else ROUGE-L by `word` or by character (`cjk`).

    Args:
        rows: row, exempt, novelty_text, `REQUEST_COLUMNS`, imported and family of the rows that passed so far, in preference order.
        thresholds: of ROUGE-L F1.
        execution: where they are compared.

    Returns:
        row, of, reason, value, threshold and evidence.
    """
    if thresholds.least >= 1:
        return pl.DataFrame(schema={"row": pl.Int64, "of": pl.Int64})
    compared = rows.select(
        "row", "exempt", "imported", *REQUEST_COLUMNS, text="novelty_text", group="family"
    ).to_arrow()
    frame = pl.from_arrow(scan_columns(compared, thresholds, execution))
    assert isinstance(frame, pl.DataFrame)
    named = pl.concat([frame["row"], frame["of"]]).unique().implode()
    own = rows.select("row", "novelty_text", "imported").filter(pl.col("row").is_in(named))
    pair = pl.struct("novelty_text", "other")
    asked = pl.col("imported") | pl.col("other_imported")
    return (
        frame.join(own, on="row", how="left", maintain_order="left")
        .join(
            own.rename({"row": "of", "novelty_text": "other", "imported": "other_imported"}),
            on="of",
            how="left",
            maintain_order="left",
        )
        .select(
            "row",
            "of",
            reason=pl.lit("too_similar"),
            value="similarity",
            threshold=pair.map_elements(
                lambda found: thresholds.of(*(token_mode(text) == "cjk" for text in found.values())),
                return_dtype=pl.Float64,
            ),
            evidence=pl.struct("novelty_text", "other", asked=asked).map_elements(_evidence, return_dtype=pl.String),
        )
    )


def with_families(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their family: the first task that theirs was evolved from, one step after another, or their own task.

    Rows of one family never decide about each other: instances and phrasings of a task, and what `evolve` makes, which is
    held to its own rule against its parent when it is admitted.

    Args:
        rows: task_id and evolved_from (see `builder.curation.facts`).
    """
    evolved = rows.filter(pl.col("evolved_from").is_not_null())
    parents = dict(evolved.select("task_id", "evolved_from").unique("task_id", keep="first").iter_rows())
    firsts = {task: _first_of(task, parents) for task in parents}
    return rows.with_columns(family=pl.col("task_id").replace(firsts) if firsts else pl.col("task_id"))


def _first_of(task: str, parents: Mapping[str, str]) -> str:
    passed: set[str] = set()
    while task in parents and task not in passed:
        passed.add(task)
        task = parents[task]
    return task


def _evidence(pair: Mapping[str, Any]) -> str:
    """What the score is of, and how the other text begins."""
    compared = "asked" if pair["asked"] else token_mode(pair["novelty_text"])
    return f"{compared}: {' '.join(pair['other'].split())[:_EVIDENCE_CHARACTERS]}"
