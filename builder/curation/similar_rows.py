"""Rows that say nearly what a kept row says: the one scan over the columns of a decision, with its evidence."""

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from builder.config import Execution
from builder.cores import usable_cores
from builder.curation.novelty.additions import SCAN, EarlierScan, scan_on, scan_record
from builder.curation.novelty.token_sequences import Tokenised, token_sequences
from builder.text import token_mode

__all__ = ["SCAN", "Texts", "similar_rows"]

_EVIDENCE_CHARACTERS = 120


class Texts:
    """The texts that novelty compares, split into tokens once, when the first asks for them.

    Args:
        rows: row and novelty_text; in any order.
        execution: how much memory and how many workers there are.
    """

    def __init__(self, rows: pl.DataFrame, execution: Execution) -> None:
        self._rows = rows.select("row", "novelty_text")
        limit = execution.memory_limit
        self.memory_limit = None if limit is None else int(limit * 1e9)
        self.workers = execution.workers or usable_cores()
        self.shards = execution if execution.engine == "ray" else None
        self._tokens: Tokenised | None = None

    def tokens_of(self, rows: pl.DataFrame) -> Tokenised:
        """Those of some rows; where nobody asked for all, the others stay unsplit.

        Args:
            rows: row and novelty_text.
        """
        if self._tokens is None:
            tokens = self._split(rows)
            if len(rows) == len(self._rows):
                self._tokens = tokens
            return tokens
        sequences, numbers = self._tokens
        every = self._rows["row"].to_numpy()
        order = np.argsort(every)
        return Tokenised(sequences, numbers[order[np.searchsorted(every, rows["row"].to_numpy(), sorter=order)]])

    def _split(self, rows: pl.DataFrame) -> Tokenised:
        return token_sequences(rows.to_arrow()["novelty_text"], self.workers, self.shards)


def similar_rows(
    rows: pl.DataFrame, every: pl.DataFrame, own_texts: Texts, threshold: float, earlier: pa.Table | None
) -> tuple[pl.DataFrame, bytes]:
    """Rows that a kept one exceeds, each with the score, the kept row, how the texts were split and how the other begins.

    Args:
        rows: row, exempt, novelty_text, request, imported and family of the rows that passed so far, in preference order.
        every: the same of all rows.
        own_texts: of `rows`, or of more.
        threshold: of ROUGE-L F1.
        earlier: verdicts of the first of all rows, whose scan is gone on with as far as it still holds.

    Returns:
        row, of, reason, value, threshold and evidence; and what a later scan needs to go on from here, for the key `SCAN`.
    """
    judged = _compared(rows)
    found = scan_on(
        judged,
        threshold,
        None if earlier is None else EarlierScan.of_verdicts(earlier, _compared(every)),
        tokens=lambda: own_texts.tokens_of(rows),
        memory_limit=own_texts.memory_limit,
        workers=own_texts.workers,
        shards=own_texts.shards,
    )
    frame = pl.from_arrow(found)
    assert isinstance(frame, pl.DataFrame)
    named = pl.concat([frame["row"], frame["of"]]).unique().implode()
    texts = rows.select("row", "novelty_text").filter(pl.col("row").is_in(named))
    similar = (
        frame.join(texts, on="row", how="left", maintain_order="left")
        .join(texts.rename({"row": "of", "novelty_text": "other"}), on="of", how="left", maintain_order="left")
        .select(
            "row",
            "of",
            reason=pl.lit("too_similar"),
            value="similarity",
            threshold=pl.lit(threshold),
            evidence=pl.struct("novelty_text", "other").map_elements(
                lambda pair: _beginning(pair["novelty_text"], pair["other"]), return_dtype=pl.String
            ),
        )
    )
    return similar, scan_record(judged, threshold, found, every["row"].sort().to_numpy())


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


def _compared(rows: pl.DataFrame) -> pa.Table:
    """What the scan takes of rows in preference order."""
    return rows.select(
        "row", "exempt", "imported", pl.col("request").cast(pl.Binary), text="novelty_text", group="family"
    ).to_arrow()


def _beginning(text: str, other: str) -> str:
    """The evidence of a comparison: how the texts were split, `word` or `cjk`, and how the other one begins."""
    return f"{token_mode(text)}: {' '.join(other.split())[:_EVIDENCE_CHARACTERS]}"
