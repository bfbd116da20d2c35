"""What workers do with one partition of the samples; this module loads quickly, since each worker loads it."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from builder.config import Filters
from builder.curation.contamination import CONTAMINATION, BenchmarkIndex, contamination_table
from builder.curation.facts import FACTS, facts_table
from builder.curation.filtering import failed_texts
from builder.dataset_folder import Partition
from builder.signals import measure_all
from builder.similarity import NoveltyKey


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
    for name, first in work.first.items():
        lacking = [sample for sample in samples if sample.row >= first]
        if name == FACTS:
            tables[name] = facts_table(lacking, work.novelty_key)
        elif name == CONTAMINATION:
            assert work.index is not None
            tables[name] = contamination_table(lacking, work.index)
        else:
            tables |= measure_all(lacking, [name])
    return tables


def check_partition(filters: Filters, partition: Partition) -> pl.DataFrame:
    """The failed checks of one partition that depend on settings and texts alone."""
    return failed_texts(partition.read(), filters)
