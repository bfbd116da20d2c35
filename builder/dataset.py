"""The front door: one dataset folder as an object, and the jobs that make one.

    dataset = curate(frame, out="datasets_out/ours", novelty={"threshold": 0.8})
    dataset = Dataset.open("datasets_out/ours")
    dataset.rows(kept=False), dataset.row(17), dataset.review(17, "keep", reviewer="li"), dataset.decide()

Settings are given everywhere alike: `settings`, a `Settings` or a file of them, and beside it sections by keyword, each with what
differs. Mistakes in them are told as those in a file. Nothing is printed unless `progress` asks for it; keys come from the
environment.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypedDict, Unpack

import polars as pl

from builder import pipeline
from builder.config import Settings
from builder.errors import InputFileError, SeedbedError, UsageError
from builder.formats.containers.objects import open_table
from builder.formats.writing import Export, plan_export
from builder.language.messages import worded
from builder.pipeline.estimating import Estimate
from builder.pipeline.estimating import estimate as _estimate
from builder.pipeline.judging import Judging, judge_folder
from builder.pipeline.looking import Status, look
from builder.pipeline.own_settings import own_settings
from builder.pipeline.publishing import Outcome, read_report
from builder.pipeline.reviewing import ReviewSession
from builder.progress import Reporter
from builder.queries.browsing import count_by, read_row, read_rows
from builder.queries.comparing import Comparison, compare
from builder.queries.database import Database
from builder.queries.records import Facet, Row
from builder.queries.selecting import Filters, chosen_samples
from builder.schema import Sample
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.manifest import Problem
from builder.store.reviews import Review
from builder.store.snapshot import consistent, open_snapshot

# What a frame of rows holds where nothing else is asked for.
COLUMNS = ("row", "kept", "reason", "split", "category", "language", "prompt", "answer")

SettingsSource = Settings | str | os.PathLike[str] | None


class Chosen(TypedDict, total=False):
    """What rows must be to be chosen; see `builder.Filters`."""

    kept: bool | None
    reason: str | None
    category: str | None
    language: str | None
    origin: str | None
    search: str | None
    mended: bool
    rows: str | None
    split: str


@dataclass(frozen=True, slots=True)
class Report:
    """A dataset's report.

    Attributes:
        html: the page.
        figures: what it shows, as in report.json.
    """

    html: Path
    figures: Mapping[str, Any]


class Dataset:
    """A curated dataset folder.

    Args:
        root: the folder; `Dataset.open` looks whether it is one.
        ending: why the job that made it ended before its target, or None.
        left_out: of what was imported by it, the rows that became no sample, by cause.

    Attributes:
        path: the folder.
    """

    def __init__(
        self, root: Path, ending: SeedbedError | None = None, left_out: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.path = root
        self.ending = ending
        self.left_out = left_out

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Dataset":
        """Open a folder that `curate` or `build` made, here or by the command.

        Raises:
            InputFileError: there is none, or it was not decided yet.
        """
        root = Path(path)
        folder = open_snapshot(root)
        if not folder.verdicts.is_file():
            raise InputFileError(root, worded("was not decided yet"), remedy=worded("`seedbed curate` decides it."))
        return cls(root)

    def __len__(self) -> int:
        """How many rows it holds, kept or not."""
        return _count(self.path)

    def __repr__(self) -> str:
        kept = sum(facet.kept for facet in self.counts("kept"))
        return f"Dataset({str(self.path)!r}: {kept:,} of {len(self):,} rows are kept)"

    def rows(
        self,
        columns: Sequence[str] = COLUMNS,
        *,
        sort: str = "row",
        descending: bool = False,
        limit: int | None = None,
        **filters: Unpack[Chosen],
    ) -> pl.DataFrame:
        """Rows with their verdicts, one line each.

        Args:
            columns: of the views `rows` and `signals` (see `query`).
            sort: a label such as `category`, or a value that was measured.
            descending: the greatest first.
            limit: only so many.
            filters: see `builder.Filters`.

        Raises:
            UsageError: there is no such column or filter, or no row that a filter names.
        """
        return _rows(self.path, _filters(filters), columns, sort, descending, limit)

    def row(self, row: int) -> Row:
        """One row, whole: its sample, its verdict with every failed check, and what people said of it.

        Raises:
            InputFileError: there is no such row.
        """
        return _row(self.path, row)

    def samples(self, **filters: Unpack[Chosen]) -> Iterator[Sample]:
        """The conversations of rows, in their order; those that are kept where the filters do not say otherwise."""
        return iter(chosen_samples(self.path, _filters(filters)))

    def counts(self, column: str = "reason", **filters: Unpack[Chosen]) -> list[Facet]:
        """How many rows have each value of a label, the most frequent first.

        Args:
            column: kept, reason, category, language, origin, kind, split or mended.
            filters: see `builder.Filters`.
        """
        return _counts(self.path, column, _filters(filters))

    def query(self, sql: str) -> pl.DataFrame:
        """What a SELECT answers of the views rows, verdicts, checks, signals, rejections, groups, requests and reviews.

        Raises:
            UsageError: it cannot be answered.
        """
        return _query(self.path, sql)

    def review(
        self,
        row: int,
        decision: Literal["keep", "drop", "edit"],
        *,
        reviewer: str,
        note: str = "",
        answer: str | None = None,
    ) -> Review:
        """Write down what a person decided about a row; `decide` obeys it.

        Args:
            row: its number.
            decision: `edit` puts a new row with another last answer in its place.
            reviewer: who decided.
            note: why.
            answer: of an edit.

        Raises:
            InputFileError: there is no such row.
            UsageError: the reviewer has no name, or an edit no answer.
            FolderInUseError: another process holds the folder.
        """
        session = ReviewSession(self.path, reviewer)
        sample = self.row(row).sample
        if (decision == "edit") != (answer is not None):
            raise UsageError(
                worded("an edit needs an answer, and nothing else takes one"),
                worded("Give the new answer as `answer`."),
            )
        turns = [place for place, turn in enumerate(sample.messages) if turn.role == "assistant"]
        if answer is not None and not turns:
            raise UsageError(worded("row {row} has no answer that could be edited", row=row), worded("Drop it."))
        edit = () if answer is None else ((turns[-1], answer),)
        return session.decide(sample, decision, note=note, edit=edit)

    def decide(self, settings: SettingsSource = None, *, progress: bool = False, **sections: Any) -> "Dataset":
        """Decide every row again, in place, by the folder's settings and what differs from them.

        Args:
            settings: in place of the folder's own.
            progress: show it on stderr.
            sections: see this module.

        Raises:
            UsageError: a mistake in the settings.
        """
        folder = DatasetFolder.open(self.path)
        chosen = _settings(own_settings(folder) if settings is None else settings, sections)
        return _as_dataset(pipeline.curate_folder(self.path, chosen, (), _reporter(progress)))

    def report(self, language: Literal["en", "zh"] | None = None) -> Report:
        """The report; written again where another language is asked for."""
        folder = open_snapshot(self.path)
        if language is None or read_report(folder)["language"] == language:
            return Report(self.path / folder.report_html.name, read_report(folder))
        return Report(self.path / folder.report_html.name, pipeline.rewrite_report(self.path, language).report)

    def export(
        self,
        format: str,
        out: str | os.PathLike[str],
        *,
        name: str | None = None,
        overwrite: bool = False,
        **filters: Unpack[Chosen],
    ) -> Export:
        """Write rows in another format, or for a training tool: those that are kept where the filters do not say otherwise.

        Args:
            format: messages, sharegpt, alpaca, trl, openai, axolotl, llamafactory, … (see `docs/files.md`).
            out: a file, whose ending chooses the container, or a folder.
            name: of the data sets in a folder.
            overwrite: replace what is there.
            filters: see `builder.Filters`.

        Returns:
            What was written, and the rows that the format has no place for, by cause.

        Raises:
            UsageError: an unknown format or ending, or something is there.
        """
        selection = chosen_samples(self.path, _filters(filters))
        planned = plan_export(selection, format, Path(out), name=name or self.path.resolve().name, overwrite=overwrite)
        planned.write()
        return planned

    def diff(self, other: "Dataset | str | os.PathLike[str] | None" = None, *, examples: int = 3) -> Comparison:
        """What differs: from another dataset, or from this one's decision before the last.

        Args:
            other: the one before.
            examples: rows shown of each change.
        """
        if other is None:
            return compare(self.path, limit=examples)
        return compare(other.path if isinstance(other, Dataset) else Path(other), self.path, limit=examples)

    def verify(self) -> list[Problem]:
        """Damaged, missing and extra files; an empty list means all is well."""
        return pipeline.verify(self.path)

    def status(self) -> Status:
        """What it holds, and how far its growth is."""
        return look(self.path)


def curate(
    data: Any,
    out: str | os.PathLike[str],
    *,
    settings: SettingsSource = None,
    columns: Mapping[str, str] | None = None,
    skip_broken: bool = False,
    progress: bool = False,
    **sections: Any,
) -> Dataset:
    """Import rows into a new dataset folder, decide every one, publish and report.

    Args:
        data: a file, several files, or what is in memory: a Polars or pandas frame, a `datasets.Dataset`, a pyarrow table or a
            list of objects.
        out: the new folder.
        settings: see this module.
        columns: our field → your column, such as {"instruction": "question"}.
        skip_broken: leave out rows that cannot be read, and count them.
        progress: show it on stderr.
        sections: see this module, such as novelty={"threshold": 0.8}.

    Raises:
        InputFileError: a file cannot be read.
        UsageError: a mistake in the settings, or the folder is there.
    """
    chosen, root = _settings(settings, sections), Path(out)
    files = _files(data)
    read = [open_table(data, root.name or "table")] if files is None else files
    outcome = pipeline.curate_files(read, chosen, root, _reporter(progress), columns, skip_broken=skip_broken)
    return _as_dataset(outcome)


def build(
    settings: SettingsSource = None,
    out: str | os.PathLike[str] | None = None,
    *,
    progress: bool = False,
    **sections: Any,
) -> Dataset:
    """Grow seed tasks into a dataset until the target is kept; called again, it goes on where it stopped.

    Args:
        settings: see this module.
        out: the folder; None is datasets_out/NAME.
        progress: show it on stderr.
        sections: see this module, such as target=1000, teacher={"provider": "openai", …}.

    Returns:
        The dataset; its `ending` says why it holds less than its target, where it does.

    Raises:
        UsageError: a mistake in the settings, or no target.
        EndpointError: the teacher cannot be used; what was received is kept.
    """
    chosen = _settings(settings, sections)
    root = Path("datasets_out", chosen.name) if out is None else Path(out)
    return _as_dataset(pipeline.build(chosen, root, _reporter(progress)))


def estimate(settings: SettingsSource = None, out: str | os.PathLike[str] | None = None, **sections: Any) -> Estimate:
    """What a build takes to its target: requests, tokens, cost and time; sends nothing.

    Args:
        settings: see this module.
        out: a folder that was begun: measured instead of assumed.
        sections: see this module.

    Raises:
        UsageError: a mistake in the settings, or no target.
    """
    return _estimate(_settings(settings, sections), None if out is None else Path(out))


def judge(
    dataset: Dataset | str | os.PathLike[str],
    *,
    settings: SettingsSource = None,
    kept_only: bool = False,
    again: bool = False,
    sample: int | None = None,
    progress: bool = False,
    **sections: Any,
) -> Judging:
    """Have the teacher mark the answers that have no mark yet; called again, it goes on where it stopped.

    Args:
        dataset: a dataset or its folder, whose own settings stay as they are.
        settings: in place of the folder's own, such as which teacher.
        kept_only: only rows that are kept.
        again: ask again where a reply could not be read.
        sample: mark so many in all, drawn at random.
        progress: show it on stderr.
        sections: see this module.

    Raises:
        UsageError: a mistake in the settings.
    """
    root = dataset.path if isinstance(dataset, Dataset) else Path(dataset)
    chosen = _settings(own_settings(DatasetFolder.open(root)) if settings is None else settings, sections)
    return judge_folder(root, chosen, (), _reporter(progress), kept_only=kept_only, again=again, sample=sample)


@consistent
def _rows(
    root: Path, filters: Filters, columns: Sequence[str], sort: str, descending: bool, limit: int | None
) -> pl.DataFrame:
    with Database.open(root) as database:
        return read_rows(database, filters, columns=columns, sort=sort, descending=descending, limit=limit)


@consistent
def _row(root: Path, row: int) -> Row:
    with Database.open(root) as database:
        return read_row(database, row)


@consistent
def _counts(root: Path, column: str, filters: Filters) -> list[Facet]:
    with Database.open(root) as database:
        return count_by(database, column, filters)


@consistent
def _query(root: Path, sql: str) -> pl.DataFrame:
    with Database.open(root) as database:
        return database.sql(sql)


@consistent
def _count(root: Path) -> int:
    return open_snapshot(root).count_samples()


def _filters(chosen: Chosen) -> Filters:
    try:
        return Filters(**chosen)
    except TypeError:
        known = sorted(Chosen.__annotations__)
        unknown = next(name for name in chosen if name not in known)
        raise UsageError(
            worded("there is no filter {unknown}", unknown=unknown),
            worded("There are: {known}.", known=", ".join(known)),
        ) from None


def _settings(settings: SettingsSource | Path, sections: Mapping[str, Any]) -> Settings:
    base = settings.model_dump(mode="json") if isinstance(settings, Settings) else None
    path = None if settings is None or base is not None else Path(os.fspath(settings))  # type: ignore[arg-type]
    return load_settings(path, flags=dict(_flat(sections)), base=base or MappingProxyType({}), by="argument")


def _flat(sections: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted keys of sections that are given as mappings, and their values as JSON has them."""
    for name, value in sections.items():
        if isinstance(value, Mapping) and name in Settings.model_fields and name in _SECTIONS:
            yield from ((f"{name}.{key}", _plain(one)) for key, one in value.items())
        else:
            yield name, _plain(value)


_SECTIONS = {name for name, field in Settings.model_fields.items() if hasattr(field.annotation, "model_fields")}


def _plain(value: Any) -> Any:
    """A value as a settings file would have it: paths as texts, tuples as lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return json.loads(json.dumps(value, default=_unknown)) if isinstance(value, list | tuple | Mapping) else value


def _unknown(value: object) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _files(data: Any) -> list[Path] | None:
    """The paths that are meant; None where it is what is in memory."""
    if isinstance(data, str | os.PathLike):
        return [Path(data)]
    if isinstance(data, list | tuple) and data and all(isinstance(one, str | os.PathLike) for one in data):
        return [Path(one) for one in data]
    return None


def _reporter(progress: bool) -> Reporter:
    return Reporter(quiet=not progress)


def _as_dataset(outcome: Outcome) -> Dataset:
    return Dataset(outcome.root, outcome.ending, outcome.left_out or ())
