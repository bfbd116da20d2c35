"""What lets an interrupted run go on: `started.json`, which says what the run is, and its last whole checkpoint.

    runs/tasks/  started.json  checkpoints/checkpoint-120/  whole.json and what the trainer writes

`started.json` comes first, so that a folder is known as ours before anything else is in it; it and the checkpoints go when
`run.json` is there. `whole.json` is the last file of a checkpoint: one that was cut off has none and is not gone on from.
Before `model` is there `started.json` says that it is ours: a run that ends between the two goes on, and saves it again.
"""

import hashlib
import json
import shutil
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from builder.config import Train
from builder.errors import IntegrityError, UsageError
from builder.language.messages import worded
from builder.store.files import disk_errors, write_json
from trainer.curve import LossPoint
from trainer.preflight import SAVES_MODEL, STARTED, Prepared, saves_model

FOLDER = "checkpoints"

_WHOLE = "whole.json"
_MAY_DIFFER = ("max_minutes", "checkpoint_minutes", "save_dtype")  # they change nothing that is trained
_FIRST_WEIGHTS = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint.

    Attributes:
        seconds: of training up to it.
        points: the loss curve up to it.
    """

    path: Path
    step: int
    seconds: float
    points: tuple[LossPoint, ...]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        out: the run folder.
        writes: whether this process writes; of several one does.
    """

    def __init__(self, out: Path, *, writes: bool) -> None:
        self.root = out / FOLDER
        self.step: int | None = None  # of the last whole checkpoint
        self._out = out
        self._writes = writes
        self._started: dict[str, Any] = {}

    def begin(self, identity: Mapping[str, Any]) -> Checkpoint | None:
        """Say what the run is, and find where it goes on.

        Args:
            identity: as `identify` gives it.

        Returns:
            The last whole checkpoint, or None where the run starts.

        Raises:
            UsageError: there is a checkpoint of a run that differs.
        """
        last = self._last()
        if last is not None:
            self._refuse_another(last, identity)
            self.step = last.step
        if self._writes:
            with disk_errors(self._out):
                for path in self.root.glob("checkpoint-*"):
                    if last is None or path != last.path:
                        shutil.rmtree(path)  # cut off while it was written, or older
                for name in (STARTED, "loss.svg", "run.json"):
                    for path in self._out.glob(f".{name}.*.tmp"):
                        path.unlink()
                if saves_model(self._out):
                    shutil.rmtree(self._out / "model", ignore_errors=True)
            self._started = dict(identity)
            write_json(self._out / STARTED, self._started)
        return last

    def save_model(self, whole: Path) -> None:
        """Put the model in its place, known as ours before it is there.

        Args:
            whole: the folder beside that place, in which it was written.
        """
        write_json(self._out / STARTED, self._started | {SAVES_MODEL: True})
        whole.rename(self._out / "model")

    def keep(self, step: int, seconds: float, points: Sequence[LossPoint]) -> None:
        """Mark the checkpoint that was just written as whole, and remove the one before it."""
        self.step = step
        if not self._writes:
            return
        path = self.root / f"checkpoint-{step}"
        sizes = {file.name: file.stat().st_size for file in sorted(path.iterdir())}
        write_json(path / _WHOLE, {"seconds": seconds, "points": [asdict(p) for p in points], "bytes": sizes})
        for older in self.root.glob("checkpoint-*"):
            if older != path:
                shutil.rmtree(older)

    def remove(self) -> None:
        """The run is finished: nothing goes on from here."""
        if self._writes:
            shutil.rmtree(self.root, ignore_errors=True)
            (self._out / STARTED).unlink(missing_ok=True)

    def _last(self) -> Checkpoint | None:
        found = [checkpoint for path in self.root.glob("checkpoint-*") if (checkpoint := _read(path)) is not None]
        return max(found, key=lambda checkpoint: checkpoint.step, default=None)

    def _refuse_another(self, last: Checkpoint, identity: Mapping[str, Any]) -> None:
        path = self._out / STARTED
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            differ = [name for name in identity if before[name] != identity[name]]
        except (OSError, ValueError, KeyError, TypeError):
            raise IntegrityError(
                worded("{path}: does not say what the run in this folder is", path=path),
                worded("Choose another folder with --out, or remove this one."),
            ) from None
        if differ:
            told = "; ".join(f"{name} {before[name]} → {identity[name]}" for name in differ)
            raise UsageError(
                worded(
                    "{out}: the run in it stopped after {step} steps, and was not started as this one is ({told})",
                    out=self._out,
                    step=last.step,
                    told=told,
                ),
                worded(
                    "Start it as before to go on, choose another folder with --out, or remove this one to begin anew."
                ),
            )


def rows_of_unfinished(out: Path) -> str | None:
    """The hash of the rows that an unfinished run trains on; None where there is no such run with a checkpoint to go on from."""
    if not any(_read(path) for path in (out / FOLDER).glob("checkpoint-*")):
        return None
    try:
        return str(json.loads((out / STARTED).read_text(encoding="utf-8"))["dataset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def identify(
    settings: Train, seed: int, prepared: Prepared, model: torch.nn.Module, processes: int
) -> dict[str, str | int | float | None]:
    """All that a run's weights follow from, by names that messages give: two runs that agree in it are one.

    Args:
        model: before training.
        processes: that train together.
    """
    given = settings.model_dump(mode="json", exclude=set(_MAY_DIFFER))
    tokenizer = prepared.encoder.tokenizer
    return {
        **{f"train.{name}": value for name, value in given.items()},
        "seed": seed,
        "processes": processes,
        "dataset": prepared.published.rows_hash,
        "template": _hash([str(tokenizer.chat_template).encode()]),
        "tokenizer": _hash([tokenizer.backend_tokenizer.to_str().encode()]),
        "tokens": _hash(array("q", ids).tobytes() for row in prepared.train for ids in (row.input_ids, row.labels)),
        "weights": _hash(array("f", p.flatten()[:_FIRST_WEIGHTS].tolist()).tobytes() for p in model.parameters()),
    }


def _hash(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:16]


def _read(path: Path) -> Checkpoint | None:
    try:
        record = json.loads((path / _WHOLE).read_text(encoding="utf-8"))
        if any((path / name).stat().st_size != size for name, size in record["bytes"].items()):
            return None
        points = tuple(LossPoint(**point) for point in record["points"])
        return Checkpoint(path, int(path.name.rpartition("-")[2]), record["seconds"], points)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
