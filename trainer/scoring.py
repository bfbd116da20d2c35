"""How hard each answer is for a model: its loss given the prompt, and without the instruction, as a signal of the dataset.

    row 12   "Name a fruit." → "Pear"     given the prompt 1.9 nats a token, alone 3.8: ifd 0.5

Instruction-following difficulty (`ifd`) is the ratio of the two (Li et al. 2024, "From Quantity to Quality", NAACL): near 0 the
instruction settles the answer, near 1 it hardly helps the model, and above 1 it misleads it. Without the instruction means the
same template with one empty user turn in place of all turns before the answer, so that both losses are over the same tokens.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from builder.config import Train
from builder.errors import UsageError
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.progress import Reporter
from builder.schema import ROLES, Message, Sample
from builder.store.dataset_folder import DatasetFolder
from trainer.batches import collate, row_losses
from trainer.data import PICTURES, Conversation, Tally
from trainer.loop import quiet_libraries
from trainer.loss_table import LOSS, LossTable, model_identity
from trainer.masking import IGNORED, ChatEncoder, EncodedRow
from trainer.model import is_scratch, load_saved_model, load_tokenizer, model_path
from trainer.preflight import check_model_path
from trainer.threads import use_free_cores

_ROWS_AT_ONCE = 128  # enough to group by length, few enough to lose little when stopped
_SAVED_EVERY = 60.0  # seconds; the table of a million rows is written in less than one
_TOKENS_AT_ONCE = 4096  # padded; with a vocabulary of 150,000 their logits are 2.4 GB at most


@dataclass(frozen=True, slots=True)
class Score:
    """One row's losses, nats a token, over the `tokens` of its last answer with the token that ends it."""

    row: int
    answer_loss: float
    answer_loss_alone: float
    tokens: int

    def as_record(self) -> dict[str, Any]:
        """One line of the table; `ifd` is null where the answer alone has no loss."""
        return {
            "row": self.row,
            "answer_loss": self.answer_loss,
            "answer_loss_alone": self.answer_loss_alone,
            "ifd": self.answer_loss / self.answer_loss_alone if self.answer_loss_alone > 0 else None,
            "perplexity": math.exp(self.answer_loss) if self.answer_loss < 700 else math.inf,
            "tokens": self.tokens,
        }


@dataclass(frozen=True, slots=True)
class Scoring:
    """What `score_folder` did.

    Attributes:
        rows: in the dataset.
        before: of them were scored, or left out, by earlier runs.
        tally: the rows that this run read, and those that it left out by reason: their values are null.
        median_ifd: over all rows that have one; NaN where none has.
        unhelped: rows with an `ifd` of at least 1.
    """

    path: Path
    model: str
    rows: int
    before: int
    tally: Tally
    median_ifd: float
    unhelped: int

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "path": str(self.path),
            "model": self.model,
            "rows": self.rows,
            "scored_before": self.before,
            **self.tally.as_record(),
            "median_ifd": None if math.isnan(self.median_ifd) else self.median_ifd,
            "ifd_of_1_or_more": self.unhelped,
        }


class AnswerScorer:
    """Measures the loss of last answers.

    Args:
        model: on its device, in evaluation mode.
        encoder: with `loss_on="last"`.
        max_length: rows of more tokens are left out.
        tokens_at_once: padded tokens in one batch; one longer row is a batch of its own.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        encoder: ChatEncoder,
        max_length: int,
        tokens_at_once: int = _TOKENS_AT_ONCE,
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._max_length = max_length
        self._tokens_at_once = tokens_at_once
        pad = encoder.tokenizer.pad_token_id
        self._pad = int(pad) if pad is not None else encoder.end_id

    def score(self, samples: Iterable[Sample], tally: Tally) -> list[Score]:
        """Score rows, in their order.

        Args:
            tally: every row is counted as read, and those that cannot be scored as left out.
        """
        conversations = list(_conversations(samples, tally))
        given = self._encoder.encode_rows(conversations, tally, self._max_length)
        encoded = {row.row for row in given}
        bare = [_without_instruction(one) for one in conversations if one.row in encoded]
        alone = {row.row: row for row in self._encoder.encode_rows(bare, tally, self._max_length)}
        both = [(row, alone[row.row]) for row in given if row.row in alone]
        if any(_supervised(left) != _supervised(right) for left, right in both):
            raise RuntimeError("an answer has other tokens without its instruction: the two losses cannot be compared")
        losses = self._losses([row for pair in both for row in pair])
        return [
            Score(row.row, with_prompt, without, row.supervised)
            for (row, _), with_prompt, without in zip(both, losses[::2], losses[1::2], strict=True)
        ]

    def _losses(self, rows: Sequence[EncodedRow]) -> list[float]:
        device = next(self._model.parameters()).device
        losses = [math.nan] * len(rows)
        for places in self._batches([len(row.input_ids) for row in rows]):
            padded = collate([{"input_ids": rows[p].input_ids, "labels": rows[p].labels} for p in places], self._pad)
            batch = {name: tensor.to(device) for name, tensor in padded.items()}
            for place, loss in zip(places, row_losses(self._model, batch), strict=True):
                losses[place] = loss
        return losses

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Places of rows of similar length, the longest first, so that memory runs out at once or never."""
        batch: list[int] = []
        for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
            if batch and (len(batch) + 1) * lengths[batch[0]] > self._tokens_at_once:
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch


