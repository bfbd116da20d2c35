"""How often the verdicts are right: python -m benchmarks.verdicts [TOPIC …] [--help]

Every topic has labelled truth that was written or read for it, in `benchmarks/truth/` and `tests/fixtures/labels/`, and prints
its figures with their 95 % intervals, beside those of plain measures:

    requests    which pairs of requests ask for the same: novelty, meaning, curation itself; ROUGE-L alone and TF-IDF
    answers     which of two answers to a request the score of quality prefers, beside length and other plain scores
    rows        which rows with a fault, and which that only look like one, the signals flag
    copies      which near-copies go that are planted in 5,000 rows (--rows FOLDER)
    signals     which flags of the signals are right; reads the public rows that the labels name (--rows FOLDER)
"""

import argparse
from collections.abc import Callable, Mapping, Sequence

from benchmarks import truth_answers, truth_copies, truth_requests, truth_rows, truth_signals

AddArguments = Callable[[argparse.ArgumentParser], None]
PrintTables = Callable[[argparse.Namespace], None]

# Each topic adds the options that its tables alone read, and prints what it finds.
TOPICS: Mapping[str, tuple[AddArguments, PrintTables]] = {
    "requests": (truth_requests.add_arguments, truth_requests.print_tables),
    "answers": (truth_answers.add_arguments, truth_answers.print_tables),
    "rows": (truth_rows.add_arguments, truth_rows.print_tables),
    "copies": (truth_copies.add_arguments, truth_copies.print_tables),
    "signals": (truth_signals.add_arguments, truth_signals.print_tables),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of the topics asked for, of all by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(TOPICS))
    for add_arguments, _ in TOPICS.values():
        add_arguments(parser)
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.topics if name not in TOPICS]:
        parser.error(f"no topic {unknown[0]}: there are {', '.join(TOPICS)}")
    for name in given.topics or TOPICS:
        TOPICS[name][1](given)


if __name__ == "__main__":
    main()
