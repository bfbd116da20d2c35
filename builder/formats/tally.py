"""What is noticed of a file while its rows are read, to be told at the end."""

from collections import Counter
from dataclasses import dataclass, field

from builder.formats.row_format import SampleParts
from builder.formats.rows import Causes
from builder.pictures import has_pictures


@dataclass(slots=True)
class Tally:
    """What is noticed of a file while its rows are read.

    Attributes:
        seen: how many rows hold what a reader should hear of: `nan`; of samples, `labelled_bad`, `given_rejected` (a bad answer
            to the same prompt), `not_trained` (a turn of weight 0), `reasoning`, `pictures`; `mended`, and `mended:` with a kind
            for each kind; `unread_label` is 1 where its labels, 1 and 0,
            may be of answers or of classes, and are not read; `read` counts the rows that became samples.
        inside: what of rows that became samples, or of messages that were gathered to rows, is in none, by cause (`left_out`).
        keys: how many rows have each key of turns that is not read.
        left_out: whole rows that a sample cannot hold.
        broken: rows that no sample can be made of; those that the container cannot read are in `RowFile.broken`.
    """

    seen: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    left_out: Causes = field(default_factory=Causes)
    broken: Causes = field(default_factory=Causes)

    def count(self, parts: SampleParts) -> None:
        """Count what a reader of the file should hear of one sample."""
        self.seen["labelled_bad"] += parts.label is False
        self.seen["given_rejected"] += bool(parts.label) and parts.rejected is not None
        self.seen["not_trained"] += any(turn.weight is not None for turn in parts.messages)
        self.seen["reasoning"] += any(turn.reasoning is not None for turn in parts.messages)
        if parts.mended:
            self.seen["mended"] += 1
            self.seen.update(f"mended:{kind}" for kind in {one.kind for one in parts.mended})
        self.seen["pictures"] += has_pictures(parts.messages)
