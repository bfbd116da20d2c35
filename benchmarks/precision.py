"""How often the signals are right about the rows they flag, by labels that a person set after reading them.

    python -m benchmarks.precision FOLDER [--unlabelled]

FOLDER holds the public demo files that the labels name. Every signal is measured again and joined with its labels in
`tests/fixtures/labels/<signal>.jsonl`, by file and conversation id; the labels hold no text of the rows. Printed for each
signal, kind and language: rows flagged, read, rightly flagged, precision, and flagged rows without a label. `--unlabelled`
lists the latter. The same rows guided the patterns, so expect somewhat less on other data.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from builder.formats.importing import read_samples
from builder.progress import Reporter
from builder.signals import SIGNALS, SignalValue, measure_row

LABELS = Path(__file__).parents[1] / "tests" / "fixtures" / "labels"
CONCRETE = 0.6  # above this an answer has at least two of the three parts in full

Values = Mapping[str, SignalValue]
Key = tuple[str, str, str, str]  # signal, kind, file, conversation id


def _kinds(column: str) -> Callable[[Values], list[str]]:
    def kinds(values: Values) -> list[str]:
        found = values[column]
        return found if isinstance(found, list) else []

    return kinds


# What counts as flagged; a signal that only counts or grades flags nothing.
FLAGS: Mapping[str, Callable[[Values], list[str]]] = {
    "repetition": lambda values: ["loop"] * (_number(values["repetition"]) > 0.6),
    "concreteness": lambda values: ["concrete"] * (_number(values["concreteness"]) > CONCRETE),
    "refusal": lambda values: ["refusal"] * bool(values["refusal"]) + ["self_mention"] * bool(values["self_mention"]),
    "language": lambda values: ["mismatch"] * bool(values["language_mismatch"]),
    "defects": _kinds("defects"),
    "privacy": _kinds("privacy"),
    "unsafe": _kinds("unsafe"),
    "format": lambda values: [
        name for name in ("json_valid", "code_parses", "list_length_kept") if values[name] is False
    ],
    "arithmetic": lambda values: ["wrong_sum"] * bool(values["arithmetic_wrong"]),
}


def _number(value: SignalValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def flagged_rows(folder: Path) -> Iterator[tuple[Key, str]]:
    """Every flag of every row in the files that the labels name, with the row's language; equal rows of a file once."""
    files = sorted({key[2] for key in read_labels()} | {path.name for path in folder.glob("*_demo.json")})
    for name in files:
        seen = set()
        for sample in read_samples([folder / name], reporter=Reporter(quiet=True)).samples:
            if sample.id in seen:
                continue
            seen.add(sample.id)
            values = measure_row(sample)
            for signal in SIGNALS.keys() & FLAGS.keys():
                for kind in FLAGS[signal](values):
                    yield (signal, kind, name, sample.id), sample.language


def read_labels() -> dict[Key, bool]:
    """All labels: whether the flag is right."""
    labels: dict[Key, bool] = {}
    for path in sorted(LABELS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            labels[path.stem, record["kind"], record["file"], record["id"]] = record["label"]
    return labels


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--unlabelled", action="store_true", help="list flagged rows that nobody has read")
    arguments = parser.parse_args()
    labels = read_labels()
    counts: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    unread: list[Key] = []
    for key, language in flagged_rows(arguments.folder):
        label = labels.get(key)
        counts[key[0], key[1], language][str(label)] += 1
        if label is None:
            unread.append(key)
    print(
        f"{'signal':14} {'kind':20} {'language':8} {'flagged':>7} {'read':>5} {'right':>5} {'precision':>9} {'unread':>6}"
    )
    for (signal, kind, language), count in sorted(counts.items()):
        right, read = count["True"], count["True"] + count["False"]
        precision = f"{right / read:.2f}" if read else "-"
        print(
            f"{signal:14} {kind:20} {language:8} {count.total():7} {read:5} {right:5} {precision:>9} {count['None']:6}"
        )
    for signal in sorted(FLAGS.keys() - {signal for signal, _, _ in counts}):
        print(f"{signal:14} nothing flagged")
    if arguments.unlabelled:
        for key in unread:
            print(*key)


if __name__ == "__main__":
    main()
