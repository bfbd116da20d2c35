"""Estimates after a pilot of 50 requests against what the builds then took, on the embedded teacher.

    python -m benchmarks.estimates [--target 1000] [--pilot 50] [--only agreement] [--keep DIR]

Each line is one build: it is stopped by `budget.max_requests`, estimated, and built to its end. `whole` is the pilot and the
estimate of what remains against all requests of the build; `remains` is without the pilot; tokens likewise. The last two
columns say whether the actual remainder lies between the low and the high figure, and the estimate without any pilot.
Exits with 1 where an estimate of the whole is off by more than a fifth.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from builder import pipeline
from builder.config import Settings
from builder.pipeline.estimating import Figures, estimate
from builder.progress import Reporter
from builder.requests.spending import read_spending
from builder.settings_file import load_settings

_MIX = "growth.recipes={alpaca: 2, evolve: 1, self_instruct: 1, phrasings: 1, dialogue: 1}"
CASES: dict[str, tuple[str, ...]] = {
    "alpaca": (),
    "alpaca, 2 instances": ("growth.instances_per_task=2",),
    "alpaca+evolve": ("growth.recipes={alpaca: 1, evolve: 1}",),
    "self_instruct": ("growth.recipes={self_instruct: 1}",),
    "five recipes": (_MIX,),
    "agreement": ("checks.agreement.samples=3", "teacher.faults=unkeyed=1,wrong=0.1,slips=0.05"),
    "all checks": (
        *("checks.agreement.samples=3", "checks.judge.enabled=true", "checks.repair=true"),
        "teacher.faults=unkeyed=0.5,wrong=0.1,slips=0.05",
    ),
    "faults": ("teacher.faults=500=0.1,malformed=0.2,cut=0.1",),
}
SEEDS = (0, 1)


@dataclass(frozen=True, slots=True)
class Run:
    """One build: requests and tokens of its pilot, what was estimated to remain, and what did."""

    pilot: int
    before: Figures
    remaining: dict[str, Figures]
    requests: int
    tokens: int

    @property
    def whole(self) -> float:
        """Relative error of the requests of the whole build; above 0 where too many were estimated."""
        return (self.pilot + self.remaining["likely"].requests) / (self.pilot + self.requests) - 1

    @property
    def remains(self) -> float:
        """Relative error of the requests after the pilot."""
        return self.remaining["likely"].requests / self.requests - 1

    @property
    def tokens_remain(self) -> float:
        """Relative error of the tokens after the pilot."""
        likely = self.remaining["likely"]
        return (likely.prompt_tokens + likely.completion_tokens) / self.tokens - 1

    @property
    def within(self) -> bool:
        """Whether the requests after the pilot lie between low and high."""
        return self.remaining["low"].requests <= self.requests <= self.remaining["high"].requests


def measure(settings: Settings, pilot: int, root: Path) -> Run:
    """Build a pilot, estimate, and build to the end."""
    before = estimate(settings).remaining["likely"]
    capped = settings.model_copy(update={"budget": settings.budget.model_copy(update={"max_requests": pilot})})
    pipeline.build(capped, root, Reporter(quiet=True), {})
    spent = read_spending(root / "ledger.sqlite")
    remaining = estimate(settings, root).remaining
    pipeline.build(settings, root, Reporter(quiet=True), {})
    after = read_spending(root / "ledger.sqlite")
    return Run(spent.requests, before, remaining, after.requests - spent.requests, after.tokens - spent.tokens)


def main() -> None:
    """Print one line for each build, then the errors' spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=int, default=1000)
    parser.add_argument("--pilot", type=int, default=50)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--keep", type=Path, help="where the folders stay")
    options = parser.parse_args()
    print(f"{'build':22} seed  requests  estimated  whole  remains  tokens  low…high      no pilot   time")
    errors: list[float] = []
    with tempfile.TemporaryDirectory() as made:
        for name, overrides in CASES.items():
            for seed in SEEDS if name.startswith(options.only) else ():
                started = time.monotonic()
                settings = load_settings(None, [f"target={options.target}", f"seed={seed}", *overrides], {})
                root = (options.keep or Path(made)) / f"{name}-{seed}".replace(" ", "_")
                run = measure(settings, options.pilot, root)
                errors.append(run.whole)
                likely, low, high = (run.remaining[bound].requests for bound in ("likely", "low", "high"))
                print(
                    f"{name:22} {seed:4}  {run.pilot + run.requests:8,}  {run.pilot + likely:9,}  {run.whole:+5.0%}  "
                    f"{run.remains:+7.0%}  {run.tokens_remain:+6.0%}  {f'{low:,}…{high:,}':12}{' ' if run.within else '!'}"
                    f"{run.before.requests:9,}  {time.monotonic() - started:4.0f} s",
                    flush=True,
                )
    worst = max(errors, key=abs)
    typical = statistics.median(abs(error) for error in errors)
    print(f"{len(errors)} builds: worst {worst:+.0%}, median of the sizes {typical:.0%}")
    sys.exit(abs(worst) > 0.2)


if __name__ == "__main__":
    main()
