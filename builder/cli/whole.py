"""Commands that do all of it: build, curate, publish, report, train, evaluate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    missing_training_packages,
    need_training_packages,
    print_evaluation,
    print_training,
    run_evaluation,
    run_training,
)
from builder.errors import UsageError
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.config import Settings
    from builder.pipeline import Outcome


def demo(
    out: Annotated[Path | None, typer.Option(help="The dataset folder [datasets_out/demo].")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the report: en or zh.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build, curate, train and evaluate, out of the box.

    Grows the 175 seeds with the embedded teacher into DIR-grown, curates them together with a file that has faults of every
    kind into DIR, publishes, reports, trains a tiny model from scratch and checks its answers: no key, no network, a few
    minutes on two cores. Without the packages of seedbed[train] it ends with the report.
    """
    from builder import pipeline
    from builder.store.shipped import shipped_file

    settings = read_settings(shipped_file("quickstart.yaml"), overrides, target=target, report__language=language)
    folder = out or OUTPUT_ROOT / settings.name
    grown = pipeline.build(settings, Path(f"{folder}-grown"), reporter(quiet))
    if not as_json or grown.ending is not None:
        print_outcome(grown, as_json)
    curated = _beside_a_file_of_faults(grown, folder, settings, quiet)
    if not (missing := missing_training_packages()):
        _train_and_judge(curated, settings, as_json, quiet)
        return
    print_outcome(curated, as_json)
    if not as_json:
        lacking = worded("without {missing} nothing is trained", missing=", ".join(missing))
        tell(
            worded(
                "open {report}; {lacking}: `pip install 'seedbed[train]'` adds a tiny model, trained on these rows and judged",
                report=curated.root / "report.html",
                lacking=lacking,
            )
        )


def _beside_a_file_of_faults(grown: "Outcome", folder: Path, settings: "Settings", quiet: bool) -> "Outcome":
    """Curate what was grown together with the shipped file; rows that are there already are decided again."""
    from builder import pipeline
    from builder.store.dataset_folder import DatasetFolder
    from builder.store.shipped import shipped_file

    brought = shipped_file("mixed_rows.jsonl")
    if not DatasetFolder(folder).manifest.exists():
        files = [*sorted((grown.root / "publish" / "data").glob("*.parquet")), brought]
        decided = settings.model_copy(update={"target": None})
        return pipeline.curate_files(files, decided, folder, reporter(quiet))
    outcome = pipeline.curate_folder(folder, None, (), reporter(quiet))
    rows = grown.report["rows"]["kept"] + len(brought.read_text(encoding="utf-8").splitlines())
    if outcome.report["rows"]["total"] != rows:
        raise UsageError(
            worded("{folder}: holds other rows than {root}", folder=folder, root=grown.root),
            worded("Move it away, or name another --out."),
        )
    return outcome


def run(
    settings_path: Annotated[Path, typer.Argument(help="The settings file.", metavar="SETTINGS")],
    out: Annotated[Path | None, typer.Option(help="The dataset folder [datasets_out/NAME].")] = None,
    target: Annotated[int | None, typer.Option(help="Grown rows to publish.")] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build, train and evaluate your settings."""
    from builder import pipeline

    need_training_packages()
    settings = read_settings(settings_path, overrides, target=target)
    outcome = pipeline.build(settings, out or OUTPUT_ROOT / settings.name, reporter(quiet))
    _train_and_judge(outcome, settings, as_json, quiet)


def _train_and_judge(outcome: "Outcome", settings: "Settings", as_json: bool, quiet: bool) -> None:
    if not as_json or outcome.ending is not None:
        print_outcome(outcome, as_json)
    run_folder, training = where_to_train(outcome.root)
    if training is None:
        run_training(outcome.root, run_folder, settings, quiet)
        training = describe_run(run_folder)
    if not as_json:
        print_training(training)
    evaluation = run_evaluation(run_folder, quiet, language=settings.report.language)
    if as_json:
        print_json({**summary(outcome), "training": training, "evaluation": evaluation.as_record()})
        return
    print_evaluation(evaluation)
    tell(
        worded(
            "open {root} and {run_folder}", root=outcome.root / "report.html", run_folder=run_folder / "evaluation.html"
        )
    )


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
    raise UsageError(
        worded("{run}: holds another run already", run=run),
        worded("Move it away, or train with `seedbed train` and --out."),
    )
