"""Commands that do all of it: build, curate, publish, report, train, evaluate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from builder.cli.options import (
    OUTPUT_ROOT,
    AsJson,
    Overrides,
    Quiet,
    print_json,
    print_outcome,
    read_settings,
    reporter,
    summary,
    tell,
)
from builder.cli.training import (
    describe_run,
    need_training_packages,
    print_evaluation,
    print_training,
    run_evaluation,
    run_training,
)
from builder.errors import UsageError


def demo(
    out: Annotated[Path | None, typer.Option(help="The dataset folder [datasets_out/demo].")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the report: en or zh.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build, train and evaluate, out of the box.

    Grows the 175 seeds with the embedded teacher, curates, publishes, reports, trains a tiny model from scratch and checks
    its answers: no key, no network, a few minutes on two cores.
    """
    from builder.generation.seeds import shipped_file

    _run_all(shipped_file("quickstart.yaml"), out, target, language, overrides, as_json, quiet)


def run(
    settings_path: Annotated[Path, typer.Argument(help="The settings file.", metavar="SETTINGS")],
    out: Annotated[Path | None, typer.Option(help="The dataset folder [datasets_out/NAME].")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build, train and evaluate your settings."""
    _run_all(settings_path, out, target, None, overrides, as_json, quiet)


def _run_all(
    settings_path: Path,
    out: Path | None,
    target: int | None,
    language: str | None,
    overrides: list[str] | None,
    as_json: bool,
    quiet: bool,
) -> None:
    from builder import pipeline

    need_training_packages()  # before anything is grown
    settings = read_settings(settings_path, overrides, target=target, report__language=language)
    folder = out or OUTPUT_ROOT / settings.name
    outcome = pipeline.build(settings, folder, reporter(quiet))
    if not as_json or outcome.ending is not None:
        print_outcome(outcome, as_json)
    run_folder, training = where_to_train(folder)
    if training is None:
        run_training(folder, run_folder, settings, quiet)
        training = describe_run(run_folder)
    if not as_json:
        print_training(training)
    evaluation = run_evaluation(run_folder, quiet, language=settings.report.language)
    if as_json:
        print_json({**summary(outcome), "training": training, "evaluation": evaluation.as_record()})
        return
    print_evaluation(evaluation)
    tell(f"open {outcome.root / 'report.html'} and {run_folder / 'evaluation.html'}")


def where_to_train(folder: Path) -> tuple[Path, dict[str, Any] | None]:
    """Where to train on a dataset, and what is there if that was done: a finished run on the same rows is not repeated."""
    from trainer.checkpoints import rows_of_unfinished
    from trainer.data import read_published

    rows = read_published(folder).rows_hash
    for run in (Path(f"{folder}-run"), Path(f"{folder}-run-{rows[:8]}")):
        if not (run / "run.json").exists():
            if rows_of_unfinished(run) in (None, rows):
                return run, None
            continue
        described = describe_run(run)
        if described["rows_sha256"] == rows:
            return run, described
    raise UsageError(f"{run}: holds another run already", "Move it away, or train with `seedbed train` and --out.")
