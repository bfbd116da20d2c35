"""The command that writes rows for other tools."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.choosing import with_filters
from builder.cli.options import AsJson, Folder, Overwrite, print_json, reporter, tell
from builder.cli.places import path_or_address
from builder.errors import UsageError
from builder.language.messages import listed, worded

if TYPE_CHECKING:
    from builder.formats.writing import Export, Numbers
    from builder.progress import Reporter
    from builder.queries.selecting import Filters, Selection
    from builder.schema import Sample


@with_filters
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
    filters: "Filters",
    name: Annotated[str | None, typer.Option(help="Of the data sets in a folder [the dataset folder's].")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing where a row would be left out.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write rows in another format, or for a training tool: the kept ones, or a selection.

    What the format has no place for is said before anything is written.
    """
    from builder.formats.writing import plan_export
    from builder.queries.selecting import chosen_samples
    from builder.store.object_store import file_for

    progress = reporter(as_json)
    with file_for(out, progress, overwrite=overwrite) as path:
        selection = chosen_samples(folder, filters)
        if not as_json and selection.dropped and filters.kept is None and filters.reason is None:
            tell(
                worded(
                    "{dropped:,} of these rows were dropped by curation; --kept leaves them out",
                    dropped=selection.dropped,
                )
            )
        named = name or folder.resolve().name + ("" if filters.split == "all" else f"_{filters.split}")
        samples = _Watched(selection, progress)
        plan = plan_export(samples, format, path, name=named, overwrite=overwrite)
        if plan.left_out and (strict or not plan.rows):
            causes = listed(
                [listed(["  - ", _cause(why, numbers)], "") for why, numbers in plan.left_out.items()], "\n"
            )
            raise UsageError(
                worded(
                    "{out}: {skipped:,} of {selection:,} rows cannot be written, so nothing was:\n{causes}",
                    out=out,
                    skipped=len(plan.skipped),
                    selection=len(selection),
                    causes=causes,
                ),
                (
                    worded("Choose other rows, or another format.")
                    if not plan.rows
                    else worded("Without --strict the others are written.")
                ),
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
        label = worded("Writing rows") if begun else worded("Looking at rows")
        with self._progress.step(label, total=len(self._samples)) as step:
            for number, sample in enumerate(self._samples, 1):
                if number % 1000 == 0 or number == len(self._samples):
                    step.set(number)
                yield sample


def _cause(why: str, numbers: "Numbers") -> str:
    if len(numbers) == 1:
        return worded("row {numbers} left out: {why}", numbers=numbers[0], why=why)
    return worded(
        "{numbers:,} rows left out, first row {numbers_2}: {why}", numbers=len(numbers), numbers_2=numbers[0], why=why
    )


def _tell_before(plan: "Export") -> None:
    for why, numbers in plan.left_out.items():
        tell(_cause(why, numbers))
    for what, numbers in plan.remarks.items():
        tell(
            worded(
                "{numbers:,} rows to look at, first row {numbers_2}: {what}",
                numbers=len(numbers),
                numbers_2=numbers[0],
                what=what,
            )
        )
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
        tell(worded("{out}: {rows:,} rows", out=out, rows=plan.rows))
    for file in plan.files:
        how = plan.target.trains_with(file)
        tell(
            worded("{path}: {rows:,} rows for {how}", path=at(file.path), rows=file.rows, how=how)
            if how
            else worded("{path}: {rows:,} rows", path=at(file.path), rows=file.rows)
        )
        if file.tokens:
            tell(worded("about {tokens:,} tokens, counted by characters", tokens=file.tokens))
