"""Commands that make, change, check and export datasets."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from builder.cli.options import (
    OUTPUT_ROOT,
    AsJson,
    ChangedFolder,
    Mapped,
    Overrides,
    Overwrite,
    Quiet,
    SettingsFile,
    SkipBroken,
    VerifiedFolder,
    ask_for_part,
    print_json,
    print_outcome,
    read_mapping,
    read_settings,
    reporter,
    tell,
)
from builder.cli.places import dataset_at, is_dataset, path_or_address, shown
from builder.errors import InputFileError, IntegrityError, UsageError
from builder.language.chinese import spoken
from builder.language.messages import worded


def init(
    path: Annotated[Path, typer.Argument(help="Where to write the settings.")] = Path("seedbed.yaml"),
    every: Annotated[bool, typer.Option("--all", help="Every setting, with its default and its meaning.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Print them instead.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a settings file to start from.

    It holds what most people set.
    """
    from builder.settings_file import describe_settings, first_settings
    from builder.store.files import write_text
    from builder.store.ownership import check_output

    text = describe_settings() if every else first_settings(spoken())
    if show:
        print(text, end="")
        return
    check_output(path, overwrite=overwrite)
    write_text(path, text)
    tell(
        worded(
            "{path}: written; `seedbed build {path} --target 100` grows a first dataset without key or network",
            path=path,
        )
    )


def build(
    settings_path: Annotated[Path | None, typer.Argument(help="The settings file.", metavar="SETTINGS")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    out: Annotated[Path | None, typer.Option(help="The dataset folder [datasets_out/NAME].")] = None,
    fork: Annotated[
        Path | None, typer.Option(help="A grown dataset folder: a new one starts from its replies.", metavar="DIR")
    ] = None,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Grow seed tasks into a dataset.

    Grows until exactly the target is kept after curation, then publishes and reports. Run again to go on where it stopped.
    """
    from builder import pipeline

    if settings_path is not None and settings is not None:
        raise UsageError(worded("the settings are given twice"), worded("Name the file once: `seedbed build FILE`."))
    read = read_settings(settings_path or settings, overrides, target=target)
    outcome = pipeline.build(read, out or OUTPUT_ROOT / read.name, reporter(quiet), fork=fork)
    print_outcome(outcome, as_json)


def curate(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Files, - for standard input, folders of `datasets` (DIR#split), names on the hub; or one dataset folder of "
            "ours; or their addresses.",
            metavar="FILE|DIR...",
            parser=path_or_address,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The new dataset folder, or its address (for files).", metavar="PATH", parser=path_or_address
        ),
    ] = None,
    mapping: Mapped = None,
    skip_broken: SkipBroken = False,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Files whose tasks must not be in the result (benchmarks).", metavar="FILE"),
    ] = None,
    redecide: Annotated[
        bool, typer.Option("--redecide", help="Decide from what was measured before, and measure nothing.")
    ] = False,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Decide which rows to keep, and why.

    Files are imported into a new dataset folder; a dataset folder is decided again in place.
    """
    from builder import pipeline
    from builder.formats.inputs import local_inputs, name_of

    progress = reporter(quiet)
    if len(inputs) == 1 and is_dataset(inputs[0]):
        if out is not None or mapping or skip_broken:
            if isinstance(inputs[0], Path) and not (inputs[0] / "seedbed.yaml").exists():
                raise InputFileError(
                    inputs[0], worded("a folder where a data file was expected"), remedy=worded("Name the files in it.")
                )
            raise UsageError(
                worded(
                    "{inputs}: a dataset folder is decided in place, without --out, --map and --skip-broken",
                    inputs=inputs[0],
                )
            )
        changes = list(overrides or ())
        if against:
            changes.append(f"contamination.against={json.dumps(against)}")
        with dataset_at(inputs[0], progress, use="change") as root:
            outcome = pipeline.curate_folder(root, settings, changes, progress, may_measure=not redecide)
    elif redecide:
        raise UsageError(
            worded("--redecide: decides a dataset folder again, not files"),
            worded("Run `seedbed curate DIR --redecide`."),
        )
    else:
        read = read_settings(settings, overrides, contamination__against=against)
        if settings is None and not any(o.startswith("name=") for o in overrides or ()):
            read = read.model_copy(update={"name": Path(out.name).stem if out else name_of(inputs[0])})
        with (
            local_inputs(inputs, progress, stdin=sys.stdin.buffer, ask=ask_for_part) as files,
            dataset_at(out or OUTPUT_ROOT / read.name, progress, use="make") as root,
        ):
            outcome = pipeline.curate_files(files, read, root, progress, read_mapping(mapping), skip_broken=skip_broken)
    print_outcome(outcome, as_json, None if outcome.left_out is None else {"left_out": outcome.left_out})


def report(
    folder: ChangedFolder,
    language: Annotated[str | None, typer.Option(help="en or zh; the folder's own setting by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report again, in en or zh."""
    from builder import pipeline

    outcome = pipeline.rewrite_report(folder, language)
    if as_json:
        print_json(outcome.report)
    else:
        print_outcome(outcome, as_json=False)


def verify(folder: VerifiedFolder, as_json: AsJson = False) -> None:
    """Find damaged, missing and extra files.

    Every file is held against the manifest, the ledger and the reviews against their own checksums.
    """
    from builder import pipeline

    problems = pipeline.verify(folder)
    remarks = pipeline.unchecked(folder) if not problems else []
    if as_json:
        listed = [{"path": p.path, "problem": p.problem} for p in problems]
        print_json({"ok": not problems, "problems": listed, "remarks": remarks})
    else:
        for remark in remarks:
            tell(remark)
        for problem in problems:
            tell(f"{shown(folder)}/{problem.path}: {problem.problem}")
    if problems:
        raise IntegrityError(
            worded(
                "{folder}: {problems} of its files are not as they were written",
                folder=shown(folder),
                problems=len(problems),
            )
        )
    if not as_json:
        tell(worded("{folder}: every file is as it was written", folder=shown(folder)))
