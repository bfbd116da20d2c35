"""Deciding about rows that are there: files into a new folder, or a folder again in place."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from builder.config import Settings
from builder.errors import UsageError
from builder.formats.detection import describe
from builder.formats.importing import RowProblem, SampleFiles, open_samples
from builder.formats.left_out import tell_left_out
from builder.formats.reading import RowFile
from builder.formats.rows import Cause
from builder.formats.tally import Tally
from builder.formats.unread import describe_unread
from builder.language.labels import named_mends
from builder.language.messages import worded
from builder.pipeline.measuring import read_benchmark
from builder.pipeline.own_settings import own_settings
from builder.pipeline.publishing import Outcome, decide_folder, finish, spending_of
from builder.pipeline.replacing import complete_replacement, deciding, staged_in, writing
from builder.progress import Reporter, Step
from builder.schema import Sample
from builder.settings_file import as_settings, dump_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_text
from builder.store.ownership import NOT_YET, check_folder, others_in
from builder.text import visible

_PROBLEMS_SHOWN = 20
_ROWS_AT_ONCE = 1_000  # that progress is told of


def curate_files(
    files: Sequence[Path | RowFile],
    settings: Settings,
    root: Path,
    reporter: Reporter,
    mapping: Mapping[str, str] | None = None,
    *,
    skip_broken: bool = False,
) -> Outcome:
    """Import files into a new dataset folder, decide every row, publish; whole or not at all.

    Args:
        files: paths, and tables in memory that `formats.objects.open_table` opened.
        skip_broken: leave out rows that cannot be read, and say how many there are and why.

    Raises:
        UsageError: the folder holds a dataset or other files, or a file cannot be read.
    """
    folder = DatasetFolder(root)
    check_folder(root)
    if not DatasetFolder(
        folder.staging
    ).manifest.exists():  # else a run that was cut short at its very end is completed first
        _refuse_dataset(folder)
    opened = open_samples(files, mapping=mapping, skip_broken=skip_broken, mends=settings.mend.kinds, reporter=reporter)
    read_benchmark(settings, Reporter(quiet=True))
    with writing(folder):
        _refuse_dataset(folder)
        staged = staged_in(folder)
        try:
            import_files(opened, staged, reporter)
            write_text(staged.settings, dump_settings(settings))
            decision = decide_folder(staged, settings, reporter)
            report = finish(staged, settings, decision, reporter)
        finally:
            complete_replacement(folder)
        return Outcome(root, report, left_out=opened.left_out())


def _refuse_dataset(folder: DatasetFolder) -> None:
    if others_in(folder.root, but=NOT_YET):
        raise UsageError(
            worded("{root}: holds a dataset already", root=folder.root),
            worded(
                "Choose another --out, decide again in place with `seedbed curate {root}`, or add files to it "
                "with `seedbed add {root} FILE`.",
                root=folder.root,
            ),
        )


def import_files(files: SampleFiles, folder: DatasetFolder, reporter: Reporter) -> int:
    """Append files' samples to a folder as they are read, and say how the files are read and what is odd about their rows.

    Returns:
        How many there were.

    Raises:
        InputFileError: some rows of a file are broken; parts that were written before are still there.
    """
    for detected in files.detected:
        reporter.say(describe(detected, reporter.language))
        for one in detected.differing:
            reporter.say(
                worded(
                    "{name}: rows in which '{read}' and '{other}' say different things: {rows:,}, row {first} being "
                    "the first; '{read}' is read",
                    name=detected.path.name,
                    read=visible(one.read),
                    other=visible(one.other),
                    rows=one.rows,
                    first=one.first,
                )
            )
    problems: list[RowProblem] = []
    more = 0

    def note(problem: RowProblem) -> None:
        nonlocal more
        if len(problems) < _PROBLEMS_SHOWN:
            problems.append(problem)
        else:
            more += 1

    with reporter.step(worded("Importing"), total=files.rows) as step:
        samples = files.samples(first_row=folder.count_samples(), note=note)
        written = folder.write_samples(_counted(samples, step))
        step.set(written)
    for path, row, problem in problems:
        reporter.say(worded("{path}, row {row}: {problem}", path=path, row=row, problem=problem))
    if more:
        reporter.say(worded("… and {more} more such rows", more=more))
    for place, (detected, tally) in enumerate(zip(files.detected, files.tallies, strict=True)):
        _tell(detected.path.name, tally, reporter)
        if tally.keys:
            reporter.say(describe_unread(detected.path.name, tally.keys, reporter.language))
        _tell_left_out(detected.path, tally, files.broken(place), reporter)
    return written


def _tell_left_out(path: Path, tally: Tally, broken: Sequence[Cause], reporter: Reporter) -> None:
    """Say which rows of a file became no sample, and why; the counts close."""
    left, lost, read = tally.left_out.rows, sum(cause.rows for cause in broken), tally.seen["read"]
    for cause in sorted((*tally.left_out.listed(), *broken)):
        text = f"{path}, row {cause.row}: {cause.problem}"
        reporter.say(
            worded("{text} (and {rows:,} more like it)", text=text, rows=cause.rows - 1) if cause.rows > 1 else text
        )
    if left or lost:
        reporter.say(
            worded(
                "{name}: {read:,} rows: {read_2:,} read, {left:,} left out because a sample cannot hold them, "
                "{lost:,} left out as broken",
                name=path.name,
                read=read + left + lost,
                read_2=read,
                left=left,
                lost=lost,
            )
        )


def _tell(name: str, tally: Tally, reporter: Reporter) -> None:
    """Say what a file holds that is not taken as it stands."""
    seen = tally.seen
    if bad := seen["labelled_bad"]:
        reporter.say(
            worded(
                "{name}: rows labelled as bad: {bad:,}; their answers are not published as good ones, and "
                "{given_rejected:,} good answers to the same prompts have one of them as `rejected`; if the "
                "labels say something else, use --map category=label",
                name=name,
                bad=bad,
                given_rejected=seen["given_rejected"],
            )
        )
    if seen["unread_label"]:
        reporter.say(
            worded(
                "{name}: labels of 1 and 0 are not read; if they say which answers are good and which are bad, "
                "use --map label=label",
                name=name,
            )
        )
    if untrained := seen["not_trained"]:
        reporter.say(
            worded(
                "{name}: rows with turns of weight 0 (train: false): {untrained:,}; these turns are not trained on",
                name=name,
                untrained=untrained,
            )
        )
    if reasoning := seen["reasoning"]:
        reporter.say(
            worded(
                "{name}: rows with reasoning: {reasoning:,}; it is kept apart from the answers and not trained on yet",
                name=name,
                reasoning=reasoning,
            )
        )
    if mended := seen["mended"]:
        kinds = {key.removeprefix("mended:"): rows for key, rows in seen.items() if key.startswith("mended:")}
        reporter.say(
            worded(
                "{name}: mended: {mended:,} rows ({named_mends})",
                one="{name}: mended: {mended:,} row ({named_mends})",
                mended=mended,
                name=name,
                named_mends=named_mends(kinds, reporter.language),
            )
        )
    if pictures := seen["pictures"]:
        reporter.say(
            worded(
                "{name}: rows with pictures: {pictures:,}; they are kept by path or address, and not trained on here",
                name=name,
                pictures=pictures,
            )
        )
    if missing := seen["nan"]:
        reporter.say(worded("{name}: rows with NaN: {missing:,}; it is read as no value", name=name, missing=missing))
    if left_out := tell_left_out(tally.inside, reporter.language):
        reporter.say(worded("{name}: left out: {left_out}", name=name, left_out=left_out))


def _counted(samples: Iterator[Sample], step: Step) -> Iterator[Sample]:
    for number, sample in enumerate(samples, 1):
        yield sample
        if number % _ROWS_AT_ONCE == 0:
            step.set(number)


def curate_folder(
    root: Path,
    settings_source: Settings | Path | None,
    overrides: Sequence[str],
    reporter: Reporter,
    *,
    may_measure: bool = True,
) -> Outcome:
    """Decide a dataset folder's rows again, in place: signals are measured once, only verdicts are rewritten.

    Args:
        settings_source: settings, or a file of them; None is the folder's own.
        overrides: `key=value` settings on top of a file's.
        may_measure: False decides from what is there, with the same result.

    Raises:
        UsageError: something would have to be measured that may not.
    """
    folder = DatasetFolder.open(root)
    with writing(folder):
        settings = as_settings(settings_source, overrides) if settings_source else own_settings(folder, overrides)
        folder.check(folder.samples)
        spending = spending_of(folder)
        with deciding(folder) as staged:
            decision = decide_folder(staged, settings, reporter, may_measure=may_measure)
            write_text(staged.settings, dump_settings(settings))
            report = finish(staged, settings, decision, reporter, spending)
        return Outcome(root, report)
