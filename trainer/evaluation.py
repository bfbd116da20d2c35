"""A finished run on its dataset's validation rows: base beside tuned beside a constant guess.

Every figure comes with its count. The base is what training started from; for a scratch model that is the same random
initialisation. The constant guess answers every task of one family and language with the training rows' most frequent answer
for them: a model that does no better has learnt the answers' distribution and not the task.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from builder.answers import AnswerKey, check_answer
from builder.config import Train
from builder.errors import InputFileError, IntegrityError, UsageError
from builder.intervals import wilson
from builder.language.messages import worded
from builder.progress import Reporter, Step
from builder.store.files import write_json, write_text
from trainer.batches import held_out_loss
from trainer.data import Conversation, Published, read_published
from trainer.evaluation_page import Language, render_page
from trainer.loop import quiet_libraries
from trainer.masking import ChatEncoder, EncodedRow
from trainer.model import load_model, load_saved_model, load_saved_tokenizer
from trainer.threads import use_free_cores

_BATCH = 64
_LOSS_TOLERANCE = 0.02  # bfloat16 and another device's sums differ by less
_EXAMPLES = 8  # answers shown, right and wrong alternating


@dataclass(frozen=True, slots=True)
class Score:
    """Right answers out of `n`, with Wilson's 95 % interval (Wilson, 1927)."""

    right: int
    n: int

    @property
    def share(self) -> float:
        return self.right / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound of the true share; (0, 1) where nothing was checked."""
        return wilson(self.right, self.n)


@dataclass(frozen=True, slots=True)
class Cell:
    """One family in one language: rows, and how many each answered right."""

    family: str
    language: str
    n: int
    constant: int
    base: int
    tuned: int


@dataclass(frozen=True, slots=True)
class Example:
    """One checked answer."""

    row: int
    family: str
    prompt: str
    expected: str
    answer: str
    right: bool


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """Mean cross-entropy in nats over `tokens` supervised tokens of the validation rows."""

    base: float
    tuned: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluation.json` holds.

    Attributes:
        rows: validation rows that were looked at.
        rows_left_out: validation rows that could not be encoded, or lay beyond `max_rows`.
        rows_without_key: rows whose loss counts but whose answer cannot be checked.
        cells: by family and language.
    """

    run: Path
    rows: int
    rows_left_out: dict[str, int]
    rows_without_key: int
    loss: HeldOutLoss
    cells: tuple[Cell, ...]
    examples: tuple[Example, ...]
    seconds: float

    def total(self, who: str) -> Score:
        """Over all cells, for `constant`, `base` or `tuned`."""
        return Score(sum(getattr(cell, who) for cell in self.cells), sum(cell.n for cell in self.cells))

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values; shares and intervals beside the counts they come from."""
        totals = {
            who: {
                "right": score.right,
                "n": score.n,
                "share": _rounded(score.share),
                "interval_95": [round(bound, 4) for bound in score.interval],
            }
            for who, score in ((who, self.total(who)) for who in ("constant", "base", "tuned"))
        }
        return {
            "version": 1,
            "rows": self.rows,
            "rows_left_out": self.rows_left_out,
            "rows_without_key": self.rows_without_key,
            "held_out_loss": asdict(self.loss),
            "totals": totals,
            "cells": [asdict(cell) for cell in self.cells],
            "examples": [asdict(example) for example in self.examples],
            "seconds": self.seconds,
        }


def evaluate(
    run: Path,
    *,
    reporter: Reporter,
    max_rows: int | None = None,
    language: Language = "en",
    clock: Callable[[], float] = time.monotonic,
) -> Evaluation:
    """Evaluate a finished run; writes `evaluation.json` and `evaluation.html` into it.

    Args:
        run: the run folder.
        reporter: where progress goes.
        max_rows: look at the first so many validation rows only; None is all.
        language: of the page.
        clock: seconds, monotonic.

    Raises:
        UsageError: not a finished run, its dataset is gone or has changed, or it has no validation rows.
        EndpointError: the base model has to be downloaded and cannot be.
    """
    started = clock()
    record = _read_run(run)
    settings = Train.model_validate(record["settings"])
    published = read_published(Path(record["dataset"]["path"]))
    if not _is_as_trained_on(published, record["dataset"]):
        raise UsageError(
            worded(
                "{root}: has changed since {run} was trained on it, so held-out rows may have been trained on",
                root=published.root,
                run=run,
            ),
            worded("Train again, or restore the dataset."),
        )
    encoder = ChatEncoder(
        load_saved_tokenizer(str(run / "model")), template=record["template"]["name"], loss_on=settings.loss_on
    )
    tally = published.validation_tally
    rows = encoder.encode_rows(published.validation, tally, settings.max_length)
    left_out = dict(tally.reasons)
    if max_rows is not None and len(rows) > max_rows:
        left_out["beyond_max_rows"] = len(rows) - max_rows
        rows = rows[:max_rows]
    if not rows:
        raise UsageError(
            worded("{root}: no validation rows to evaluate on ({tally})", root=published.root, tally=tally.describe())
        )
    use_free_cores()
    by_row = {conversation.row: conversation for conversation in published.validation}
    keyed = [(row, by_row[row.row]) for row in rows if by_row[row.row].answer_key]
    most_tokens = _answer_limit(record["tokens"]["longest_answer"])
    with quiet_libraries(), reporter.step(worded("Evaluating"), 2 * len(keyed)) as step:
        answers: dict[str, list[str]] = {}
        losses: dict[str, tuple[float, int]] = {}
        for who in ("base", "tuned"):
            model = (
                load_model(settings, encoder.tokenizer, record["seed"])
                if who == "base"
                else load_saved_model(str(run / "model"))
            )
            model.to("cuda" if torch.cuda.is_available() else "cpu")  # type: ignore[arg-type]
            model.train(False)
            losses[who] = held_out_loss(model, rows, _BATCH, encoder.end_id)
            if who == "tuned" and max_rows is None:
                _check_loss(run, losses[who][0], record["validation_loss"])
            answers[who] = generate_answers(model, encoder, [row for row, _ in keyed], most_tokens, step)
    constants = constant_answers(published.train)
    evaluation = Evaluation(
        run=run,
        rows=len(rows),
        rows_left_out=left_out,
        rows_without_key=len(rows) - len(keyed),
        loss=HeldOutLoss(losses["base"][0], losses["tuned"][0], losses["tuned"][1]),
        cells=_cells([conversation for _, conversation in keyed], answers, constants),
        examples=_examples([conversation for _, conversation in keyed], answers["tuned"]),
        seconds=round(clock() - started, 1),
    )
    write_json(run / "evaluation.json", evaluation.as_record())
    write_text(run / "evaluation.html", render_page(evaluation.as_record(), record, language))
    return evaluation


@torch.no_grad()
def generate_answers(
    model: PreTrainedModel, encoder: ChatEncoder, rows: Sequence[EncodedRow], most_tokens: int, step: Step | None = None
) -> list[str]:
    """Greedy answers to the last turn of some rows.

    Args:
        model: in evaluation mode.
        encoder: the one that encoded the rows.
        rows: generation starts from the first `prompt_length` tokens of each.
        most_tokens: the longest answer, in tokens.
        step: advanced by one for each answer.

    Returns:
        One text for each row, without its end token.
    """
    device = next(model.parameters()).device
    generate: Any = model.generate  # typed as a tensor or a module
    order = sorted(range(len(rows)), key=lambda index: rows[index].prompt_length)
    answers = [""] * len(rows)
    for start in range(0, len(order), _BATCH):
        some = order[start : start + _BATCH]
        prompts = [rows[index].input_ids[: rows[index].prompt_length] for index in some]
        longest = max(map(len, prompts))
        # On the left, so that every prompt ends where its answer begins.
        padded = [[encoder.end_id] * (longest - len(prompt)) + prompt for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        made = generate(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=torch.tensor(mask, device=device),
            max_new_tokens=most_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=encoder.stop_ids,
            pad_token_id=encoder.end_id,
        )
        for index, tokens in zip(some, made[:, longest:].tolist(), strict=True):
            end = next((place for place, token in enumerate(tokens) if token in encoder.stop_ids), len(tokens))
            answers[index] = encoder.decode(tokens[:end])
        if step is not None:
            step.advance(len(some))
    return answers


def constant_answers(train: Iterable[Conversation]) -> dict[tuple[str, str], str]:
    """For each family and language, the most frequent training answer; of equally frequent ones the first by code point."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for conversation in train:
        if conversation.answer_key:
            family = AnswerKey.from_json(conversation.answer_key).family
            counts.setdefault((family, conversation.language), Counter())[conversation.answer] += 1
    return {cell: min(found, key=lambda answer: (-found[answer], answer)) for cell, found in counts.items()}


