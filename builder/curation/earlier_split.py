"""What an earlier split asked, kept beside its verdicts: deciding again asks only about tasks whose kept rows changed.

A task that was close to another one still is while both have the rows that they had. A task that was close to none can only be
close to one that has gained rows since.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from builder.curation.novelty.token_sequences import Mask, Numbers, mask
from builder.curation.records import packed, unpacked

ASKED = b"seedbed.split"

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """Tasks that were asked about, each named by one of its kept rows.

    Attributes:
        rows: of the tasks.
        near: a row of a task that each is close to; -1 where it is close to none.
    """

    rows: Numbers
    near: Numbers


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier split tells about this one.

    Attributes:
        asked: then.
        changed: the tasks whose kept rows are others now.
    """

    asked: Asked
    changed: pl.Series


def recorded(asked: Asked, rows: pl.DataFrame, kept: pl.Series, max_similarity: float) -> bytes:
    """What was asked, to be kept beside the verdicts.

    Args:
        rows: row, task_id and novelty_text of all rows, in row order.
        kept: the numbers of the kept ones.
        max_similarity: beyond which two are close.
    """
    numbers = np.concatenate([asked.rows, asked.near]).astype("<i8").tobytes()
    there = mask(np.searchsorted(rows["row"].to_numpy(), kept.to_numpy()), len(rows))
    return packed(_digest(numbers, rows, there, max_similarity), numbers)


def known_of(verdicts: pa.Table, rows: pl.DataFrame, kept: pl.Series, max_similarity: float) -> Known | None:
    """What verdicts tell about the split of the rows that are kept now; None where it was of other texts or by other rules.

    Args:
        verdicts: kept, with the schema's metadata, of the first of the rows.
        rows, kept, max_similarity: as for `recorded`, now.
    """
    record = unpacked((verdicts.schema.metadata or {}).get(ASKED))
    if record is None or len(verdicts) > len(rows):
        return None
    digest, numbers = record
    before = np.asarray(verdicts["kept"])
    if _digest(numbers, rows[: len(before)], before, max_similarity) != digest:
        return None
    now = mask(np.searchsorted(rows["row"].to_numpy(), kept.to_numpy()), len(rows))
    changed = rows["task_id"].filter(pl.Series(now != np.append(before, np.zeros(len(rows) - len(before), dtype=bool))))
    asked = np.frombuffer(numbers, dtype="<i8").astype(np.int64)
    return Known(Asked(*np.split(asked, 2)), changed.unique())


def _digest(asked: bytes, rows: pl.DataFrame, kept: Mask, max_similarity: float) -> str:
    # Polars hashes alike within one version.
    rules = repr((_VERSION, pl.__version__, max_similarity, len(kept)))
    hashes = [rows[name].hash().to_numpy().tobytes() for name in ("task_id", "novelty_text")]
    return hashlib.sha256(b"".join([rules.encode(), *hashes, np.packbits(kept).tobytes(), asked])).hexdigest()
