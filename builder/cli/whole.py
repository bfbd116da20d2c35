"""Commands that do all of it: build, curate, publish, report, train, evaluate."""

from pathlib import Path
from typing import Annotated

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
)
from builder.cli.training import describe_training, print_evaluation, print_training, run_evaluation, run_training


def demo(
    out: Annotated[Path | None, typer.Option(help="The dataset folder [datasets_out/demo].")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the report: en or zh.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Grow the 175 seeds, curate, publish, report, train a tiny model and evaluate it: no key, no network, minutes."""
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
    """Build, train and evaluate with one settings file."""
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

    settings = read_settings(settings_path, overrides, target=target, report__language=language)
    folder = out or OUTPUT_ROOT / settings.name
    run_folder = Path(f"{folder}-run")
    outcome = pipeline.build(settings, folder, reporter(quiet))
    if not as_json or outcome.ending is not None:
        print_outcome(outcome, as_json)
    trained = run_training(folder, run_folder, settings, quiet)
    if not as_json:
        print_training(trained)
    evaluation = run_evaluation(run_folder, quiet)
    if as_json:
        training = describe_training(trained)
        print_json({**summary(outcome), "training": training, "evaluation": evaluation.as_record()})
        return
    print_evaluation(evaluation)
    print(f"open {outcome.root / 'report.html'} and {run_folder / 'evaluation.html'}")
