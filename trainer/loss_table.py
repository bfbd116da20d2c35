"""The table of losses that `seedbed score` makes, and that no two models share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import UsageError
from builder.language.messages import worded
from builder.store.dataset_folder import DatasetFolder, parquet_errors
from builder.store.manifest import hash_files, hash_json
from trainer.model import model_path

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
_CALLED = b"seedbed.model_called"

# Of a model folder, what its losses depend on.
_WEIGHTS = (".safetensors", ".bin", ".gguf")
_BESIDE_WEIGHTS = (
    *("config.json", "adapter_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model"),
    *("vocab.json", "merges.txt", "chat_template.jinja", "special_tokens_map.json", "added_tokens.json"),
)


def model_identity(name: str) -> str:
    """What tells a model from every other: of a folder the hash of what it computes with, wherever it stands; else its name."""
    folder = Path(model_path(name))
    if not folder.is_dir():
        return name
    files = sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS or path.name in _BESIDE_WEIGHTS)
    hashes = [[path.name, sha256] for path, sha256 in zip(files, hash_files(files), strict=True)]
    return f"sha256:{hash_json(hashes)[:16]}"


class LossTable:
    """`signals/loss.parquet` while it grows: one line for each row that was scored or left out.

    Args:
        folder: of the dataset.
        model, template, max_length: that the rows are scored with; the file's metadata names them. A model in a folder is
            named by its content: a path means another model in another place.
        called: how the user names the model; for messages.

    Raises:
        UsageError: the rows that are there were scored with others.
    """

    def __init__(self, folder: DatasetFolder, model: str, template: str, max_length: int, *, called: str) -> None:
        metadata = {
            _CALLED: Path(called).resolve().name.encode() if model != called else called.encode(),
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
    for key in (one for one in wanted if one != _CALLED):
        if there.get(key) != wanted[key]:
            what, (before, now) = key.decode().removeprefix("seedbed."), (_named(some, key) for some in (there, wanted))
            raise UsageError(
                worded(
                    "{path}: its rows were scored with the {what} {before}, not {now}",
                    path=path,
                    what=what,
                    before=before,
                    now=now,
                ),
                worded("Go on with that one, or remove the file to score all rows anew."),
            )


def _named(metadata: dict[bytes, bytes], key: bytes) -> str:
    value, called = metadata.get(key, b"unknown"), metadata.get(_CALLED)
    known = key == b"seedbed.model" and called not in (None, value)
    return f"{called.decode()} ({value.decode()})" if known and called is not None else value.decode()
