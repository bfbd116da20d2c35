"""Supervised fine-tuning: a published dataset in, a run folder out.

    datasets_out/tasks/  →  runs/tasks/  model/  run.json  loss.svg

TRL's trainer runs the loop (optimiser, schedule, devices, several processes); tokens, labels, batches and the loss are ours.
`run.json` is written last: a folder that has one is a finished run. Of several processes that `torchrun` started one writes.
"""

import importlib.metadata
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import PreTrainedModel
from trl.trainer.sft_config import SFTConfig

from builder.config import Train
from builder.language.messages import worded
from builder.progress import Reporter
from builder.store.files import disk_errors, write_json, write_text
from trainer.batches import held_out_loss
from trainer.checkpoints import Checkpoint, Checkpoints, identify
from trainer.curve import LossPoint, draw_loss
from trainer.loop import AnswerTrainer, Watch, quiet_libraries, stop_when_asked
from trainer.masking import EncodedRow
from trainer.model import (
    absolute_name,
    add_lora,
    is_scratch,
    learning_rate,
    load_model,
    load_saved_tokenizer,
    saved_dtype,
)
from trainer.preflight import Prepared, prepare
from trainer.threads import use_free_cores

_CURVE_POINTS = 100
_RELOADED_ROWS = 64
_PATIENCE = timedelta(hours=12)  # of one process with another that evaluates or saves a large model
_LIBRARIES = ("torch", "transformers", "trl", "peft", "tokenizers", "accelerate", "datasets")


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a run made.

    Attributes:
        out: the run folder.
        steps: optimiser steps taken.
        train_loss: mean over the last logged steps, nats a token.
        validation_loss: mean over the supervised tokens of the validation rows, or None where there are none.
        seconds: of training, without loading.
        stopped_early: whether `train.max_minutes` ended it.
    """

    out: Path
    rows: int
    steps: int
    parameters: int
    trained_parameters: int
    train_loss: float
    validation_loss: float | None
    seconds: float
    stopped_early: bool


def train(
    folder: Path,
    out: Path,
    settings: Train,
    *,
    seed: int,
    reporter: Reporter,
    language: Literal["en", "zh"] = "en",
    clock: Callable[[], float] = time.monotonic,
) -> TrainResult:
    """Train a model on a dataset folder's published training rows, going on from the last checkpoint in the run folder.

    Args:
        folder: the dataset folder.
        out: the run folder; made if need be.
        settings: the `train` section.
        seed: of the initialisation and the order of rows.
        reporter: where progress goes.
        language: of the titles in `loss.svg`.
        clock: seconds, monotonic.

    Raises:
        UsageError: anything `preflight` finds, such as a finished run in `out`; or `out` holds a checkpoint of another run.
        KeyboardInterrupt: Ctrl-C, with what became of the run.
        EndpointError: the model has to be downloaded and cannot be.
        DiskError: the disk is full.
    """
    processes = PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    settings = settings.model_copy(update={"model": absolute_name(settings.model)})
    prepared = prepare(folder, out, settings)
    processes.wait_for_everyone()  # nothing is written before each has looked at the folder
    reporter.say(worded("train: {train_tally}", train_tally=prepared.published.train_tally.describe()))
    reporter.say(
        worded("validation: {validation_tally}", validation_tally=prepared.published.validation_tally.describe())
    )
    use_free_cores()
    checkpoints = Checkpoints(out, writes=processes.is_main_process)
    try:
        with quiet_libraries():
            result = _train(prepared, out, settings, checkpoints, seed, reporter, language, clock)
    except KeyboardInterrupt:
        kept = checkpoints.step
        raise KeyboardInterrupt(
            worded("nothing of the run was kept: the same command begins it anew")
            if kept is None
            else worded("the same command goes on after step {kept}", kept=kept)
        ) from None
    processes.wait_for_everyone()  # until all is written
    return result


def _train(
    prepared: Prepared,
    out: Path,
    settings: Train,
    checkpoints: Checkpoints,
    seed: int,
    reporter: Reporter,
    language: Literal["en", "zh"],
    clock: Callable[[], float],
) -> TrainResult:
    processes = PartialState()
    base = load_model(settings, prepared.encoder.tokenizer, seed)
    parameters = sum(p.numel() for p in base.parameters())
    model = add_lora(base, settings, seed) if settings.tuning == "lora" else base
    _agree_on_tokens(model, prepared)
    _check_reload(base, prepared)
    trained_parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    goes_on = checkpoints.begin(identify(settings, seed, prepared, model, processes.num_processes))
    if goes_on is not None:
        reporter.say(worded("going on after step {step}", step=goes_on.step))
    steps = _total_steps(len(prepared.train), settings)
    trainer = _make_trainer(model, prepared, settings, checkpoints.root, seed, steps)
    with reporter.step(worded("Training"), steps) as step, stop_when_asked() as asked:
        watch = Watch(prepared, settings, step, clock, checkpoints, goes_on, asked)
        trainer.add_callback(watch)
        trainer.train(resume_from_checkpoint=str(goes_on.path) if goes_on else None)
        seconds = watch.seconds()
    if watch.interrupted:
        raise KeyboardInterrupt
    validation_loss, validation_tokens = None, 0
    if prepared.validation:
        validation_loss, validation_tokens = held_out_loss(
            model, prepared.validation, settings.batch_size, prepared.pad_id
        )
        watch.points.append(LossPoint(trainer.state.global_step, "validation", validation_loss))
    train_points = [point for point in watch.points if point.split == "train"]
    result = TrainResult(
        out=out,
        rows=len(prepared.train),
        steps=trainer.state.global_step,
        parameters=parameters,
        trained_parameters=trained_parameters,
        train_loss=train_points[-1].loss if train_points else float("nan"),
        validation_loss=validation_loss,
        seconds=round(seconds, 1),
        stopped_early=watch.stopped_early,
    )
    processes.wait_for_everyone()  # one that failed on the way here ends the run
    if processes.is_main_process:
        write_text(out / "loss.svg", draw_loss(watch.points, language))
        _save_model(model, prepared, settings, out, checkpoints)
        write_json(out / "run.json", _record(result, prepared, settings, seed, watch, goes_on, validation_tokens))
    checkpoints.remove()
    return result


def _total_steps(rows: int, settings: Train) -> int:
    processes: int = PartialState().num_processes
    batches = math.ceil(math.ceil(rows / settings.batch_size) / processes)
    return math.ceil(settings.epochs * math.ceil(batches / settings.gradient_accumulation))


def _make_trainer(
    model: PreTrainedModel | PeftModel, prepared: Prepared, settings: Train, checkpoints: Path, seed: int, steps: int
) -> AnswerTrainer:
    args = SFTConfig(
        output_dir=str(checkpoints),
        seed=seed,
        use_cpu=not torch.cuda.is_available(),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=learning_rate(settings),
        weight_decay=settings.weight_decay,
        warmup_steps=_warmup_steps(settings, steps),
        lr_scheduler_type="linear",
        optim="adamw_torch_fused",
        bf16=settings.bf16,
        activation_checkpointing=torch.cuda.is_available() and not is_scratch(settings.model),
        logging_steps=max(1, steps // _CURVE_POINTS),
        logging_nan_inf_filter=False,
        save_strategy="no",  # `Watch` says when
        eval_strategy="no",
        report_to="none",
        log_level="error",
        log_level_replica="error",
        disable_tqdm=True,
        remove_unused_columns=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return AnswerTrainer(model, args, prepared, settings, seed)


def _warmup_steps(settings: Train, steps: int) -> int:
    """Never more than a fifth of the run, so that a short run reaches its learning rate."""
    return min(settings.warmup_steps, steps // 5)


def _agree_on_tokens(model: PreTrainedModel | PeftModel, prepared: Prepared) -> None:
    """Generation stops where an assistant's turn ends, beside wherever the model stopped before.

    Servers that are given an adapter read the base's generation config and the adapter's tokenizer, so its end token is set too,
    unless the template writes that token elsewhere.
    """
    tokenizer = prepared.encoder.tokenizer
    if "eos_token" not in str(tokenizer.chat_template):
        tokenizer.eos_token = prepared.encoder.end_token
    generation = model.generation_config
    before = generation.eos_token_id
    others = [before] if isinstance(before, int) else list(before or ())
    generation.eos_token_id = list(dict.fromkeys((*prepared.encoder.stop_ids, *others)))
    generation.pad_token_id = prepared.pad_id


def _check_reload(model: PreTrainedModel, prepared: Prepared) -> None:
    """The tokenizer reads rows the same once it is saved beside the model's config and loaded by name.

    For some model types transformers puts its own pre-tokenizer in place of the one in tokenizer.json.
    """
    encoder = prepared.encoder
    with tempfile.TemporaryDirectory() as folder:
        model.config.save_pretrained(folder)
        encoder.tokenizer.save_pretrained(folder)
        again = encoder.with_tokenizer(load_saved_tokenizer(folder))
    rows = {row.row: row for row in prepared.train[:_RELOADED_ROWS]}
    some = [conversation for conversation in prepared.published.train if conversation.row in rows]
    if any(again.encode(conversation) != rows[conversation.row] for conversation in some):
        raise RuntimeError("the tokenizer reads rows differently once saved and loaded: the model would be useless")


def _save_model(
    model: PreTrainedModel | PeftModel, prepared: Prepared, settings: Train, out: Path, checkpoints: Checkpoints
) -> None:
    """The model, its generation config and its tokenizer with the template, whole or not at all."""
    temporary = out / ".model.tmp"
    if not isinstance(model, PeftModel):
        model.to(saved_dtype(settings))  # type: ignore[arg-type]
    with disk_errors(out):
        shutil.rmtree(temporary, ignore_errors=True)
        model.save_pretrained(str(temporary))
        model.generation_config.save_pretrained(str(temporary))  # an adapter has none of its own
        prepared.encoder.tokenizer.save_pretrained(str(temporary))
        checkpoints.save_model(temporary)


def _record(
    result: TrainResult,
    prepared: Prepared,
    settings: Train,
    seed: int,
    watch: Watch,
    goes_on: Checkpoint | None,
    validation_tokens: int,
) -> dict[str, Any]:
    published, encoder = prepared.published, prepared.encoder
    every, supervised = _count_tokens(prepared.train)
    return {
        "version": 1,
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "dataset": {
            "path": str(published.root.resolve()),
            "manifest_sha256": published.manifest_hash,
            "rows_sha256": published.rows_hash,
        },
        "template": {"name": encoder.template, "end_token": encoder.end_token},
        "learning_rate": learning_rate(settings),
        "warmup_steps": _warmup_steps(settings, _total_steps(result.rows, settings)),
        "rows": {
            "train": published.train_tally.as_record(),
            "validation": published.validation_tally.as_record(),
        },
        "tokens": {
            "train": every,
            "train_supervised": supervised,
            "validation_supervised": validation_tokens,
            "longest_answer": max(len(row.input_ids) - row.prompt_length for row in prepared.train),
        },
        "parameters": {"all": result.parameters, "trained": result.trained_parameters},
        "steps": result.steps,
        "stopped_early": result.stopped_early,
        "went_on_after_step": goes_on.step if goes_on else None,
        "processes": PartialState().num_processes,
        "train_loss": result.train_loss,
        "validation_loss": result.validation_loss,
        "seconds": result.seconds,
        "threads": torch.get_num_threads(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "curve": [{"step": p.step, "split": p.split, "loss": round(p.loss, 5)} for p in watch.points],
    }


def _count_tokens(rows: Sequence[EncodedRow]) -> tuple[int, int]:
    return sum(len(row.input_ids) for row in rows), sum(row.supervised for row in rows)
