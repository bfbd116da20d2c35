"""What a reader of one kind of chat export is, and its messages as rows that hold whole conversations."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from builder.errors import InputFileError
from builder.formats.conversations.roles import Roles, candidates, owner_answers, propose_roles, side_by_name
from builder.formats.conversations.threads import GAP, Threads
from builder.formats.conversations.utterance import Utterance
from builder.formats.left_out import tell_left_out
from builder.formats.reading import CheckedRow, RowFile
from builder.formats.rows import Causes
from builder.language.messages import paired, worded

_SPEAKERS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Chat:
    """A file that was found to be a chat export.

    Attributes:
        utterances: reads the messages, from the first one on.
        container: TXT, JSON, CSV, XLSX.
        details: how it is read where there was a choice: `encoding`, `dates` (their order).
        owner: the speaker whose export it is, where the file says.
        gap: the pause after which a question begins a new conversation; None where the file tells them apart.
    """

    utterances: Callable[[], Iterator[Utterance]]
    container: str
    details: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    gap: timedelta | None = GAP


@dataclass(frozen=True, slots=True)
class ChatExport:
    """One program's way of exporting chats.

    Attributes:
        name: as `Detected.details` names the reader.
        title: by language code, for people.
        open: the file as a chat, or None where it is not surely one; a `RowFile` for tables and lists of objects.
    """

    name: str
    title: Mapping[str, str]
    open: Callable[[Path], Chat | None] | None = None
    open_rows: Callable[[RowFile], Chat | None] | None = None


def conversations_of(path: Path, export: ChatExport, chat: Chat) -> RowFile:
    """A chat as a file of rows `{"messages": […]}`, each with the number of the row or line of its first message.

    Raises:
        InputFileError: it is not sure who answers, or nothing is asked and answered.
    """
    threads = Threads(chat.utterances())
    roles = _roles(path, threads, chat.owner)
    count = sum(1 for _ in threads.conversations(roles.side, chat.gap))
    left_out = {cause: number for cause, number in threads.counts.items() if number and cause != "used"}
    if not count:
        told = paired(tell_left_out(left_out, "en"), tell_left_out(left_out, "zh"))
        raise InputFileError(
            path, worded("no question with its answer is in this chat ({told})", told=told or "it is empty")
        )

    def rows() -> Iterator[CheckedRow]:
        for conversation in threads.conversations(roles.side, chat.gap):
            turns = [{"role": turn.role, "content": turn.content} for turn in conversation.messages]
            yield CheckedRow(conversation.rows[0], {"messages": turns})

    details = {"reader": export.name, **chat.details, "speakers": _shown(threads, roles)}
    columns = {"messages": [{"role": None, "content": None}]}
    return RowFile(path, chat.container, details, columns, {"messages": count}, count, Causes(), rows, left_out)


def _roles(path: Path, threads: Threads, owner: str | None) -> Roles:
    """Who answers: by names, by presence, else whose export it is."""
    roles = propose_roles(threads)
    if roles.sure:
        return roles
    if owner is not None:
        return owner_answers(threads, owner)
    speakers = threads.speakers()
    answering = next((s.name for s in speakers if side_by_name(s.name) == "assistant"), None)
    names = [speaker.name for speaker in speakers]
    example = f"{names[0]}=user,{names[1]}=assistant" if len(names) == 2 else f"{answering or 'NAME'}=assistant,*=user"
    raise InputFileError(
        path,
        worded(
            "it is not sure who asks and who answers in this chat; its speakers are {candidates}",
            candidates=candidates(speakers),
        ),
        remedy=worded(
            "Say so: `seedbed convert {path} --out conversations.jsonl --roles '{example}'`.",
            path=path,
            example=example,
        ),
    )


def _shown(threads: Threads, roles: Roles) -> str:
    speakers = [f"{speaker.name}={roles.side(speaker.name)}" for speaker in threads.speakers()]
    more = ["…"] if len(speakers) > _SPEAKERS_SHOWN else []
    return ", ".join(speakers[:_SPEAKERS_SHOWN] + more)
