"""One source of conversations in a file, and what has to be asked of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import InputFileError
from builder.formats import FORMATS
from builder.formats.conversations.chat import Chat
from builder.formats.conversations.layout import Layout
from builder.formats.conversations.tables import Reader, Table
from builder.formats.conversations.utterance import Utterance
from builder.formats.detection import Detected
from builder.formats.reading import RowFile
from builder.formats.row_format import RowError, RowLeftOutError, SampleParts
from builder.formats.rows import Causes


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
        reader: of a table of messages, or of questions with answers.
        chat: of an export of a chat.
        file, detected: of rows that each hold a conversation.
        above: rows above the data: titles, notes, the header.
        not_whole: after `parts` was read to its end: rows that a sample cannot hold.
    """

    path: Path
    sheet: str
    title: Mapping[str, str]
    table: Table | None = None
    layout: Layout | None = None
    reader: Reader | None = None
    chat: Chat | None = None
    file: RowFile | None = None
    detected: Detected | None = None
    above: int = 0
    not_whole: Causes = field(default_factory=Causes)

    @property
    def name(self) -> str:
        """As a summary names it."""
        return f"{self.path.name} [{self.sheet}]" if self.sheet else self.path.name

    @property
    def has_speakers(self) -> bool:
        """Whether who asks and who answers is still to be found."""
        return self.chat is not None or (self.layout is not None and self.layout.kind == "messages")

    def utterances(self) -> Iterator[Utterance]:
        """Its messages; of rows that hold a conversation see `parts`."""
        assert self.reader is not None or self.chat is not None
        return self.chat.utterances() if self.chat is not None else self.reader.utterances()  # type: ignore[union-attr]

    def parts(self) -> Iterator[tuple[int, SampleParts]]:
        """The conversations of rows that each hold one.

        Raises:
            InputFileError: a row is broken.
        """
        assert self.file is not None
        assert self.detected is not None
        row_format = FORMATS[self.detected.format]
        self.not_whole = Causes()
        surveyed = (
            row_format.survey(self.detected.fields(row.values) for row in self.file.rows()) if row_format.survey else {}
        )
        for row in self.file.rows():
            try:
                read = row_format.read({**self.detected.fields(row.values), **surveyed})
            except RowLeftOutError as error:
                self.not_whole.add(row.number, str(error))
                continue
            except RowError as error:
                raise InputFileError(self.path, str(error), row=row.number, remedy="Mend or remove this row.") from None
            for parts in read:
                yield row.number, parts


@dataclass
class Found:
    """The sources of a file, and what has to be asked before they are right.

    Attributes:
        passed: the sheets that are not read, each with why: `hidden`, `empty`, `none` (no conversations), `not_named`.
    """

    sources: list[Source] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)
