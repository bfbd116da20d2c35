"""Precision and recall of novelty on labelled pairs of requests, words and Chinese characters apart.

    python -m benchmarks.novelty_curve            print the curve
    python -m benchmarks.novelty_curve --write    and keep it for the report and `seedbed signals`

Each pair is curated by itself: as two grown rows, once at the lowest threshold, since what goes there goes at every threshold below
the similarity that its verdict names; and as two rows that somebody brings. Only pairs to report on count; the others are there to
fit rules on.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from builder.config import Novelty, Settings
from builder.curation.deciding import decide
from builder.intervals import wilson
from builder.reporting.novelty_curve import CURVE, curve_text, read_curves
from builder.schema import Origin, Sample, task_messages
from builder.signals import measure_row
from builder.text import detect_language, token_mode

_PAIRS = Path(__file__).with_name("truth") / "requests.jsonl"
_STEPS = np.round(np.arange(0.5, 1.0, 0.05), 2)
_SETTINGS = Settings(novelty=Novelty(threshold=0.3, threshold_characters=0.3))
_ALIKE = ("too_similar", "exact_duplicate")


def row(number: int, request: str, answer: str | None, origin: Origin) -> Sample:
    """A request as a row; what it is applied to stands under a blank line."""
    instruction, _, given = request.partition("\n\n")
    return Sample(
        row=number,
        task_id=f"pair#{number}",
        messages=task_messages(instruction, given, answer or "–"),
        category=None,
        language=detect_language(request),
        origin=origin,
        source="pairs",
        instruction=instruction,
        input=given,
    )


def similarity_at_which_one_goes(pair: Mapping[str, Any], origin: Origin) -> float:
    """The similarity of the verdict by which one of the two goes, 1 for a duplicate, 0 where both stay."""
    samples = [row(0, pair["a"], pair.get("answer_a"), origin), row(1, pair["b"], pair.get("answer_b"), origin)]
    verdicts = decide(samples, [measure_row(one) for one in samples], _SETTINGS, reviews={}).verdicts.to_pylist()
    checks = [check for verdict in verdicts for check in verdict["checks"] if check["reason"] in _ALIKE]
    return max((1.0 if check["value"] is None else float(check["value"]) for check in checks), default=0.0)


def measure(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of novelty_curve.json."""
    grown, imported = (
        np.array([similarity_at_which_one_goes(pair, origin) for pair in pairs]) for origin in ("generated", "imported")
    )
    same = np.array([pair["same"] for pair in pairs], dtype=bool)
    modes = np.array([token_mode(pair["a"] + pair["b"]) for pair in pairs])
    needed = Novelty().thresholds
    curves: dict[str, Any] = {}
    for mode in ("word", "cjk"):
        here = modes == mode
        threshold = needed.of(mode == "cjk", mode == "cjk")
        curves[mode] = {
            "pairs": int(here.sum()),
            "same": int((here & same).sum()),
            "points": [_point(step, here & (grown > step), same) for step in _STEPS],
            "imported": _point(threshold, here & (imported > threshold), same),
        }
    return curves


def _point(step: float, found: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_]) -> list[float]:
    right, count = int((found & same).sum()), int(found.sum())
    return [float(step), count, right, *(round(bound, 4) for bound in wilson(right, count))]


def main() -> None:
    """Measure, keep where asked for, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--pairs", type=Path, default=_PAIRS)
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.pairs.read_text(encoding="utf-8").splitlines()]
    curves = measure([line for line in lines if line["part"] == "report"])
    text = json.dumps(curves, indent=1)
    if arguments.write:
        CURVE.write_text(text + "\n", encoding="utf-8")
        read_curves.cache_clear()
        for line in curve_text(Novelty().thresholds, "en"):
            print(line)
    else:
        print(text)


if __name__ == "__main__":
    main()
