"""Progress on stderr: live on a terminal, a plain line every few seconds elsewhere, nothing when quiet."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from builder.language import Language
from builder.language.chinese import told
from builder.language.messages import worded
from builder.progress.growing import Growing, Pace
from builder.progress.panel import finishing, panel, plain_line
from builder.text import visible, visible_message

_PLAIN_INTERVAL = 5.0  # seconds between plain lines: often enough to see life, rare enough for a log
_LIVE_INTERVAL = 0.25  # seconds between two pictures
_KEEP_INTERVAL = 1.0  # seconds between two figures for `seedbed status`


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


class GrowthView:
    """What people see of a growth. Its figures are read a few times a second at most, however often it is told of them.

    Args:
        draw: shows figures.
        every: seconds between two drawings.
        keep: stores figures for other processes; every second.
        say: shows one line of text.
        language: `zh` or `en`.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        draw: Callable[[Growing], None],
        every: float,
        *,
        keep: Callable[[Growing], None],
        say: Callable[[str], None],
        language: str,
        clock: Callable[[], float],
    ) -> None:
        self._draw = draw
        self._every = every
        self._keep = keep
        self._say = say
        self._language = language
        self._clock = clock
        self._pace = Pace(clock)
        self._read_at = self._kept_at = -math.inf
        self._drawn_at = clock()

    def update(self, read: Callable[[], Growing]) -> None:
        """Something changed, or time has passed: show it if it is time to."""
        now = self._clock()
        if now - self._read_at < _LIVE_INTERVAL:
            return
        self._read_at = now
        figures = self._with_pace(read())
        if now - self._drawn_at >= self._every:
            self._drawn_at = now
            self._draw(figures)
        if now - self._kept_at >= _KEEP_INTERVAL:
            self._kept_at = now
            self._keep(figures)

    def close(self, figures: Growing) -> None:
        """Show and keep how it ended."""
        self._draw(figures.at_rest())
        self._keep(figures.at_rest())

    def finishing(self, requests: int, seconds: float) -> None:
        """Say what the first Ctrl-C does."""
        self._say(finishing(requests, seconds, self._language))

    def _with_pace(self, figures: Growing) -> Growing:
        if figures.traffic is None:  # rows of the ledger, read again
            self._pace.forget()
            return figures
        self._pace.count(figures.admitted)
        left = self._pace.seconds_for(figures.target - figures.reached)
        return replace(figures, rows_per_minute=self._pace.per_minute, seconds_left=left)


class Reporter:
    """Where progress goes.

    Args:
        quiet: show nothing.
        clock: seconds, monotonic.
        language: of what is said.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
        language: Language = "en",
    ) -> None:
        self._quiet = quiet
        self.language = language
        self._clock = clock
        self._console = Console(stderr=True)
        self._names: Mapping[str, str] = {}

    @contextlib.contextmanager
    def step(self, label: str, total: int | None = None) -> Iterator[Step]:
        """Show one step while the block runs."""
        label = told(label, self.language)
        if self._quiet:
            yield Step(lambda _: None, label, total)
        elif self._redraws:
            yield from self._live(label, total)
        else:
            yield from self._plain(label, total)

    @contextlib.contextmanager
    def growing(
        self, language: str, label: Callable[[str], str], keep: Callable[[Growing], None]
    ) -> Iterator[GrowthView]:
        """Show a growth while the block runs.

        Args:
            language: `zh` or `en`.
            label: a reason's key → its words in that language.
            keep: stores figures for other processes, also when nothing is shown.
        """

        def view(draw: Callable[[Growing], None], every: float) -> GrowthView:
            return GrowthView(draw, every, keep=keep, say=self.say, language=language, clock=self._clock)

        if self._quiet:
            yield view(lambda _: None, _PLAIN_INTERVAL)
        elif self._redraws:
            with Live(console=self._console, auto_refresh=False) as live:
                yield view(
                    lambda figures: live.update(panel(figures, self._console.width, language, label), refresh=True),
                    _LIVE_INTERVAL,
                )
        else:
            yield view(lambda figures: self.say(plain_line(figures)), _PLAIN_INTERVAL)

    @contextlib.contextmanager
    def naming(self, names: Mapping[str, str]) -> Iterator[None]:
        """While the block runs, `say` shows other names for these, such as an address for its temporary file."""
        before, self._names = self._names, {**self._names, **names}
        try:
            yield
        finally:
            self._names = before

    def name_of(self, path: Path) -> str:
        """What stands for a path while `naming` names it, else the path."""
        return self._names.get(str(path), str(path))

    def say(self, text: str) -> None:
        """One line on stderr."""
        text = visible_message(told(text, self.language))
        for name, shown in self._names.items():
            text = text.replace(name, visible(shown))
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    @property
    def _redraws(self) -> bool:
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def _live(self, label: str, total: int | None) -> Iterator[Step]:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        with Progress(*columns, console=self._console, transient=False) as bar:
            task = bar.add_task(visible(label), total=total, note="")
            yield Step(
                lambda s: bar.update(task, completed=s.done, total=s.total, note=visible(s.note)),
                label,
                total,
            )

    def _plain(self, label: str, total: int | None) -> Iterator[Step]:
        started = last = self._clock()
        said: tuple[int, str] | None = None

        def line(step: Step) -> None:
            nonlocal said
            if said == (step.done, step.note):
                return  # as where all was done, and said so, when the step ends
            said = step.done, step.note
            of = "，共 " if self.language == "zh" else " of "
            done = f"{step.done:,}" if step.total is None else f"{step.done:,}{of}{step.total:,}"
            note = f"  {step.note}" if step.note else ""
            took = self._clock() - started
            text = worded("{label}: {done}  ({took:.0f} s)", label=step.label, done=done, took=took)
            self.say(told(text, self.language) + note)

        def show(step: Step) -> None:
            nonlocal last
            if self._clock() - last >= _PLAIN_INTERVAL:
                last = self._clock()
                line(step)

        step = Step(show, label, total)
        yield step
        line(step)
