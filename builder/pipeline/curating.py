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
from builder.language.chinese import spoken
from builder.language.labels import named_mends
from builder.pipeline.measuring import read_benchmark
from builder.pipeline.publishing import Outcome, decide_folder, finish, spending_of
from builder.pipeline.replacing import complete_replacement, staged_in, writing
from builder.progress import Reporter, Step
from builder.schema import Sample
from builder.settings_file import dump_settings, load_settings
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
            f"{folder.root}: holds a dataset already",
            f"Choose another --out, decide again in place with `seedbed curate {folder.root}`, or add files to it with "
            f"`seedbed add {folder.root} FILE`.",
        )


def import_files(files: SampleFiles, folder: DatasetFolder, reporter: Reporter) -> int:
    """Append files' samples to a folder as they are read, and say how the files are read and what is odd about their rows.

    Returns:
        How many there were.

    Raises:
        InputFileError: some rows of a file are broken; parts that were written before are still there.
    """
    for detected in files.detected:
        reporter.say(describe(detected, spoken()))
        for one in detected.differing:
            reporter.say(
                f"{detected.path.name}: rows in which '{visible(one.read)}' and '{visible(one.other)}' say different things:"
                f" {one.rows:,}, row {one.first} being the first; '{visible(one.read)}' is read"
            )
    problems: list[RowProblem] = []
    more = 0

    def note(problem: RowProblem) -> None:
        nonlocal more
        if len(problems) < _PROBLEMS_SHOWN:
            problems.append(problem)
        else:
            more += 1

    with reporter.step("Importing", total=files.rows) as step:
        samples = files.samples(first_row=folder.count_samples(), note=note)
        written = folder.write_samples(_counted(samples, step))
        step.set(written)
    for path, row, problem in problems:
        reporter.say(f"{path}, row {row}: {problem}")
    if more:
        reporter.say(f"… and {more} more such rows")
    for place, (detected, tally) in enumerate(zip(files.detected, files.tallies, strict=True)):
        _tell(detected.path.name, tally, reporter)
        if tally.keys:
            reporter.say(describe_unread(detected.path.name, tally.keys, spoken()))
        _tell_left_out(detected.path, tally, files.broken(place), reporter)
    return written


def _tell_left_out(path: Path, tally: Tally, broken: Sequence[Cause], reporter: Reporter) -> None:
    """Say which rows of a file became no sample, and why; the counts close."""
    left, lost, read = tally.left_out.rows, sum(cause.rows for cause in broken), tally.seen["read"]
    for cause in sorted((*tally.left_out.listed(), *broken)):
        text = f"{path}, row {cause.row}: {cause.problem}"
        reporter.say(f"{text} (and {cause.rows - 1:,} more like it)" if cause.rows > 1 else text)
    if left or lost:
        reporter.say(
            f"{path.name}: {read + left + lost:,} rows: {read:,} read, {left:,} left out because a sample cannot hold them, "
            f"{lost:,} left out as broken"
        )


def _tell(name: str, tally: Tally, reporter: Reporter) -> None:
    """Say what a file holds that is not taken as it stands."""
    seen = tally.seen
    if bad := seen["labelled_bad"]:
        reporter.say(
            f"{name}: rows labelled as bad: {bad:,}; their answers are not published as good ones, and"
            f" {seen['given_rejected']:,} good answers to the same prompts have one of them as `rejected`;"
            " if the labels say something else, use --map category=label"
        )
    if seen["unread_label"]:
        reporter.say(
            f"{name}: labels of 1 and 0 are not read; if they say which answers are good and which are bad, use --map label=label"
        )
    if untrained := seen["not_trained"]:
        reporter.say(
            f"{name}: rows with turns of weight 0 (train: false): {untrained:,}; these turns are not trained on"
        )
    if reasoning := seen["reasoning"]:
        reporter.say(
            f"{name}: rows with reasoning: {reasoning:,}; it is kept apart from the answers and not trained on yet"
        )
    if mended := seen["mended"]:
        kinds = {key.removeprefix("mended:"): rows for key, rows in seen.items() if key.startswith("mended:")}
        reporter.say(f"{name}: mended: {mended:,} row{'s' if mended != 1 else ''} ({named_mends(kinds, spoken())})")
    if pictures := seen["pictures"]:
        reporter.say(
            f"{name}: rows with pictures: {pictures:,}; they are kept by path or address, and not trained on here"
        )
    if missing := seen["nan"]:
        reporter.say(f"{name}: rows with NaN: {missing:,}; it is read as no value")
    if left_out := tell_left_out(tally.inside, spoken()):
        reporter.say(f"{name}: left out: {left_out}")


def _counted(samples: Iterator[Sample], step: Step) -> Iterator[Sample]:
    for number, sample in enumerate(samples, 1):
        yield sample
        if number % _ROWS_AT_ONCE == 0:
            step.set(number)


def curate_folder(
    root: Path,
    settings_file: Path | None,
    overrides: Sequence[str],
    reporter: Reporter,
    *,
    may_measure: bool = True,
) -> Outcome:
    """Decide a dataset folder's rows again, in place: signals are measured once, only verdicts are rewritten.

    Args:
        settings_file: None is the folder's own.
        overrides: `key=value` settings on top of it.
        may_measure: False decides from what is there, with the same result.

    Raises:
        UsageError: something would have to be measured that may not.
    """
    folder = DatasetFolder.open(root)
    with writing(folder):
        settings = load_settings(settings_file or folder.settings, overrides)
        folder.check(folder.samples)
        spending = spending_of(folder)
        decision = decide_folder(folder, settings, reporter, may_measure=may_measure)
        folder.withdraw_manifest()
        write_text(folder.settings, dump_settings(settings))
        return Outcome(root, finish(folder, settings, decision, reporter, spending))