def score_folder(
    root: Path,
    settings: Train,
    *,
    reporter: Reporter,
    hold: Callable[[DatasetFolder], AbstractContextManager[object]] = DatasetFolder.lock,
    clock: Callable[[], float] = time.monotonic,
) -> Scoring:
    """Score the rows of a dataset folder that are not scored yet into `signals/loss.parquet`.

    The table is written once a minute and at the end, so that a run which breaks off goes on where it stopped.

    Args:
        root: the dataset folder.
        settings: the `train` section: model, template and `max_length`, which the model's own length lowers where need be.
        reporter: where progress goes.
        hold: takes the folder for writing; the command completes first what an interrupted writer left to be put in place, which
            would put the scores away.
        clock: seconds, monotonic.

    Raises:
        UsageError: the model is made on the spot, is not there, does not fit the template, or is not the one of the rows that
            are scored.
        EndpointError: the model has to be downloaded and cannot be.
    """
    if is_scratch(settings.model):
        raise UsageError(
            worded(
                "train.model: {model} is made on the spot and knows nothing, so no answer is harder for it than "
                "another",
                model=settings.model,
            ),
            worded(
                "Name a trained model: --model with a Hugging Face name, a model folder, or a run of `seedbed train`."
            ),
        )
    check_model_path(settings.model, adapters=True)
    folder = DatasetFolder.open(root)
    with hold(folder), quiet_libraries():
        loss = folder.signals / f"{LOSS}.parquet"
        folder.check(folder.samples, *([loss] if loss.exists() else ()))  # without it, all rows are scored anew
        use_free_cores()
        loaded = load_tokenizer(settings, ())
        encoder = ChatEncoder(loaded.tokenizer, template=loaded.template, loss_on="last")
        model = _load_model(settings)
        max_length = min(settings.max_length, _positions(model) or settings.max_length)
        identity = model_identity(settings.model)
        template = loaded.template.replace(settings.model, identity, 1)  # the model's own is called after it
        table = LossTable(folder, identity, template, max_length, called=settings.model)
        scorer = AnswerScorer(model, encoder, max_length)
        rows, before, tally = folder.count_samples(), len(table.rows), Tally()
        try:
            with reporter.step(worded("Scoring"), total=rows) as step:
                step.set(before)
                saved = clock()
                for partition in folder.partitions(_ROWS_AT_ONCE):
                    samples = [sample for sample in partition.read() if sample.row not in table.rows]
                    if not samples:
                        continue
                    scores = {score.row: score.as_record() for score in scorer.score(samples, tally)}
                    table.add([sample.row for sample in samples], scores)
                    step.advance(len(samples))
                    if clock() - saved >= _SAVED_EVERY:
                        table.save()
                        saved = clock()
        finally:
            table.save()
        folder.refresh_manifest()
    ifd = table.column("ifd")
    median = float(np.median(ifd)) if len(ifd) else math.nan
    return Scoring(table.path, settings.model, rows, before, tally, median, int((ifd >= 1).sum()))


def _load_model(settings: Train) -> PreTrainedModel:
    model = load_saved_model(model_path(settings.model))
    model.train(False)
    if torch.cuda.is_available():
        model.to("cuda")  # type: ignore[arg-type]
    return model


def _positions(model: PreTrainedModel) -> int | None:
    positions: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return positions


def _conversations(samples: Iterable[Sample], tally: Tally) -> Iterator[Conversation]:
    """Each row up to its last answer."""
    for sample in samples:
        tally.read += 1
        turns = sample.messages[: len(sample.prompt) + 1]
        if any(turn.role not in ROLES for turn in turns):
            tally.leave_out(sample.row, "unknown_role")
        elif turns[-1].role != "assistant":
            tally.leave_out(sample.row, "no_assistant_turn")
        elif has_pictures(turns):
            tally.leave_out(sample.row, PICTURES)
        else:
            yield Conversation(sample.row, turns, sample.tools, sample.language)


def _without_instruction(conversation: Conversation) -> Conversation:
    """One empty user turn in place of all turns before the answer."""
    turns = (Message("user", ""), conversation.messages[-1])
    return Conversation(conversation.row, turns, conversation.tools, conversation.language)


def _supervised(row: EncodedRow) -> list[int]:
    return [label for label in row.labels if label != IGNORED]
