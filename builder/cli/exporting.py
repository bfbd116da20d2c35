"""The command that writes rows for other tools."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import (
    AsJson,
    Category,
    Folder,
    Kept,
    Language,
    Mended,
    Origin,
    Overwrite,
    Reason,
    Rows,
    Search,
    Split,
    print_json,
    reporter,
    tell,
)
from builder.cli.places import path_or_address
from builder.errors import UsageError

if TYPE_CHECKING:
    from builder.formats.writing import Export, Numbers
    from builder.progress import Reporter
    from builder.queries.selecting import Selection
    from builder.schema import Sample


def export(
    folder: Folder,
    format: Annotated[
        str,
        typer.Option(
            help="messages, sharegpt, prompt_completion, alpaca, trl, unsloth, openai, axolotl, llamafactory or ms-swift."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write, or its address; its suffix chooses the container. Or a folder, for several files.",
            metavar="PATH",
            parser=path_or_address,
        ),
    ],
    kept: Kept = None,
    reason: Reason = None,
    category: Category = None,
    language: Language = None,
    origin: Origin = None,
    search: Search = None,
    mended: Mended = False,
    rows: Rows = None,
    split: Split = "all",
    name: Annotated[str | None, typer.Option(help="Of the data sets in a folder [the dataset folder's].")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing where a row would be left out.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write rows in another format, or for a training tool: the kept ones, or a selection.

    What the format has no place for is said before anything is written.
    """
    from builder.formats.writing import plan_export
    from builder.queries.selecting import Filters, chosen_samples
    from builder.store.object_store import file_for

    filters = Filters(
        kept=kept,
        reason=reason,
        category=category,
        language=language,
        origin=origin,
        search=search,
        mended=mended,
        rows=rows,
        split=split,
    )
    progress = reporter(as_json)
    with file_for(out, progress, overwrite=overwrite) as path:
        selection = chosen_samples(folder, filters)
        if not as_json and selection.dropped and kept is None and reason is None:
            tell(f"{selection.dropped:,} of these rows were dropped by curation; --kept leaves them out")
        named = name or folder.resolve().name + ("" if split == "all" else f"_{split}")
        samples = _Watched(selection, progress)
        plan = plan_export(samples, format, path, name=named, overwrite=overwrite)
        if plan.left_out and (strict or not plan.rows):
            causes = "\n".join(f"  - {_cause(why, numbers)}" for why, numbers in plan.left_out.items())
            raise UsageError(
                f"{out}: {len(plan.skipped):,} of {len(selection):,} rows cannot be written, so nothing was:\n{causes}",
                "Choose other rows, or another format."
                if not plan.rows
                else "Without --strict the others are written.",
            )
        if not as_json:
            _tell_before(plan)
        plan.write()
    _tell_written(plan, out, path, as_json)


# Rows: fewer take a second at most.
_WORTH_A_BAR = 5_000


class _Watched:
    """Samples, with a bar for each time that they are read."""

    def __init__(self, samples: "Selection", progress: "Reporter") -> None:
        self._samples, self._progress, self._read = samples, progress, False

    def __iter__(self) -> "Iterator[Sample]":
        if len(self._samples) < _WORTH_A_BAR:
            yield from self._samples
            return
        begun, self._read = self._read, True
        label = "Writing rows" if begun else "Looking at rows"
        with self._progress.step(label, total=len(self._samples)) as step:
            for number, sample in enumerate(self._samples, 1):
                if number % 1000 == 0 or number == len(self._samples):
                    step.set(number)
                yield sample


def _cause(why: str, numbers: "Numbers") -> str:
    if len(numbers) == 1:
        return f"row {numbers[0]} left out: {why}"
    return f"{len(numbers):,} rows left out, first row {numbers[0]}: {why}"


def _tell_before(plan: "Export") -> None:
    for why, numbers in plan.left_out.items():
        tell(_cause(why, numbers))
    for what, numbers in plan.remarks.items():
        tell(f"{len(numbers):,} rows to look at, first row {numbers[0]}: {what}")
    for what in plan.advice:
        tell(what)


def _tell_written(plan: "Export", out: Path, path: Path, as_json: bool) -> None:
    def at(file: Path) -> str:
        """Where a file is for the user, who may have named an address."""
        return str(out) if file == path else str(out / file.name)

    if as_json:
        causes = [{"why": why, "rows": len(n), "first": n[0]} for why, n in plan.left_out.items()]
        remarks = [{"what": what, "rows": len(n), "first": n[0]} for what, n in plan.remarks.items()]
        files = [
            {
                "path": at(file.path),
                "rows": file.rows,
                "tokens": file.tokens or None,
                "trains_with": plan.target.trains_with(file) or None,
            }
            for file in plan.files
        ]
        skipped = [{"row": row, "why": why} for row, why in plan.skipped]
        facts = {"path": str(out), "rows": plan.rows, "files": files, "causes": causes, "remarks": remarks}
        print_json(facts | {"advice": plan.advice, "skipped": skipped})
        return
    if len(plan.files) != 1:
        tell(f"{out}: {plan.rows:,} rows")
    for file in plan.files:
        how = plan.target.trains_with(file)
        tell(f"{at(file.path)}: {file.rows:,} rows for {how}" if how else f"{at(file.path)}: {file.rows:,} rows")
        if file.tokens:
            tell(f"about {file.tokens:,} tokens, counted by characters")
