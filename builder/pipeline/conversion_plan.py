"""How files of conversations are to be read: what a user says of them, what was found, and what has to be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from builder.errors import UsageError
from builder.formats.conversations.roles import Roles, candidates, owner_answers, propose_roles, read_roles
from builder.formats.conversations.source import Choice, Source
from builder.formats.conversations.sources import find_sources
from builder.formats.conversations.threads import GAP, Threads
from builder.language.messages import worded
from builder.progress import Reporter
from builder.text import visible


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user says of the files; what is None or empty is looked for.

    Attributes:
        mapping: our field → column.
        roles: speaker → role.
        gap: of the pauses that divide conversations; 0 divides none.
    """

    sheet: str | None = None
    header_row: int | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    gap: timedelta | None = None
    redact: bool = False


@dataclass
class Plan:
    """How files are to be read.

    Attributes:
        passed: sheets that are not read, with why, by file.
        choices: what has to be asked before anything can be written.
        roles: of the speakers of the sources that have some; None where none has.
    """

    paths: Sequence[Path]
    asked: Asked
    sources: list[Source]
    choices: list[Choice]
    passed: list[tuple[str, str]]
    threads: Threads
    roles: Roles | None
    gap: timedelta | None

    @property
    def divides(self) -> bool:
        """Whether any conversation is told from the next by a pause."""
        return any(gap is not None for gap in self.gaps())

    def by_side(self) -> dict[str, list[str]]:
        """The speakers on each side."""
        sides: dict[str, list[str]] = {}
        if self.roles is not None:
            for speaker in self.threads.speakers():
                sides.setdefault(self.roles.side(speaker.name), []).append(speaker.name)
        return sides

    def gaps(self, gap: timedelta | None = None) -> list[timedelta | None]:
        """The pause that divides the conversations of each source; None where the file tells them apart.

        Args:
            gap: another one than the plan's.
        """
        return [
            gap or self.gap
            if (source.chat is not None and source.chat.gap is not None)
            or (source.reader is not None and source.reader.divides)
            else None
            for source in self.sources
        ]


def look(paths: Sequence[Path], asked: Asked, reporter: Reporter) -> Plan:
    """Look at all files, and find out how their conversations are laid out and who answers.

    Raises:
        InputFileError: a file cannot be read, or holds nothing that looks like conversations.
        UsageError: what is asked for is not there.
    """
    sources: list[Source] = []
    choices: list[Choice] = []
    passed: list[tuple[str, str]] = []
    with reporter.step(worded("Looking at the files"), total=len(paths)) as step:
        for path in paths:
            found = find_sources(path, asked.sheet, asked.header_row, asked.mapping)
            sources += found.sources
            choices += found.choices
            passed += [(f"{path.name} [{sheet}]" if sheet else path.name, why) for sheet, why in found.passed]
            step.advance(note=path.name)
    gap = GAP if asked.gap is None else asked.gap or None
    plan = Plan(paths, asked, sources, choices, passed, Threads(), None, gap)
    if not choices:
        plan.threads = Threads(*(s.utterances() if s.has_speakers else () for s in sources))
        if len(plan.threads):
            plan.roles, unsure = _roles(plan.threads, asked, [s for s in sources if s.has_speakers])
            plan.choices += [unsure] if unsure is not None else _mixed(plan)
    return plan


def _roles(threads: Threads, asked: Asked, sources: Sequence[Source]) -> tuple[Roles, Choice | None]:
    if asked.roles:
        roles = read_roles(asked.roles)
        for speaker in threads.speakers():
            roles.side(speaker.name)
        return roles, None
    owners = {source.chat.owner for source in sources if source.chat is not None}
    roles = propose_roles(threads)
    if not roles.sure and len(owners) == 1 and (owner := owners.pop()) is not None:
        roles = owner_answers(threads, owner)
    if roles.sure:
        return roles, None
    speakers = threads.speakers()
    answers = [f"{speaker.name}=assistant" for speaker in speakers[:8]]
    return roles, Choice(
        "--roles",
        worded(
            "it is not sure who answers; speakers and their messages: {candidates}", candidates=candidates(speakers)
        ),
        answers,
    )


def _mixed(plan: Plan) -> list[Choice]:
    """What tells conversations apart has to be asked where there are several and nothing does, unless a gap says that it is all."""
    if plan.roles is None or plan.asked.gap is not None:
        return []
    choices = []
    mixed = plan.threads.mixed(plan.roles.side, GAP)
    for place, source in enumerate(plan.sources):
        why = mixed.get(place)
        if why is None and source.layout is not None and source.layout.perhaps:
            problem = "it is not sure which column tells conversations apart (--gap 240 takes pauses alone)"
            perhaps = [visible(name) for name in source.layout.perhaps]
            choices.append(Choice("--map conversation=", f"{source.name}: {problem}", perhaps))
        elif why is not None and source.table is not None and source.layout is not None:
            unused = [visible(name) for name in source.table.columns if name not in source.layout.columns.values()]
            if why == "at_once":
                problem = (
                    "several people ask at the same time, and no column that is known tells their conversations apart"
                    " (--gap 0 takes it as one)"
                )
            else:
                problem = (
                    "no column that is known says where a conversation ends, neither by its number nor by its time"
                    " (--gap 0 takes it as one)"
                )
            choices.append(Choice("--map conversation=", f"{source.name}: {problem}", unused))
    return choices


def unsure(choices: Sequence[Choice]) -> UsageError:
    """The error that names what has to be chosen, and the flags that do."""
    lines = []
    for choice in choices:
        examples = [visible(one) for one in choice.candidates[:8]]
        flags = [f"{choice.flag}{'' if choice.flag.endswith('=') else ' '}{_quoted(one)}" for one in examples]
        lines.append(f"\n  - {choice.problem}: {' | '.join(flags) or choice.flag}")
    return UsageError(
        worded("what is not sure has to be chosen:{lines}", lines="".join(lines)),
        worded("Add the flags that fit; nothing was written."),
    )


def _quoted(text: str) -> str:
    return f"'{text}'" if any(character.isspace() or character in '()&;|*<>$"' for character in text) else text


def settled(plan: Plan) -> dict[str, Any]:
    """How files of this kind are read, as `--map` takes it again."""
    found: dict[str, Any] = {}
    sheets = [source.sheet for source in plan.sources if source.sheet]
    if len(plan.paths) == 1 and sheets:
        found["sheet"] = ",".join(sheets)
    headers = {source.header.row for source in plan.sources if source.header is not None}
    if len(headers) == 1:
        found["header_row"] = headers.pop()
    columns = [
        source.layout.columns for source in plan.sources if source.layout is not None and source.reader is not None
    ]
    if columns and all(one == columns[0] for one in columns):
        found["map"] = dict(columns[0])
    if plan.roles is not None:
        found["roles"] = plan.roles.as_pairs()
    if plan.divides and plan.gap is not None:
        found["gap"] = plan.gap.total_seconds() / 60
    return found | ({"redact": True} if plan.asked.redact else {})
