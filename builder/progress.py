"""Progress on stderr: a live bar on a terminal, a plain line every few seconds elsewhere, nothing when quiet."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

_PLAIN_INTERVAL = 5.0  # seconds between plain lines: often enough to see life, rare enough for a log


class Step:
    """One piece of long work.

    Attributes:
        done: how much is done, in the unit of `total`.
    """

    def __init__(self, show: Callable[["Step"], None], label: str, total: int | None) -> None:
        self._show = show
        self.label = label
        self.total = total
        self.done = 0
        self.note = ""

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """Count `count` more as done."""
        self.set(self.done + count, note)

    def set(self, done: int, note: str | None = None, total: int | None = None) -> None:
        """State how much is done in all; the bar never shows more than its total."""
        self.total = total if total is not None else self.total
        self.done = done if self.total is None else min(done, self.total)
        self.note = self.note if note is None else note
        self._show(self)


class Reporter:
    """Where progress goes.

    Args:
        quiet: show nothing.
        clock: seconds, monotonic.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._console = Console(stderr=True)

    @contextlib.contextmanager
    def step(self, label: str, total: int | None = None) -> Iterator[Step]:
        """Show one step while the block runs."""
        if self._quiet:
            yield Step(lambda _: None, label, total)
        elif self._console.is_terminal:
            yield from self._live(label, total)
        else:
            yield from self._plain(label, total)

    def say(self, text: str) -> None:
        """One line on stderr."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def _live(self, label: str, total: int | None) -> Iterator[Step]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
        )
        with Progress(*columns, console=self._console, transient=False) as bar:
            task = bar.add_task(label, total=total, note="")
            yield Step(
                lambda s: bar.update(task, completed=s.done, total=s.total, note=s.note),
                label,
                total,
            )

    def _plain(self, label: str, total: int | None) -> Iterator[Step]:
        started = last = self._clock()

        def line(step: Step) -> None:
            of = f" of {step.total}" if step.total is not None else ""
            note = f"  {step.note}" if step.note else ""
            self.say(f"{step.label}: {step.done}{of}{note}  ({self._clock() - started:.0f} s)")

        def show(step: Step) -> None:
            nonlocal last
            if self._clock() - last >= _PLAIN_INTERVAL:
                last = self._clock()
                line(step)

        step = Step(show, label, total)
        yield step
        line(step)
