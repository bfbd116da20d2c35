"""One source of conversations in a file, and what has to be asked of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.formats.conversations.chat import Chat
from builder.formats.conversations.header import Header
from builder.formats.conversations.layout import Layout
from builder.formats.conversations.tables import Reader
from builder.formats.conversations.utterance import Utterance
from builder.formats.detection import Detected
from builder.formats.importing import SampleFiles
from builder.formats.reading import RowFile


@dataclass(frozen=True)
class Choice:
    """What has to be asked.

    Attributes:
        flag: that answers it, such as `--sheet`.
        problem: what is not sure, naming the file.
        candidates: what the answer may be, each as the flag takes it.
    """

    flag: str
    problem: str
    candidates: Sequence[str]


@dataclass
class Source:
    """One table, or one export, of conversations.

    Attributes:
        path: of the file.
        sheet: empty where the file has none.
        title: what it is read as, by language code.
        table, header: of what names its columns, and where a sheet has its header.
        reader: of a table of messages, or of questions with answers.
        chat: of an export of a chat.
        samples: of rows that each hold a conversation.
        above: rows above the data: titles, notes, the header.
    """

    path: Path
    sheet: str
    title: Mapping[str, str]
    table: RowFile | None = None
    header: Header | None = None
    layout: Layout | None = None
    reader: Reader | None = None
    chat: Chat | None = None
    samples: SampleFiles | None = None
    above: int = 0

    @property
    def detected(self) -> Detected | None:
        """How rows that each hold a conversation are read."""
        return self.samples.detected[0] if self.samples is not None else None

    @property
    def name(self) -> str:
        """As a summary names it."""
        return f"{self.path.name} [{self.sheet}]" if self.sheet else self.path.name

    @property
    def has_speakers(self) -> bool:
        """Whether who asks and who answers is still to be found."""
        return self.chat is not None or (self.layout is not None and self.layout.kind == "messages")

    def utterances(self) -> Iterator[Utterance]:
        """Its messages; rows that hold a conversation have `samples`."""
        assert self.reader is not None or self.chat is not None
        return self.chat.utterances() if self.chat is not None else self.reader.utterances()  # type: ignore[union-attr]


@dataclass
class Found:
    """The sources of a file, and what has to be asked before they are right.

    Attributes:
        passed: the sheets that are not read, each with why: `hidden`, `empty`, `none` (no conversations), `not_named`.
    """

    sources: list[Source] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)
