"""Commands of the trainer; torch is loaded inside them and nowhere else in the builder."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import (
    OUTPUT_ROOT,
    AsJson,
    ChangedFolder,
    Folder,
    Overrides,
    Overwrite,
    Quiet,
    SettingsFile,
    print_json,
    read_settings,
    reporter,
    say,
    tell,
)
from builder.cli.places import shown
from builder.errors import InputFileError, UsageError
from builder.language.chinese import spoken
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.config import Settings
    from builder.language import Language
    from trainer.evaluation import Evaluation


def train(
    folder: Folder,
    model: Annotated[str | None, typer.Option(help="A Hugging Face name, a path, or scratch:tiny.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder [DIR-run].")] = None,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train, with loss on the answers only.

    Run the same command again to go on where an interrupted run kept its last checkpoint. `torchrun --nproc_per_node N -m builder
    train …` trains on several GPUs.
    """
    read = folder_settings(folder, settings, overrides, model)
    out = out or default_run(folder)
    run_training(folder, out, read, quiet)
    if not is_first_process():
        return
    if as_json:
        print_json(describe_run(out))
    else:
        print_training(describe_run(out))


def score(
    folder: ChangedFolder,
    model: Annotated[str, typer.Option(help="A Hugging Face name, a model folder, or a run of `seedbed train`.")],
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how hard each answer is for a model.

    The loss of the last answer with and without its instruction, in signals/loss.parquet. Run again to go on where it
    stopped, or after rows were added.
    """
    read = folder_settings(folder, settings, overrides, model)
    need_training_packages()
    from builder.pipeline.replacing import writing
    from trainer.scoring import score_folder

    scoring = score_folder(folder, read.train, reporter=reporter(quiet), hold=writing)
    if as_json:
        print_json(scoring.as_record())
        return
    tally = scoring.tally
    tell(
        worded(
            "{folder}: {tally}; {before:,} of {rows:,} were scored before",
            folder=shown(folder),
            tally=tally.describe(),
            before=scoring.before,
            rows=scoring.rows,
        )
    )
    tell(
        worded(
            "  median ifd {median_ifd:.3f}; {unhelped:,} rows at 1 or above: the instruction is no help",
            median_ifd=scoring.median_ifd,
            unhelped=scoring.unhelped,
        )
    )
    say(f"  {scoring.path}")


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder made by `seedbed train`.", metavar="RUN")],
    max_rows: Annotated[int | None, typer.Option(min=1, help="At most so many validation rows.")] = None,
    language: Annotated[str, typer.Option(help="Language of evaluation.html: en or zh.")] = "en",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check a trained model on held-out rows.

    Held-out loss and checked answers: base beside tuned, beside the best constant guess for each family.
    """
    if language not in ("en", "zh"):
        raise UsageError(worded("--language {language}: expected en or zh", language=language))
    evaluation = run_evaluation(run, quiet, max_rows, "zh" if language == "zh" else "en")
    if as_json:
        print_json(evaluation.as_record())
    else:
        print_evaluation(evaluation)


def preview_mask(
    folder: Folder,
    model: Annotated[str | None, typer.Option(help="A Hugging Face name, a path, or scratch:tiny.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows.")] = 3,
    html: Annotated[Path | None, typer.Option(help="Write a page instead of printing.")] = None,
    overwrite: Overwrite = False,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show which tokens are trained on.

    Coloured on a terminal, in [brackets] elsewhere.
    """
    from builder.store.files import write_text
    from builder.store.ownership import check_output

    if html is not None:
        check_output(html, overwrite=overwrite)
    read = folder_settings(folder, settings, overrides, model)
    need_training_packages()
    from trainer.preview import preview_folder

    preview = preview_folder(folder, read.train, rows)
    if as_json:
        print_json(preview.as_record())
    elif html is not None:
        write_text(html, preview.html())
        print(html)
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(preview.text(colour=colour, language=spoken()), end="")


def folder_settings(folder: Path, settings: Path | None, overrides: list[str] | None, model: str | None) -> "Settings":
    """The settings given, else those the dataset folder was made with."""
    own = folder / "seedbed.yaml"
    if settings is None and not own.is_file():
        raise InputFileError(folder, worded("not a dataset folder: it holds no seedbed.yaml"))
    return read_settings(settings or own, overrides, train__model=model)


def default_run(folder: Path) -> Path:
    """Where a run goes if it is not said: beside the dataset folder, or in `datasets_out` if that is at an address."""
    return Path(f"{folder}-run") if shown(folder) == str(folder) else OUTPUT_ROOT / f"{folder.name}-run"


def run_training(folder: Path, out: Path, settings: "Settings", quiet: bool) -> None:
    """Train; the caller prints."""
    need_training_packages()
    from trainer.model import saving
    from trainer.sft import train as train_model

    language = settings.report.language
    quiet = quiet or not is_first_process()
    with saving(out):
        train_model(folder, out, settings.train, seed=settings.seed, reporter=reporter(quiet), language=language)


def is_first_process() -> bool:
    """Whether this is the one that speaks, of those that `torchrun` or `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"


def run_evaluation(run: Path, quiet: bool, max_rows: int | None = None, language: "Language" = "en") -> "Evaluation":
    """Evaluate; the caller prints."""
    if not (run / "run.json").is_file():  # before torch is loaded, which takes seconds
        raise InputFileError(
            run, worded("not a finished run: it holds no run.json"), remedy=worded("`seedbed train` makes one.")
        )
    need_training_packages()
    from trainer.evaluation import evaluate as evaluate_run

    return evaluate_run(run, reporter=reporter(quiet), max_rows=max_rows, language=language)


def describe_run(run: Path) -> dict[str, Any]:
    """What people and scripts want to know of a finished run, from its record."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return {
        "out": str(run),
        "manifest_sha256": record["dataset"]["manifest_sha256"],
        "rows_sha256": record["dataset"].get("rows_sha256"),
        "rows": record["rows"]["train"]["used"],
        **{key: record[key] for key in ("steps", "train_loss", "validation_loss", "seconds", "stopped_early")},
        "parameters": record["parameters"],
        "loss_curve": str(run / "loss.svg"),
    }


def print_training(run: dict[str, Any]) -> None:
    """Rows, steps, losses."""
    held_out = (
        worded(", validation {validation_loss:.3f}", validation_loss=run["validation_loss"])
        if run["validation_loss"] is not None
        else ""
    )
    early = " (stopped by train.max_minutes)" if run["stopped_early"] else ""
    tell(
        worded(
            "{out}: {rows:,} rows, {steps:,} steps in {seconds:.0f} s{early}",
            out=run["out"],
            rows=run["rows"],
            steps=run["steps"],
            seconds=run["seconds"],
            early=early,
        )
    )
    tell(
        worded(
            "  {all:,} parameters, {trained:,} of them trained",
            all=run["parameters"]["all"],
            trained=run["parameters"]["trained"],
        )
    )
    tell(
        worded(
            "  loss: train {train_loss:.3f}{held_out}; curve in {loss_curve}",
            train_loss=run["train_loss"],
            held_out=held_out,
            loss_curve=run["loss_curve"],
        )
    )


def print_evaluation(evaluation: "Evaluation") -> None:
    """Losses and a table of checked answers, one line for each family and language."""
    tell(
        worded(
            "held-out loss  base {base:.3f}  tuned {tuned:.3f}", base=evaluation.loss.base, tuned=evaluation.loss.tuned
        )
    )
    if not evaluation.cells:
        tell(
            worded(
                "no answer can be checked: none of the {rows:,} held-out rows has an answer key", rows=evaluation.rows
            )
        )
        return
    say(f"{'family':28} {'lang':4} {'n':>5} {'constant':>9} {'untrained':>10} {'trained':>8}")
    for cell in evaluation.cells:
        shares = [f"{count / cell.n:.0%}" for count in (cell.constant, cell.base, cell.tuned)]
        say(f"{cell.family:28} {cell.language:4} {cell.n:5} {shares[0]:>9} {shares[1]:>10} {shares[2]:>8}")
    scores = [evaluation.total(who) for who in ("constant", "base", "tuned")]
    shares = [f"{score.share:.1%}" for score in scores]
    say(f"{'all':28} {'':4} {scores[0].n:5} {shares[0]:>9} {shares[1]:>10} {shares[2]:>8}")
    low, high = scores[2].interval
    tell(
        worded(
            "trained: {right} of {n} right, with an interval of 95 %: {low:.1%} to {high:.1%}",
            right=scores[2].right,
            n=scores[2].n,
            low=low,
            high=high,
        )
    )
    if evaluation.rows_without_key:
        tell(
            worded(
                "{rows_without_key:,} held-out rows have no answer key and are in the loss only",
                rows_without_key=evaluation.rows_without_key,
            )
        )


def missing_training_packages() -> list[str]:
    """The trainer's packages that are not installed."""
    return [name for name in ("torch", "transformers", "trl", "peft") if importlib.util.find_spec(name) is None]


def need_training_packages() -> None:
    """Say what to install where the trainer's packages are missing."""
    if missing := missing_training_packages():
        raise UsageError(
            worded("training needs {missing}", missing=", ".join(missing)), worded("pip install 'seedbed[train]'")
        )
