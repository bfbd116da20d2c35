"""Conversations that branch, as chat services export them: nodes with parents, of which one path was shown last."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from builder.formats.row_format import RowLeftOutError, SampleParts
from builder.language.messages import worded
from builder.schema import Message


def path_to(leaf: str | None, parents: Mapping[str, str | None]) -> list[str]:
    """The nodes from the root down to `leaf`; a parent that is not there, or that was passed before, ends it."""
    path: dict[str, None] = {}
    while leaf is not None and leaf in parents and leaf not in path:
        path[leaf] = None
        leaf = parents[leaf]
    return [*reversed(path)]


def count_other_branches(path: Sequence[str], parents: Mapping[str, str | None]) -> int:
    """How many ends there are beside that of the path: answers that were made again, questions that were asked anew."""
    inner = set(parents.values())
    return sum(1 for node in parents if node not in inner and node not in path)


@dataclass(slots=True)
class Transcript:
    """What was said on one path, turn by turn, and what of it is no text between the two.

    Attributes:
        left_out: how many of each: `tool_turns`, `hidden`, `branches`, `citations`.
        tools: the names of those tools.
        kinds: names of parts that are no text, and files whose content the export does not hold.
        cut: whether a turn needs a picture or a file that is not in the export; nothing after it is taken.
    """

    turns: list[Message] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    tools: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, None] = field(default_factory=dict)
    models: dict[str, None] = field(default_factory=dict)
    cut: bool = False
    _thoughts: list[str] = field(default_factory=list)

    def system(self, text: str) -> None:
        """Instructions; taken where they come before everything else."""
        if text.strip() and not self.turns:
            self.turns.append(Message("system", text))
        elif text.strip():
            self.left_out["hidden"] += 1

    def user(self, text: str) -> None:
        """What a person said."""
        self._thoughts.clear()
        self.turns.append(Message("user", text))

    def think(self, text: str) -> None:
        """Thoughts before the next answer."""
        if text.strip():
            self._thoughts.append(text.strip())

    def answer(self, text: str) -> None:
        """What the assistant said; texts before and after a tool's turn are one answer."""
        if not text.strip():
            return
        if self.turns and self.turns[-1].role == "assistant":
            earlier = self.turns.pop()
            text = f"{earlier.content}\n\n{text}"
            self._thoughts[:0] = [earlier.reasoning] if earlier.reasoning else []
        self.turns.append(Message("assistant", text, reasoning="\n\n".join(self._thoughts) or None))
        self._thoughts.clear()

    def tool(self, name: str) -> None:
        """A call, or a result: free text, which no tool's schema tells of."""
        self.left_out["tool_turns"] += 1
        self.tools[name] = None

    def parts(self) -> SampleParts:
        """The conversation, what of it was left out, and notes.

        Raises:
            RowLeftOutError: nothing is said in it.
        """
        if not self.turns:
            raise RowLeftOutError(
                worded("its first question needs a picture or a file which the export does not hold")
                if self.cut
                else worded("nothing is said in the conversation")
            )
        notes = []
        if self.kinds:
            notes.append(worded("parts of other kinds were left out: {kinds}", kinds=", ".join(self.kinds)))
        if self.tools:
            notes.append(worded("calls of tools and their results were left out: {tools}", tools=", ".join(self.tools)))
        if len(self.models) > 1:
            notes.append(worded("several models answered: {models}", models=", ".join(self.models)))
        self.left_out["cut"] = int(self.cut)
        return SampleParts(tuple(self.turns), notes=tuple(notes), left_out=+self.left_out)
