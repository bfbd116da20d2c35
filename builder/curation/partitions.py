"""What workers do with one partition of the samples; this module loads quickly, since each worker loads it."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from builder.config import Filters
from builder.curation.contamination import CONTAMINATION, BenchmarkIndex, contamination_table
from builder.curation.facts import FACTS, facts_table
from builder.curation.filtering import failed_texts
from builder.signals import SIGNALS, measure_all
from builder.similarity import NoveltyKey
from builder.store.dataset_folder import Partition


@dataclass(frozen=True, slots=True)
class Work:
    """What to measure, the same for all partitions.

    Attributes:
        first: for each table (a signal, facts or contamination) the first row that it lacks.
        novelty_key: whose text `facts` holds.
        index: of the benchmark, where there is one.
    """

    first: Mapping[str, int]
    novelty_key: NoveltyKey
    index: BenchmarkIndex | None


def measure_partition(work: Work, partition: Partition) -> dict[str, pa.Table]:
    """The lines of one partition that each table lacks."""
    samples = partition.read()
    tables: dict[str, pa.Table] = {}
    # Tables that lack the same rows, usually all of them, are measured together.
    for first in set(work.first.values()):
        names = [name for name, lacked in work.first.items() if lacked == first]
        lacking = [sample for sample in samples if sample.row >= first]
        tables |= measure_all(lacking, [name for name in names if name in SIGNALS])
        if FACTS in names:
            tables[FACTS] = facts_table(lacking, work.novelty_key)
        if CONTAMINATION in names:
            assert work.index is not None
            tables[CONTAMINATION] = contamination_table(lacking, work.index)
    return tables


def check_partition(filters: Filters, partition: Partition) -> pl.DataFrame:
    """The failed checks of one partition that depend on settings and texts alone."""
    return failed_texts(partition.read(), filters)
