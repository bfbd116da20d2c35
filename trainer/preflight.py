"""Everything that can be checked before weights load."""

import json
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from builder.config import Train
from builder.errors import DiskError, InputFileError, UsageError
from builder.language.messages import worded
from trainer.data import PICTURES, Published, read_difficulty, read_published
from trainer.masking import ChatEncoder, EncodedRow
from trainer.model import (
    SCRATCH,
    SCRATCH_POSITIONS,
    is_scratch,
    load_config,
    load_tokenizer,
    model_path,
    source_dtype,
)

STARTED = "started.json"  # what tells an unfinished run's folder; `trainer.checkpoints` writes it
SAVES_MODEL = "saves_model"  # in it: the folder `model` is the run's own, though `run.json` is not there yet

_FREE_BYTES = 200 * 1024**2  # the run's own files beside the weights, with room to spare
_WAYS_OUT = worded(
    "Raise train.max_length for too_long; mask_not_verified means that the tokenizer changes texts, "
    "such as Llama 2's, which puts a space before each: choose another model. For the other reasons "
    "choose another train.template."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that training needs but the weights.

    Attributes:
        train: verified rows, the easiest first where `train.order` says so.
        validation: verified rows; may be empty.
    """

    published: Published
    encoder: ChatEncoder
    train: list[EncodedRow]
    validation: list[EncodedRow]

    @property
    def pad_id(self) -> int:
        """The token to pad with; any will do, since padding is masked out and never supervised."""
        pad = self.encoder.tokenizer.pad_token_id
        return int(pad) if pad is not None else self.encoder.end_id


def prepare(folder: Path, out: Path, settings: Train) -> Prepared:
    """Check everything that can be checked before weights load, and encode the rows on the way.

    Args:
        folder: the dataset folder.
        out: the run folder.
        settings: the `train` section.

    Raises:
        UsageError: the first thing that would keep the run from working, with its way out.
        EndpointError: the model has to be downloaded and cannot be.
        DiskError: there is too little room.
    """
    _check_settings(settings)
    _check_out(out, settings.model)
    check_model_path(settings.model)
    published = read_published(folder)
    loaded = load_tokenizer(settings, published.train)
    _check_length(settings)
    _check_room(out, settings)
    encoder = ChatEncoder(loaded.tokenizer, template=loaded.template, loss_on=settings.loss_on)
    train = encoder.encode_rows(published.train, published.train_tally, settings.max_length)
    validation = encoder.encode_rows(published.validation, published.validation_tally, settings.max_length)
    if not train:
        raise UsageError(
            worded(
                "{folder}: no training row is left: {train_tally}",
                folder=folder,
                train_tally=published.train_tally.describe(),
            ),
            _WAYS_OUT,
        )
    if settings.order == "easy_to_hard":
        difficulty = read_difficulty(folder)
        train.sort(key=lambda row: difficulty.get(row.row, math.inf))
    if published.validation_tally.read > published.validation_tally.reasons.get(PICTURES, 0) and not validation:
        raise UsageError(
            worded(
                "{folder}: no validation row is left: {validation_tally}",
                folder=folder,
                validation_tally=published.validation_tally.describe(),
            ),
            _WAYS_OUT,
        )
    return Prepared(published, encoder, train, validation)


def _check_settings(settings: Train) -> None:
    if settings.packing:
        raise UsageError(
            worded("train.packing: rows cannot be packed yet"),
            worded("Leave it false: rows are batched by length, which keeps padding at a few percent."),
        )
    if settings.tuning == "lora" and is_scratch(settings.model):
        raise UsageError(
            worded(
                "train.tuning: lora adapts a trained model, and {scratch} starts from random weights", scratch=SCRATCH
            ),
            worded("Use `tuning: full`, or name a trained model."),
        )
    if settings.bf16 and not torch.cuda.is_available():
        raise UsageError(worded("train.bf16: there is no GPU here, and bfloat16 is slower than float32 without one"))


def _check_out(out: Path, model: str) -> None:
    """The run folder is new, empty, or an unfinished run: nothing in it that a run did not make is touched."""
    if (out / "run.json").exists():
        raise UsageError(
            worded("{out}: holds a finished run", out=out),
            worded("Choose another folder with --out, or remove this one."),
        )
    existing = next(path for path in (out, *out.resolve().parents) if path.exists() or path.is_symlink())
    if not existing.is_dir():
        raise UsageError(worded("{out}: {existing} is not a folder", out=out, existing=existing))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(
            worded("{out}: {existing} cannot be written", out=out, existing=existing),
            worded("Choose another folder with --out."),
        )
    if not out.is_dir():
        return
    if not is_scratch(model) and Path(model_path(model)).is_relative_to(out.resolve()):
        raise UsageError(
            worded("{out}: holds the model to start from ({model})", out=out, model=model),
            worded("Choose another folder with --out."),
        )
    others = [path.name for path in out.iterdir() if not path.name.startswith(f".{STARTED}.")]
    if others and STARTED not in others:
        raise UsageError(
            worded(
                "{out}: is not empty and holds no run, so nothing is written there ({others})",
                out=out,
                others=min(others),
            ),
            worded("Choose another folder with --out, one that is empty or not there yet."),
        )
    if "model" in others and not saves_model(out):
        raise UsageError(
            worded("{out}: is there before the run is finished", out=out / "model"), worded("Move it away to go on.")
        )


def saves_model(out: Path) -> bool:
    """Whether the unfinished run in a folder had come to saving its model."""
    try:
        return bool(json.loads((out / STARTED).read_text(encoding="utf-8")).get(SAVES_MODEL))
    except (OSError, ValueError, AttributeError):
        return False


def check_model_path(name: str, *, adapters: bool = False) -> None:
    """Tell a path that holds no model from a name.

    Args:
        adapters: whether an adapter, which is loaded with its base, is one.

    Raises:
        UsageError: neither a model folder nor anything that could be a name.
    """
    if is_scratch(name):
        return
    path = Path(model_path(name))
    if path.is_dir():
        is_adapter = (path / "adapter_config.json").is_file()
        if is_adapter and not adapters:
            raise InputFileError(
                path, worded("an adapter, not a whole model"), remedy=worded("Name the model it was trained on.")
            )
        if not is_adapter and not (path / "config.json").is_file():
            raise InputFileError(path, worded("not a model: it holds no config.json"))
        return
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or path.exists()
    if looks_like_path or not _is_repo_name(name):
        raise UsageError(
            worded(
                "train.model: {name} is neither a model folder nor a name such as Qwen/Qwen2.5-0.5B-Instruct", name=name
            )
        )


def _is_repo_name(name: str) -> bool:
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def _check_length(settings: Train) -> None:
    if is_scratch(settings.model):
        limit = SCRATCH_POSITIONS
    else:
        config = load_config(model_path(settings.model))
        limit = getattr(config.get_text_config(), "max_position_embeddings", None) or settings.max_length
    if settings.max_length > limit:
        raise UsageError(
            worded(
                "train.max_length: {max_length:,} tokens are more than the {limit:,} that {model} can read",
                max_length=settings.max_length,
                limit=limit,
                model=settings.model,
            ),
            worded("Set it to {limit} or less.", limit=limit),
        )


def _check_room(out: Path, settings: Train) -> None:
    existing = next(path for path in (out.resolve(), *out.resolve().parents) if path.exists())
    weights = sum(p.stat().st_size for p in Path(model_path(settings.model)).glob("*.safetensors"))
    needed = _FREE_BYTES + weights
    if weights and settings.checkpoint_minutes is not None and settings.tuning == "full":
        # Weights and two moments in float32, and the checkpoint before until the new one is whole.
        needed += 2 * 3 * weights * torch.float32.itemsize // source_dtype(settings).itemsize
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskError(
            worded(
                "{out}: {free:,.0f} MB free, {needed:,.0f} MB needed",
                out=out,
                free=free / 1024**2,
                needed=needed / 1024**2,
            ),
            worded(
                "Free some space, or use another disk; without checkpoints (train.checkpoint_minutes: null) a "
                "run needs less."
            ),
        )
