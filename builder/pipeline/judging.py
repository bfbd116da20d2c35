"""Judging a dataset folder: every row that has no mark yet is sent to the teacher with a rubric.

    samples ─▶ not judged yet ─▶ requests ─▶ judge.sqlite ─▶ signals/judge.parquet

The table is a function of the ledger and the rows, so a run that breaks off goes on with what it bought.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from builder.config import Settings
from builder.errors import BudgetReachedError, SeedbedError, UsageError
from builder.language.messages import worded
from builder.pipeline.asking import Asking
from builder.pipeline.ledgers import refuse_damaged
from builder.pipeline.marking import Judged, batches, read_judged, unjudgeable
from builder.pipeline.own_settings import own_settings
from builder.pipeline.replacing import writing
from builder.procedural.families import recognise
from builder.progress import Reporter
from builder.queries.costs import cost_of
from builder.requests.budget import open_budget
from builder.requests.ledger import Ledger
from builder.requests.prices import models_of
from builder.schema import Sample
from builder.settings_file import as_settings
from builder.signals.given import JUDGE
from builder.store.dataset_folder import DatasetFolder, samples_from_table

_LOOKED_AT = 5_000  # rows that are taken apart to see whether the embedded teacher knows any: 0.3 ms each
# Under which the ledger keeps the judge's models, and what it refused.
_JUDGE, _REFUSED = "judge", "refused"


@dataclass(frozen=True, slots=True)
class Judging:
    """What `judge_folder` did.

    Attributes:
        judge: the models that were asked.
        rows: in the dataset.
        asked: conversations that this run has news of; equal rows are one.
        states: rows by state; those that were not asked are in none.
        scores: rows by mark, the lowest first.
        requests, tokens: of all runs, lost replies at their ceiling.
        cost: of all runs, in `currency`; None where a price is not known.
        ending: the cap that ended the run, or None.
    """

    path: Path
    judge: str
    rows: int
    asked: int
    states: Mapping[str, int]
    scores: Mapping[float, int]
    requests: int
    tokens: int
    cost: float | None
    currency: str
    ending: SeedbedError | None = None

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "path": str(self.path),
            "judge": self.judge,
            "rows": self.rows,
            "asked": self.asked,
            "states": dict(self.states),
            "scores": {f"{score:g}": count for score, count in self.scores.items()},
            "requests": self.requests,
            "tokens": self.tokens,
            "cost": self.cost,
            "currency": self.currency,
            "ending": self.ending.message if self.ending else None,
        }


def judge_folder(
    root: Path,
    settings_source: Settings | Path | None,
    overrides: Sequence[str],
    reporter: Reporter,
    environ: Mapping[str, str] | None = None,
    *,
    kept_only: bool = False,
    again: bool = False,
    sample: int | None = None,
) -> Judging:
    """Send the rows that have no mark yet to the teacher, and write `signals/judge.parquet`.

    Rows that were marked before their admission count as judged.

    Args:
        root: the dataset folder; its own settings stay as they are.
        settings_source: settings, or a file of them; None is the folder's own.
        overrides: `key=value` settings on top of a file's: the teacher, and the budget, whose caps count what judging costs by
            itself.
        environ: where keys are; None is the process's environment.
        kept_only: leave out the rows that the last decision dropped.
        again: ask again about rows whose reply could not be read, or that the endpoint refused.
        sample: mark so many conversations in all, drawn by their ids and `seed`; None marks every one. The same ones are drawn
            again, so that a run that broke off goes on with them, and a larger sample holds the smaller one.

    Raises:
        UsageError: other rows were marked by another model, the teacher sends batches, or it is the embedded one, which
            can mark none of the rows.
        EndpointError: the endpoint cannot be used; what was bought is kept.
    """
    folder = DatasetFolder.open(root)
    settings = as_settings(settings_source, overrides) if settings_source else own_settings(folder, overrides)
    if settings.teacher.send == "batch":
        raise UsageError(
            worded("teacher.send: a judge sends its requests one by one"), worded("Add --set teacher.send=chat.")
        )
    table = folder.signals / f"{JUDGE.name}.parquet"
    with contextlib.ExitStack() as stack:
        stack.enter_context(writing(folder))
        folder.check(folder.samples, folder.signals / "checked.parquet", *([folder.verdicts] if kept_only else ()))
        if settings.teacher.provider == "embedded" and not _any_is_computed(folder):
            raise UsageError(
                worded(
                    "{root}: teacher.provider is embedded, which marks only tasks whose answers it can compute, and "
                    "none of the rows is one",
                    root=root,
                ),
                worded(
                    "Name a model that reads: --set teacher.provider=openai --set "
                    "teacher.base_url=http://127.0.0.1:8000/v1 --set teacher.model=…"
                ),
            )
        if table.exists():  # who wants to have all rows judged anew removes it with the ledger
            refuse_damaged(folder, folder.judge_ledger)
        stack.callback(folder.refresh_manifest)  # when the ledger is closed
        ledger = stack.enter_context(Ledger(folder.judge_ledger))
        judge = _refuse_another_judge(ledger, settings)
        before, first_job = _read(ledger, settings)
        settled = {row for row, one in before.items() if not (again and one.state in ("unreadable", "refused"))}
        survey = _Survey(folder, settled, kept_only, None if sample is None else (sample, settings.seed))
        asking = Asking(settings, ledger, open_budget(settings, ledger), batches(survey.wanted()), first_job)
        keys = os.environ if environ is None else environ
        ending: SeedbedError | None = None
        try:
            with reporter.step(worded("Judging"), total=survey.lacking) as step:
                asyncio.run(asking.ask(keys, reporter.say, step.advance))
        except BudgetReachedError as error:
            ending = error
        finally:
            _remember_refused(ledger, asking.refused)
            after, _ = _read(ledger, settings)
            table = survey.table(after)
            folder.write_signal(JUDGE.name, table)
        spent, cost = ledger.spending(), cost_of(ledger.path, settings)
    return Judging(
        path=folder.signals / f"{JUDGE.name}.parquet",
        judge=judge,
        rows=len(survey.ids),
        asked=sum(before.get(row) != one for row, one in after.items()),
        states=Counter(table["judge_state"].to_pylist()),
        scores=dict(sorted(Counter(table["judge_score"].drop_null().to_pylist()).items())),
        requests=spent.requests,
        tokens=spent.tokens,
        cost=cost,
        currency=settings.budget.currency,
        ending=ending,
    )


def _any_is_computed(folder: DatasetFolder) -> bool:
    """Whether the embedded teacher knows the task of any of the first rows."""
    rows = (sample for table in folder.iter_sample_tables() for sample in samples_from_table(table) if sample.prompt)
    return any(
        recognise(sample.instruction or sample.prompt[-1].content.partition("\n\n")[0]) is not None
        for sample in itertools.islice(rows, _LOOKED_AT)
    )


class _Survey:
    """The rows of a folder: which are to be judged, and what is known of the others.

    Args:
        settled: the ids of conversations that are not asked about.
        sample: how many conversations are drawn, and by which seed; None takes all.

    Attributes:
        ids: the id of each row's conversation, in row order.
        lacking: how many conversations may have to be judged.
    """

    def __init__(
        self, folder: DatasetFolder, settled: set[str], kept_only: bool, sample: tuple[int, int] | None
    ) -> None:
        self._folder = folder
        self._settled = set(settled)
        self.ids: list[str] = [row_id for table in folder.iter_sample_tables() for row_id in table["id"].to_pylist()]
        self._known = _marked_at_admission(folder)
        kept = folder.verdicts_table(["kept"])["kept"].to_pylist() if kept_only else [True] * len(self.ids)
        kept += [False] * (len(self.ids) - len(kept))  # rows that were added since
        drawn = None if sample is None else _draw(self.ids, kept, *sample)
        self._asked = [
            keep and row not in self._known and row_id not in self._settled and (drawn is None or row_id in drawn)
            for row, (row_id, keep) in enumerate(zip(self.ids, kept, strict=True))
        ]
        self.lacking = len({row_id for row_id, asked in zip(self.ids, self._asked, strict=True) if asked})

    def wanted(self) -> Iterator[Sample]:
        """One row of each conversation that is to be judged; why others cannot be is noted on the way."""
        for table in self._folder.iter_sample_tables():
            numbers = table["row"].to_pylist()
            mask = pa.array([self._asked[row] for row in numbers])
            for sample in samples_from_table(table.filter(mask)):
                state = unjudgeable(sample)
                if state is not None:
                    self._known[sample.row] = Judged(state)
                elif sample.id not in self._settled:
                    self._settled.add(sample.id)
                    yield sample

    def table(self, judged: Mapping[str, Judged]) -> pa.Table:
        """What is known of each row; those of which nothing is are not in it."""
        found = [
            (row, one)
            for row, row_id in enumerate(self.ids)
            if (one := judged.get(row_id) or self._known.get(row)) is not None
        ]
        columns: Sequence[Sequence[int | float | str | None]] = (
            [row for row, _ in found],
            [one.score for _, one in found],
            [one.problem for _, one in found],
            [one.state for _, one in found],
        )
        arrays = [pa.array(values, field.type) for values, field in zip(columns, JUDGE.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=JUDGE.schema)


def _draw(ids: Sequence[str], kept: Sequence[bool], count: int, seed: int) -> set[str]:
    """So many of the conversations, the same ones whatever was marked before."""
    different = {row_id for row_id, keep in zip(ids, kept, strict=True) if keep}
    return set(sorted(different, key=lambda row_id: hashlib.sha256(f"{seed}/{row_id}".encode()).digest())[:count])


def _marked_at_admission(folder: DatasetFolder) -> dict[int, Judged]:
    """The marks that grown rows got before they were admitted, by row."""
    if not (folder.signals / "checked.parquet").exists():
        return {}
    checked = folder.read_signal("checked")
    marked = checked.filter(pc.is_valid(checked["judge_score"]))
    rows, scores = marked["row"].to_pylist(), marked["judge_score"].to_pylist()
    return {row: Judged("at_admission", score) for row, score in zip(rows, scores, strict=True)}


def _refuse_another_judge(ledger: Ledger, settings: Settings) -> str:
    """Marks of two judges are no one scale; returns the judge's name."""
    judge = ", ".join(models_of(settings.teacher))
    before = ledger.read_meta(_JUDGE)
    if before is None or (before != judge and ledger.forget_unanswered()):
        ledger.write_meta(_JUDGE, judge)
    elif before != judge:
        raise UsageError(
            worded(
                "{parent}: its rows were judged by {before}, and teacher.model is {judge}",
                parent=ledger.path.parent,
                before=before,
                judge=judge,
            ),
            worded(
                "Go on with that one (--set teacher.model={before}), or remove {path} and signals/{name}.parquet "
                "to judge all rows anew.",
                before=before,
                path=ledger.path,
                name=JUDGE.name,
            ),
        )
    return judge


def _read(ledger: Ledger, settings: Settings) -> tuple[dict[str, Judged], int]:
    """What is known by the ids of conversations, and the number of the next job."""
    entries = ledger.entries()
    judged = {row_id: Judged("refused") for row_id in json.loads(ledger.read_meta(_REFUSED) or "[]")}
    judged |= read_judged(entries, settings.teacher.max_attempts)
    return judged, max((entry.number for entry in entries), default=-1) + 1


def _remember_refused(ledger: Ledger, refused: set[str]) -> None:
    if refused:
        before = set(json.loads(ledger.read_meta(_REFUSED) or "[]"))
        ledger.write_meta(_REFUSED, json.dumps(sorted(before | refused)))
