"""How often the signals are right about the rows they flag, by labels that a person set after reading them.

The labels are in `tests/fixtures/labels/<signal>.jsonl`: a row's file and conversation id, and whether it has the fault; no text.
They are joined with what the signals flag in the files that are in the folder given. Printed for each signal, kind and language:
rows flagged, read, rightly flagged, precision with its interval, flagged rows that nobody has read, and rows that were found to
have the fault and are not flagged. Rows that guided the patterns are among them, so expect somewhat less on other data.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.truth_figures import share
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


def flagged_rows(folder: Path, files: Iterable[str]) -> Iterator[tuple[Key, str]]:
    """Every flag of every row in some files, with the row's language; equal rows of a file once."""
    for name in sorted(files):
        seen = set()
        for sample in read_samples([folder / name], reporter=Reporter(quiet=True)).samples:
            if sample.id in seen:
                continue
            seen.add(sample.id)
            values = measure_row(sample)
            for signal in SIGNALS.keys() & FLAGS.keys():
                for kind in FLAGS[signal](values):
                    yield (signal, kind, name, sample.id), sample.language


def read_labels() -> dict[Key, tuple[bool, str]]:
    """All labels: whether the row has the fault, and its language."""
    labels: dict[Key, tuple[bool, str]] = {}
    for path in sorted(LABELS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            key = path.stem, record["kind"], record["file"], record["id"]
            labels[key] = record["label"], record["language"]
    return labels


def count_flags(
    flagged: Mapping[Key, str], labels: Mapping[Key, tuple[bool, str]]
) -> dict[tuple[str, str, str], Counter[str]]:
    """For each signal, kind and language how many flags are `right`, `wrong` and `unread`, and how many faults `missed`.

    Args:
        flagged: the language of each flagged row.
        labels: of rows of the same files.
    """
    counts: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for key, language in flagged.items():
        label = labels.get(key)
        counts[key[0], key[1], language]["unread" if label is None else "right" if label[0] else "wrong"] += 1
    for key, (has_fault, language) in labels.items():
        if has_fault and key not in flagged:
            counts[key[0], key[1], language]["missed"] += 1
    return counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the rows are, and whether to list those that nobody has read."""
    parser.add_argument("--rows", type=Path, metavar="FOLDER", help="the public files that the labels of signals name")
    parser.add_argument("--unread", action="store_true", help="list flagged rows that nobody has read")


def print_tables(arguments: argparse.Namespace) -> None:
    """One table; nothing without a folder."""
    if arguments.rows is None:
        print("\nSignals: --rows names the folder of the files that were read.")
        return
    labels = read_labels()
    there = {path.name for path in arguments.rows.iterdir()}
    files = {key[2] for key in labels} | {name for name in there if name.endswith("_demo.json")}
    flagged = dict(flagged_rows(arguments.rows, files & there))
    for name in sorted(files - there):
        print(f"without {name}: it is not in {arguments.rows}")
    print(
        f"\n{'signal':14} {'kind':20} {'language':8} {'flagged':>7} {'read':>5} {'right':>5}  {'precision':17} "
        f"{'unread':>6} {'missed':>6}"
    )
    known = {key: label for key, label in labels.items() if key[2] in there}
    for (signal, kind, language), count in sorted(count_flags(flagged, known).items()):
        right, read = count["right"], count["right"] + count["wrong"]
        print(
            f"{signal:14} {kind:20} {language:8} {read + count['unread']:7} {read:5} {right:5}  {share(right, read)!s:17} "
            f"{count['unread']:6} {count['missed']:6}"
        )
    for signal in sorted(FLAGS.keys() - {key[0] for key in flagged}):
        print(f"{signal:14} nothing flagged")
    if arguments.unread:
        for key in sorted(flagged.keys() - known.keys()):
            print(*key)
