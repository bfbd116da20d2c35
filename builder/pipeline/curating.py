"""Deciding about rows that are there: files into a new folder, or a folder again in place."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.config import Settings
from builder.dataset_folder import DatasetFolder
from builder.errors import (
    UsageError,
)
from builder.files import write_text
from builder.formats.detection import describe
from builder.formats.importing import read_samples
from builder.pipeline.publishing import Outcome, decide_folder, finish, spending_of
from builder.pipeline.replacing import writing
from builder.progress import Reporter
from builder.settings_file import dump_settings, load_settings

_PROBLEMS_SHOWN = 20


def curate_files(
    files: Sequence[Path],
    settings: Settings,
    root: Path,
    reporter: Reporter,
    mapping: Mapping[str, str] | None = None,
) -> Outcome:
    """Import files into a new dataset folder, decide every row, publish.

    Raises:
        UsageError: the folder holds a dataset already, or a file cannot be read.
    """
    folder = DatasetFolder(root)
    if folder.settings.exists():
        raise UsageError(
            f"{root}: holds a dataset already",
            f"Choose another --out, or decide again in place with `seedbed curate {root}`.",
        )
    imported = read_samples(files, mapping=mapping, reporter=reporter)
    for detected in imported.detected:
        reporter.say(describe(detected, settings.report.language))
    for path, row, problem in imported.problems[:_PROBLEMS_SHOWN]:
        reporter.say(f"{path}, row {row}: {problem}")
    if len(imported.problems) > _PROBLEMS_SHOWN:
        reporter.say(f"… and {len(imported.problems) - _PROBLEMS_SHOWN} more such rows")
    with writing(folder):
        for part in (*folder.parts(folder.samples), *folder.parts(folder.rejections)):
            part.unlink()  # an import that was cut short: without settings it is no dataset yet
        folder.write_samples(imported.samples)
        del imported  # a million samples are some GB, and all that follows reads the folder
        write_text(folder.settings, dump_settings(settings))
        decision = decide_folder(folder, settings, reporter)
        return Outcome(root, finish(folder, settings, decision, reporter))


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
        decision = decide_folder(folder, settings, reporter, may_measure=may_measure)
        folder.manifest.unlink(missing_ok=True)
        write_text(folder.settings, dump_settings(settings))
        return Outcome(root, finish(folder, settings, decision, reporter, spending_of(folder)))
