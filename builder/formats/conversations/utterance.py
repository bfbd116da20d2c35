"""What every reader of raw conversations gives: who said what in which conversation, and when."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message as its file has it, before speakers are roles and messages are turns.

    Attributes:
        row: of the file, from 1: the row, line or place in the list, for errors and for the sample's source.
        conversation: what the file names the conversation, or None where it names none.
        speaker: a name or a role as the file has it; an empty text where it is a notice of the system.
        text: what was said.
        time: when, without a zone, or None where the file does not say.
    """

    row: int
    conversation: str | None
    speaker: str
    text: str
    time: datetime | None = None
