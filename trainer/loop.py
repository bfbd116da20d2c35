"""The training loop: TRL's, on our tokens, labels, batches and loss, with progress, a loss curve and a time limit."""

import logging
import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

import datasets
import torch
import transformers
from accelerate import PartialState
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from builder.config import Train
from builder.errors import UsageError
from builder.language.messages import worded
from builder.progress import Step
from builder.store.files import disk_errors
from trainer.batches import LengthGroupedBatches, OrderedBatches, answer_loss, collate, held_out_loss
from trainer.checkpoints import Checkpoint, Checkpoints
from trainer.curve import LossPoint
from trainer.masking import IGNORED
from trainer.preflight import Prepared

_HELD_OUT_POINTS = 10
_CURVE_ROWS = 256  # validation rows looked at on the way; the final figure is on all of them


class AnswerTrainer(SFTTrainer):
    """TRL's trainer on rows that are already tokens and labels.

    TRL's own loss also computes entropy and token accuracy at every step, and its sampler reads rows one by one from Arrow
    and puts the longest batches of each epoch first.
    """

    # `compute_loss` divides by the tokens of the whole accumulated batch.
    loss_is_scaled_for_ga: bool | None = True  # type: ignore[assignment]

    def __init__(
        self, model: PreTrainedModel | PeftModel, args: SFTConfig, prepared: Prepared, settings: Train, seed: int
    ) -> None:
        self._rows = [{"input_ids": row.input_ids, "labels": row.labels} for row in prepared.train]
        self._pad_id = prepared.pad_id
        lengths = [len(row.input_ids) for row in prepared.train]
        self._batches: LengthGroupedBatches | OrderedBatches = (
            LengthGroupedBatches(lengths, settings.batch_size, seed)
            if settings.order == "shuffled"
            else OrderedBatches(len(lengths), settings.batch_size)
        )
        self._labels_checked = False
        super().__init__(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_list(self._rows),
            data_collator=self._collate,
            processing_class=prepared.encoder.tokenizer,
        )
        self.model_accepts_loss_kwargs = True  # makes the loop count the supervised tokens for `compute_loss`
        self.remove_callback(PrinterCallback)
        self.add_callback(_EpochOrder(self._batches))

    def _collate(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        return collate(rows, self._pad_id)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of similar length, or the easiest rows first, straight from memory."""
        loader: DataLoader[Any] = DataLoader(
            self._rows,  # type: ignore[arg-type]  # a list is a map-style dataset
            batch_sampler=self._batches,
            collate_fn=self._collate,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Loss summed over the supervised tokens, divided by their number in the whole accumulated batch."""
        if not self._labels_checked:
            self._check_labels(inputs)
        if return_outputs or num_items_in_batch is None:
            raise ValueError("the loop did not count the supervised tokens")
        # Several processes: the count is of all of them, and their gradients are averaged.
        processes = int(self.accelerator.num_processes)
        return answer_loss(model, inputs) * processes / num_items_in_batch

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """As transformers does, without the model card that TRL writes beside it."""
        with disk_errors(Path(str(self.args.output_dir))):
            Trainer._save_checkpoint(self, model, trial)

    def _check_labels(self, inputs: dict[str, torch.Tensor]) -> None:
        """The first batch that reaches the loss holds our rows with our labels, whatever the libraries did on the way."""
        ours = {tuple(row["input_ids"]): row["labels"] for row in self._rows}
        for ids, labels, mask in zip(inputs["input_ids"], inputs["labels"], inputs["attention_mask"], strict=True):
            length = int(mask.sum())
            if ours.get(tuple(ids[:length].tolist())) != labels[:length].tolist() or (labels[length:] != IGNORED).any():
                raise RuntimeError("the first batch does not carry the labels that were verified")
        self._labels_checked = True


class _EpochOrder(TrainerCallback):
    """Tells the batches which epoch begins, whichever way a run came to it."""

    def __init__(self, batches: LengthGroupedBatches | OrderedBatches) -> None:
        self._batches = batches

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._batches.epoch = int(state.epoch or 0)


class Watch(TrainerCallback):
    """Progress, the loss curve, the time limit, and when checkpoints are made.

    Args:
        goes_on: the checkpoint that training goes on from, or None.
        asked: set when the user wants to stop; the run then ends after the step it is in.
    """

    def __init__(
        self,
        prepared: Prepared,
        settings: Train,
        step: Step,
        clock: Callable[[], float],
        checkpoints: Checkpoints,
        goes_on: Checkpoint | None,
        asked: Event,
    ) -> None:
        self.points: list[LossPoint] = list(goes_on.points) if goes_on else []
        self.stopped_early = False
        self.interrupted = False
        self._prepared = prepared
        self._settings = settings
        self._step = step
        self._clock = clock
        self._checkpoints = checkpoints
        self._asked = asked
        self._started = self._saved = clock()
        self._before = goes_on.seconds if goes_on else 0.0

    def seconds(self) -> float:
        """Of training, those before an interruption included."""
        return self._before + self._clock() - self._started

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **_: object,
    ) -> None:
        self._step.set(state.global_step)
        every = max(1, state.max_steps // _HELD_OUT_POINTS)
        if (
            model is not None
            and self._prepared.validation
            and state.global_step % every == 0 < state.max_steps - state.global_step
        ):
            rows = self._prepared.validation[:_CURVE_ROWS]
            loss, _count = held_out_loss(model, rows, self._settings.batch_size, self._prepared.pad_id)
            self.points.append(LossPoint(state.global_step, "validation", loss))
        if state.global_step < state.max_steps:
            self._decide(args, state, control)

    def _decide(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        """Whether to stop or to save here: the same in all processes."""
        now, limit, minutes = self._clock(), self._settings.max_minutes, self._settings.checkpoint_minutes
        is_late = limit is not None and self._before + now - self._started >= 60 * limit
        # Only where the loss is logged: the trainer forgets what it summed up since.
        is_due = (
            minutes is not None and now - self._saved >= 60 * minutes and state.global_step % args.logging_steps == 0
        )
        is_late, is_asked, is_due = _agreed(is_late, self._asked.is_set(), is_due)
        if is_late:
            self.stopped_early = control.should_training_stop = True
        elif is_asked:
            self.interrupted = control.should_training_stop = control.should_log = True
            control.should_save = minutes is not None
        elif is_due:
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        PartialState().wait_for_everyone()  # each process writes a part of it
        self._checkpoints.keep(state.global_step, self.seconds(), self.points)
        self._saved = self._clock()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        if logs and "loss" in logs:
            if not math.isfinite(logs["loss"]):
                raise UsageError(
                    worded(
                        "train: the loss is {loss} after {global_step} steps",
                        loss=logs["loss"],
                        global_step=state.global_step,
                    ),
                    worded("Lower train.learning_rate or raise train.warmup_steps."),
                )
            self.points.append(LossPoint(state.global_step, "train", logs["loss"]))
            self._step.set(state.global_step, f"loss {logs['loss']:.3f}")


def _agreed(*wanted: bool) -> list[bool]:
    """What any of the processes wants, all of them do: one that stopped alone would leave the others waiting."""
    state = PartialState()
    if state.num_processes == 1:
        return list(wanted)
    flags = torch.tensor(wanted, dtype=torch.int32, device=state.device)
    torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in flags.tolist()]


@contextmanager
def stop_when_asked() -> Iterator[Event]:
    """Ctrl-C sets the event that this yields; a second one interrupts at once, as ever."""
    asked = Event()
    if current_thread() is not main_thread():  # signals are the main thread's
        yield asked
        return

    def ask(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' own logs and bars off the screen; errors still raise."""
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(logging.ERROR)
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        transformers.logging.enable_progress_bar()  # type: ignore[no-untyped-call]
        datasets.enable_progress_bars()
