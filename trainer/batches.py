"""Batches of encoded rows: padded tensors of rows of similar length, and the loss on their supervised tokens."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from peft import PeftModel
from torch.utils.data import Sampler

from trainer.masking import IGNORED, EncodedRow

_POOL = 16  # batches that are sorted together: padding falls to a few percent, and each epoch still mixes its batches


class LengthGroupedBatches(Sampler[list[int]]):
    """Batches of rows of similar length, in a new random order each epoch.

    A smaller batch is the last of its epoch: where several processes share the batches, accelerate passes over a round that has a
    smaller one in its middle.

    Args:
        lengths: tokens of each row.
        batch_size: rows in a batch; the last one may be smaller.
        seed: of all orders.

    Attributes:
        epoch: whose order is next, from 0.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = torch.tensor(lengths)
        self.batch_size = batch_size
        self.drop_last = False
        self.epoch = 0
        self._seed = seed

    def __len__(self) -> int:
        return -(-len(self._lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self._seed)
        for _ in range(self.epoch):  # as the epochs before it drew
            torch.randperm(len(self._lengths), generator=generator)
            torch.randperm(len(self), generator=generator)
        order = torch.randperm(len(self._lengths), generator=generator)
        batches: list[list[int]] = []
        for pool in torch.split(order, self.batch_size * _POOL):
            by_length = pool[self._lengths[pool].argsort()].tolist()
            batches += [by_length[start : start + self.batch_size] for start in range(0, len(pool), self.batch_size)]
        shuffled = [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]
        return iter(sorted(shuffled, key=lambda batch: len(batch) < self.batch_size))


class OrderedBatches(Sampler[list[int]]):
    """Batches of rows in the order they are given, the same each epoch.

    Args:
        rows: how many.
        batch_size: rows in a batch; the last one may be smaller.

    Attributes:
        epoch: as for the others; it changes nothing.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self._rows = rows
        self.epoch = 0
        self.batch_size = batch_size
        self.drop_last = False

    def __len__(self) -> int:
        return -(-self._rows // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, self._rows, self.batch_size):
            yield list(range(start, min(start + self.batch_size, self._rows)))


def collate(rows: Sequence[dict[str, list[int]]], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad rows on the right.

    Args:
        rows: `input_ids` and `labels` of each.
        pad_id: the token to pad with; it is masked out and never supervised.

    Returns:
        `input_ids`, `labels` and `attention_mask`, each int64 of shape (rows, longest).
    """
    longest = max(len(row["input_ids"]) for row in rows)
    input_ids = torch.full((len(rows), longest), pad_id)
    labels = torch.full((len(rows), longest), IGNORED)
    attention_mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for index, row in enumerate(rows):
        length = len(row["input_ids"])
        input_ids[index, :length] = torch.tensor(row["input_ids"])
        labels[index, :length] = torch.tensor(row["labels"])
        attention_mask[index, :length] = 1
    return {"input_ids": input_ids, "labels": labels, "attention_mask": attention_mask}


def answer_loss(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy summed over the supervised tokens of a batch, as a scalar with gradient."""
    logits, targets = _supervised(model, inputs)
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )


@torch.no_grad()
def row_losses(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> list[float]:
    """Cross-entropy in nats, the mean over each row's supervised tokens, of which it has at least one."""
    logits, targets = _supervised(model, inputs)
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    sums = losses.double().view(targets.shape).sum(dim=1)
    means: list[float] = (sums / (targets != IGNORED).sum(dim=1)).tolist()
    return means


def _supervised(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (rows, columns, vocabulary) and targets (rows, columns), of the columns that hold a supervised token.

    The others are left out of the output layer where the model can: with short answers that is most of its work.
    """
    targets = inputs["labels"][:, 1:]
    columns = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
    forward: dict[str, Any] = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
    if _takes_logits_to_keep(model):
        logits = model(**forward, logits_to_keep=columns, use_cache=False).logits
    else:
        logits = model(**forward, use_cache=False).logits[:, columns]
    return logits, targets[:, columns]


@torch.no_grad()
def held_out_loss(
    model: torch.nn.Module, rows: Iterable[EncodedRow], batch_size: int, pad_id: int
) -> tuple[float, int]:
    """Loss on rows that are not trained on.

    Returns:
        Mean cross-entropy in nats over all supervised tokens together (long answers weigh more), and their number.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    ordered = sorted(rows, key=lambda row: len(row.input_ids))
    total, count = 0.0, 0
    for start in range(0, len(ordered), batch_size):
        some = [{"input_ids": row.input_ids, "labels": row.labels} for row in ordered[start : start + batch_size]]
        batch = {name: tensor.to(device) for name, tensor in collate(some, pad_id).items()}
        total += float(answer_loss(model, batch))
        count += int((batch["labels"][:, 1:] != IGNORED).sum())
    model.train(was_training)
    return (total / count if count else float("nan")), count


def _takes_logits_to_keep(model: torch.nn.Module) -> bool:
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters
