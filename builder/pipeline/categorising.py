"""Asking the teacher for the categories of a sample of rows that have none, to learn the others' from (`categories.ask`).

    rows without a category ─▶ 300 drawn ─▶ not asked yet ─▶ requests ─▶ categories.sqlite ─▶ read at every decision

The ledger stands in the dataset's own folder from the first request on, so that a run that breaks off goes on with what it bought.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from builder.config import Settings
from builder.curation.classifying import asked_sample, names_learnt
from builder.errors import UsageError
from builder.generation.pool import to_request
from builder.language import Language
from builder.language.messages import worded
from builder.pictures import has_pictures
from builder.pipeline.asking import Asking
from builder.pipeline.ledgers import refuse_damaged
from builder.progress import Reporter
from builder.recipes.checks.categorising import ask_categories, read_categories
from builder.recipes.checks.question import Question
from builder.recipes.recipe import Job, Needs
from builder.requests.budget import open_budget
from builder.requests.ledger import Entry, Ledger, Request
from builder.requests.prices import PICO, find_price
from builder.requests.sender import read_completion
from builder.schema import Message, Sample
from builder.store.dataset_folder import DatasetFolder, samples_from_table

CATEGORISE = "categorise"
_REFUSED = "refused"  # under which the ledger keeps them

_ROWS_PER_REQUEST = 20  # a category is a few tokens, and the list of them is paid for once
# Of a row's texts so much is shown, from each end: a category is told by what is asked.
_SHOWN = 600
# One line of a reply, and the bytes of a token (as `builder.pipeline.request_tokens` has them for plain text).
_TOKENS_PER_ROW = 16
_BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows that one request is about; see `builder.pipeline.marking.Batch`."""

    samples: tuple[Sample, ...]
    names: tuple[str, ...]
    request: Request

    def context(self) -> Mapping[str, object]:
        """What the ledger keeps of it."""
        return {"rows": [sample.id for sample in self.samples], "names": list(self.names)}


def categories_asked(
    folder: DatasetFolder,
    settings: Settings,
    rows: pl.DataFrame,
    reporter: Reporter,
    *,
    may_ask: bool = True,
    environ: Mapping[str, str] | None = None,
) -> pl.Series | None:
    """What the teacher says of the rows that `categories.ask` draws, in row order; what it was asked before is not asked again.

    Args:
        rows: row, task_id and category of all rows.
        may_ask: whether anything may be sent; else the ledger's replies are read.
        environ: where keys are; None is the process's environment.

    Returns:
        None where nobody is to be asked.

    Raises:
        UsageError: the teacher cannot be asked.
        EndpointError, BudgetReachedError: as asking raises them; what was bought is kept.
    """
    asked = settings.categories.ask
    drawn = asked_sample(rows, asked) if settings.categories.guess and asked else ()
    if not len(drawn):
        return None
    if settings.teacher.provider == "embedded":
        raise UsageError(
            worded("categories.ask: the embedded teacher reads no requests, so it cannot name their categories"),
            worded(
                "Name a model that reads: --set teacher.provider=openai --set "
                "teacher.base_url=http://127.0.0.1:8000/v1 --set teacher.model=…"
            ),
        )
    if settings.teacher.send == "batch":
        raise UsageError(
            worded("categories.ask: its requests are sent one by one"), worded("Add --set teacher.send=chat.")
        )
    path = folder.categories_ledger
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_damaged(DatasetFolder(path.parent), path)
    names = names_learnt(rows["category"], settings.categories.min_rows)
    samples = {sample.id: sample for sample in _samples(folder, drawn)}
    with Ledger(path) as ledger:
        known, first_job = _read(ledger.entries(), names, settings.teacher.max_attempts)
        refused = _refused(ledger)
        lacking = [
            sample
            for row_id, sample in samples.items()
            if row_id not in known and row_id not in refused and not has_pictures(sample.messages)
        ]
        if lacking and may_ask:
            _ask(lacking, names, first_job, ledger, settings, reporter, os.environ if environ is None else environ)
            known, _ = _read(ledger.entries(), names, settings.teacher.max_attempts)
    said = {sample.row: known.get(sample.id) for sample in _samples(folder, drawn)}
    return pl.Series([said.get(row) for row in rows["row"]], dtype=pl.String)