def _read_run(run: Path) -> dict[str, Any]:
    path = run / "run.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputFileError(
            run, worded("not a finished run: it holds no run.json"), remedy=worded("`seedbed train` makes one.")
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, worded("not valid JSON ({error})", error=error)) from None
    if not isinstance(record, dict) or not record.keys() >= _RECORDED:
        raise InputFileError(
            path, worded("not the record of a run"), remedy=worded("Restore it from a copy, or train again.")
        )
    return record


def _is_as_trained_on(published: Published, dataset: dict[str, Any]) -> bool:
    """Whether no published row changed; of runs that did not note the rows' hash, whether nothing did."""
    if "rows_sha256" in dataset:
        return bool(published.rows_hash == dataset["rows_sha256"])
    return bool(published.manifest_hash == dataset["manifest_sha256"])


_RECORDED = {"settings", "dataset", "template", "tokens", "validation_loss"}


def _check_loss(run: Path, found: float, recorded: float | None) -> None:
    """The saved model is the trained one: anything else shows in its loss on the same rows."""
    if recorded is not None and not math.isclose(found, recorded, rel_tol=_LOSS_TOLERANCE, abs_tol=_LOSS_TOLERANCE):
        raise IntegrityError(
            worded(
                "{run}: the saved model's validation loss is {found:.4f}, but training ended with {recorded:.4f}",
                run=run,
                found=found,
                recorded=recorded,
            ),
            worded(
                "Its files were changed, or other versions of the libraries in run.json read them differently. "
                "Train again."
            ),
        )


