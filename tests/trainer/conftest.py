"""Published datasets made on the spot."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from builder.schema import SAMPLE_SCHEMA, Sample, as_record
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_table, write_text

Publish = Callable[[Sequence[Sample], Sequence[Sample]], Path]


def write_published(root: Path, train: Sequence[Sample], validation: Sequence[Sample]) -> Path:
    """A dataset folder as `publish` leaves it."""
    folder = DatasetFolder(root)
    folder.write_samples(sorted({sample.row: sample for sample in (*train, *validation)}.values(), key=lambda s: s.row))
    write_text(folder.settings, "name: test\n")
    for name, samples in (("train", train), ("validation", validation)):
        table = pa.Table.from_pylist([as_record(sample) for sample in samples], schema=SAMPLE_SCHEMA)
        write_table(folder.publish / "data" / f"{name}-00000-of-00001.parquet", table)
    folder.write_manifest()
    return root


@pytest.fixture(scope="session")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Writes a published dataset folder and returns its path."""
    return lambda train, validation: write_published(tmp_path_factory.mktemp("dataset"), train, validation)