def _ask(
    lacking: Sequence[Sample],
    names: tuple[str, ...],
    first_job: int,
    ledger: Ledger,
    settings: Settings,
    reporter: Reporter,
    environ: Mapping[str, str],
) -> None:
    """Say what it will cost, then send."""

    def build(number: int, samples: Sequence[Sample], settings: Settings) -> _Batch:
        return _new_batch(number, samples, names, settings)

    groups = list(_groups(lacking))
    requests = [build(first_job + place, group, settings).request for place, group in enumerate(groups)]
    prompt = int(sum(request.prompt_ceiling for request in requests) / _BYTES_PER_TOKEN)
    reply = _TOKENS_PER_ROW * len(lacking)
    price = find_price(settings.teacher.model, settings.budget)
    cost = (
        worded("price not known")
        if price is None
        else f"{price.cost(prompt, reply) / PICO:.4f} {settings.budget.currency}"
    )
    reporter.say(
        worded(
            "categories.ask: {model} is asked for the categories of {lacking:,} rows: {groups:,} requests, "
            "about {prompt:,} tokens, {cost}",
            model=settings.teacher.model,
            lacking=len(lacking),
            groups=len(groups),
            prompt=prompt + reply,
            cost=cost,
        )
    )
    asking = Asking(
        settings, ledger, open_budget(settings, ledger), iter(groups), first_job, build=build, recipe=CATEGORISE
    )
    try:
        with reporter.step(worded("Asking for categories"), total=len(lacking)) as step:
            asyncio.run(asking.ask(environ, reporter.say, step.advance))
    finally:
        ledger.write_meta(_REFUSED, json.dumps(sorted({*_refused(ledger), *asking.refused})))


def _refused(ledger: Ledger) -> set[str]:
    """The ids of conversations that the endpoint takes in no request."""
    return set(json.loads(ledger.read_meta(_REFUSED) or "[]"))


def _samples(folder: DatasetFolder, rows: Sequence[int]) -> Iterator[Sample]:
    wanted = pa.array(rows, pa.int64())
    for table in folder.iter_sample_tables():
        yield from samples_from_table(table.filter(pc.is_in(table["row"], wanted)))


def _groups(samples: Iterable[Sample]) -> Iterator[tuple[Sample, ...]]:
    """Rows in groups of one language, in their order."""
    groups: dict[Language, list[Sample]] = {"en": [], "zh": []}
    for sample in samples:
        groups[_language(sample)].append(sample)
    for group in groups.values():
        yield from (
            tuple(group[start : start + _ROWS_PER_REQUEST]) for start in range(0, len(group), _ROWS_PER_REQUEST)
        )


def _new_batch(number: int, samples: Sequence[Sample], names: tuple[str, ...], settings: Settings) -> _Batch:
    rows = [sample.id for sample in samples]
    digest = hashlib.sha256(json.dumps([settings.seed, number, rows]).encode()).digest()
    ask = ask_categories([_question(sample) for sample in samples], _language(samples[0]), names)
    needs = Needs(tasks=len(rows), language=_language(samples[0]), categories=(), instances=1, max_steps=None)
    job = Job(number, CATEGORISE, needs, (), seed=int.from_bytes(digest[4:8], "big") >> 1)
    return _Batch(tuple(samples), names, to_request(job, 0, ask, settings))


def _read(entries: Iterable[Entry], names: Sequence[str], max_attempts: int) -> tuple[dict[str, str | None], int]:
    """What is known by the ids of conversations, None where a reply named none of the categories; and the next job's number.

    A reply to a question with other categories to choose from says nothing here.
    """
    known: dict[str, str | None] = {}
    next_job = 0
    for entry in entries:
        next_job = max(next_job, entry.number + 1)
        if entry.context["names"] != list(names):
            continue
        for step in entry.steps:
            received = step.received
            if received is None or received.refused or not (received.usable or step.attempts >= max_attempts):
                continue  # lost with a run that was killed, or refused: its rows are asked about anew
            completion = read_completion(received.reply)
            found = read_categories(completion, names) if completion is not None else {}
            known |= {row_id: found.get(number) for number, row_id in enumerate(entry.context["rows"], 1)}
    return known, next_job


def _question(sample: Sample) -> Question:
    if sample.instruction is not None and len(sample.prompt) == 1:
        return Question(_shortened(sample.instruction), _shortened(sample.input or ""))
    return Question("", "", tuple(Message(turn.role, _shortened(turn.content)) for turn in sample.prompt[-4:]))


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]} … {text[-_SHOWN:]}"


def _language(sample: Sample) -> Language:
    return "zh" if sample.language == "zh" else "en"