def _answer_limit(longest: int) -> int:
    """Room for answers half as long again as the longest training answer; a model that never stops is cut there."""
    return longest + longest // 2 + 4


def _cells(
    conversations: Sequence[Conversation], answers: dict[str, list[str]], constants: dict[tuple[str, str], str]
) -> tuple[Cell, ...]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for index, conversation in enumerate(conversations):
        key = AnswerKey.from_json(conversation.answer_key or "")
        cell = (key.family, conversation.language)
        count = counts.setdefault(cell, Counter())
        count["n"] += 1
        count["base"] += check_answer(key, answers["base"][index]).passed
        count["tuned"] += check_answer(key, answers["tuned"][index]).passed
        count["constant"] += cell in constants and check_answer(key, constants[cell]).passed
    return tuple(
        Cell(family, language, count["n"], count["constant"], count["base"], count["tuned"])
        for (family, language), count in sorted(counts.items())
    )


def _examples(conversations: Sequence[Conversation], answers: Sequence[str]) -> tuple[Example, ...]:
    """Right and wrong answers, half of each, from as many families as there are."""
    shown: dict[bool, dict[tuple[str, str], list[Example]]] = {True: {}, False: {}}
    for conversation, answer in zip(conversations, answers, strict=True):
        key = AnswerKey.from_json(conversation.answer_key or "")
        right = check_answer(key, answer).passed
        prompt = next((m.content for m in reversed(conversation.messages) if m.role == "user"), "")
        example = Example(conversation.row, key.family, prompt, conversation.answer, answer, right)
        shown[right].setdefault((key.family, conversation.language), []).append(example)
    rounds = {right: zip_longest(*cells.values()) for right, cells in shown.items()}
    chosen = {right: [example for turn in turns for example in turn if example] for right, turns in rounds.items()}
    half = _EXAMPLES // 2
    return tuple(chosen[True][:half] + chosen[False][:half])


def _rounded(share: float) -> float | None:
    return None if math.isnan(share) else round(share, 4)
