"""The table of losses that `seedbed score` makes, and that no two models share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.dataset_folder import DatasetFolder, parquet_errors
from builder.errors import UsageError

LOSS = "loss"
LOSS_FIELDS = (
    pa.field("row", pa.int64(), nullable=False),
    pa.field("answer_loss", pa.float64()),
    pa.field("answer_loss_alone", pa.float64()),
    pa.field("ifd", pa.float64()),
    pa.field("perplexity", pa.float64()),
    pa.field("tokens", pa.int32()),
)

_VERSION = b"loss/1"


class LossTable:
    """`signals/loss.parquet` while it grows: one line for each row that was scored or left out.

    Args:
        folder: of the dataset.
        model, template, max_length: that the rows are scored with; the file's metadata names them.

    Raises:
        UsageError: the rows that are there were scored with others.
    """

    def __init__(self, folder: DatasetFolder, model: str, template: str, max_length: int) -> None:
        metadata = {
            b"seedbed.signal": _VERSION,
            b"seedbed.model": model.encode(),
            b"seedbed.template": template.encode(),
            b"seedbed.max_length": str(max_length).encode(),
        }
        self._folder = folder
        self._schema = pa.schema(LOSS_FIELDS, metadata=metadata)
        self.path = folder.signals / f"{LOSS}.parquet"
        there = self._schema.empty_table()
        if self.path.exists():
            with parquet_errors(self.path):
                _refuse_mix(self.path, pq.read_schema(self.path).metadata or {}, metadata)
            there = folder.read_signal(LOSS).cast(self._schema)
        self._parts = [there]
        self._changed = False
        self.rows: set[int] = set(there["row"].to_pylist())

    def add(self, rows: Sequence[int], scores: Mapping[int, Mapping[str, Any]]) -> None:
        """Add rows.

        Args:
            scores: the line of each row that was scored; the others are null.
        """
        records = [scores.get(row, {"row": row}) for row in rows]
        self._parts.append(pa.Table.from_pylist(records, schema=self._schema))
        self.rows.update(rows)
        self._changed = True

    def save(self) -> None:
        """Write the table, where it changed since it was written."""
        if self._changed:
            self._folder.write_signal(LOSS, pa.concat_tables(self._parts).sort_by("row"))
            self._changed = False

    def column(self, name: str) -> Any:
        """The values of a column that are not null, as a float64 array."""
        return pa.concat_tables(self._parts)[name].drop_null().to_numpy()


def _refuse_mix(path: Path, there: dict[bytes, bytes], wanted: dict[bytes, bytes]) -> None:
    """Losses of two models, or under two templates, are no one scale."""
    for key, value in wanted.items():
        if there.get(key) != value:
            what = key.decode().removeprefix("seedbed.")
            raise UsageError(
                f"{path}: its rows were scored with the {what} {there.get(key, b'unknown').decode()}, not {value.decode()}",
                "Go on with that one, or remove the file to score all rows anew.",
            )
