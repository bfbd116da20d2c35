"""A conversation as its chat template renders it, in pieces that say whose text each character is.

A template is rendered once for each sequence of roles, with a mark in place of every text. The marks say where the
assistant's texts lie, whatever the template puts around them; generation markers are not needed, so a model's own template
works as it is. Every row is rendered once more as it is, and left out where the two differ.

Some templates put a call, its result and the answer into one turn (Gemma 4), or end a call with another token than an answer
(GLM 4). A turn that would hold another message's mark ends where the conversation would end if it were cut there.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jinja2
from transformers import PreTrainedTokenizerBase

from builder.errors import UsageError
from builder.language.messages import worded
from builder.schema import Message
from trainer.data import Conversation

_MARK = re.compile("\ue000(\\d+)\ue001")
_WAY_OUT = worded(
    "Choose one of ours with `train.template`: alpaca needs only an end token, chatml and llama3 their control tokens."
)


class RowLeftOutError(Exception):
    """A row that cannot be trained on as it is; `reason` is what its tally counts."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the rendered text.

    Attributes:
        message: the message whose text it is, or None for the template's own.
        turn: the assistant turn it belongs to, counted from 0, from the first character of its text to the end of its end
            token; None elsewhere.
    """

    text: str
    message: int | None
    turn: int | None


class ChatRenderer:
    """Renders conversations with a tokenizer's chat template.

    Args:
        tokenizer: its `chat_template` is used.
        name: of the template, for messages.

    Raises:
        UsageError: there is no template, or no special token follows the assistant's text in it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        if not tokenizer.chat_template:
            raise UsageError(worded("{name}: the model has no chat template", name=name), _WAY_OUT)
        self.name = name
        self.special = {t.content: i for i, t in tokenizer.added_tokens_decoder.items() if t.special and t.content}
        longest_first = sorted(self.special, key=len, reverse=True)
        self.special_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._tokenizer = tokenizer
        self._skeletons: dict[tuple[str, ...], tuple[Piece, ...]] = {}
        self.end_token = self._find_end_token()

    def _render(self, messages: list[dict[str, Any]], tools: Any = None, *, prompt: bool = False) -> str:
        return str(
            self._tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=prompt)
        )

    def _find_end_token(self) -> str:
        turns = [Message("user", "a"), Message("assistant", "b"), Message("user", "c"), Message("assistant", "d")]
        try:
            text = self._render([_marked(i, turn) for i, turn in enumerate(turns)])
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            raise UsageError(
                worded("template {name}: cannot be rendered ({error})", name=self.name, error=error), _WAY_OUT
            ) from error
        ends: set[str] = set()
        for index in (1, 3):
            _, found, after = text.partition(_mark(index))
            end = self.special_pattern.match(after.lstrip()) if found else None
            ends.add(end.group() if end else "")
        if len(ends) != 1 or "" in ends:
            raise UsageError(
                worded(
                    "template {name}: no special token ends the assistant's turns, so a model trained with it would "
                    "not learn to stop",
                    name=self.name,
                ),
                _WAY_OUT,
            )
        return ends.pop()

    def pieces(self, conversation: Conversation) -> tuple[Piece, ...]:
        """The rendered text in pieces, every text in its place; equal to what the template renders by itself.

        Raises:
            RowLeftOutError: the template cannot express the conversation, or changes a text beyond stripping it.
        """
        messages = conversation.messages
        with_tools = bool(conversation.tools) or any(m.tool_calls or m.role == "tool" for m in messages)
        try:
            tools = json.loads(conversation.tools) if conversation.tools else None
            chat = [_as_chat(message) for message in messages]
            if with_tools:
                self._refuse_control_tokens(conversation)
                skeleton = self._skeleton(messages, tools)
            else:
                key = tuple(message.role for message in messages)
                if key not in self._skeletons:
                    self._skeletons[key] = self._skeleton(messages, None)
                skeleton = self._skeletons[key]
            rendered = self._render(chat, tools)
        except (jinja2.TemplateError, ValueError, TypeError, KeyError) as error:
            raise RowLeftOutError("template_cannot_express") from error
        for texts in ([m.content for m in messages], [m.content.strip() for m in messages]):
            pieces = tuple(
                piece if piece.message is None else Piece(texts[piece.message], piece.message, piece.turn)
                for piece in skeleton
            )
            if "".join(piece.text for piece in pieces) == rendered:
                return pieces
        raise RowLeftOutError("template_changes_text")

    def _refuse_control_tokens(self, conversation: Conversation) -> None:
        """Tool calls are written out by the template, so control tokens in them could not be told from the template's."""
        raw = [conversation.tools or "", *(f"{m.tool_calls or ''} {m.name or ''}" for m in conversation.messages)]
        if any(self.special_pattern.search(text) for text in raw):
            raise RowLeftOutError("special_token_in_tool_call")

    def _skeleton(self, messages: Sequence[Message], tools: Any) -> tuple[Piece, ...]:
        marked = [_marked(index, message) for index, message in enumerate(messages)]
        text = self._render(marked, tools)
        spans = self._assistant_spans(text, marked, messages, tools)
        if not _names(tools) <= _words(text):
            raise RowLeftOutError("template_cannot_express_tool_calls")
        boundaries = {0, len(text), *(edge for span in spans for edge in span)}
        marks = {match.start(): match for match in _MARK.finditer(text)}
        for match in marks.values():
            boundaries |= {match.start(), match.end()}
        expected = [index for index, message in enumerate(marked) if _mark(index) in message["content"]]
        if [int(match.group(1)) for match in marks.values()] != expected:
            raise RowLeftOutError("template_cannot_express")
        edges = sorted(boundaries)
        pieces: list[Piece] = []
        for start, end in pairwise(edges):
            turn = next((number for number, (a, b) in enumerate(spans) if a <= start < b), None)
            mark = marks.get(start)
            pieces.append(Piece("" if mark else text[start:end], int(mark.group(1)) if mark else None, turn))
        return tuple(pieces)

    def holds_no_other_text(self, conversation: Conversation, turns: Sequence[str]) -> bool:
        """Whether the trained texts stay as they are when every text of a user, a system or a tool is another.

        Looks at no mark and no span: a text that holds anything of those messages is not found once they are changed.

        Args:
            turns: the trained texts, in their order.
        """
        chat = [_as_chat(message) for message in conversation.messages]
        for index, message in enumerate(chat):
            if message["role"] != "assistant":
                message["content"] = f"another text {index}"
        try:
            text = self._render(chat, json.loads(conversation.tools) if conversation.tools else None)
        except (jinja2.TemplateError, ValueError, TypeError, KeyError):
            return False
        text, place = (
            unicodedata.normalize("NFC", text),
            0,
        )  # some tokenizers compose characters, so their tokens' text is
        for turn in (unicodedata.normalize("NFC", turn) for turn in turns):
            found = text.find(turn, place)
            if found < 0:
                return False
            place = found + len(turn)
        return True

    def _assistant_spans(
        self, text: str, marked: list[dict[str, Any]], messages: Sequence[Message], tools: Any
    ) -> list[tuple[int, int]]:
        """From the first character of each assistant text to the end of its end token; none reaches into another message."""
        spans: list[tuple[int, int]] = []
        for index, message in enumerate(messages):
            if message.role != "assistant":
                continue
            start = text.find(_mark(index))
            if start < 0:
                # A turn of tool calls only has no text to mark: it begins where a prompt for it would end.
                prompt = self._render(marked[:index], tools, prompt=True)
                start = len(prompt) if text.startswith(prompt) else -1
            stop = text.find(self.end_token, start)
            end = stop + len(self.end_token)
            if stop < 0 or _foreign(text[start:end], index):
                end = self._end_of_cut(text, marked[: index + 1], tools)
            if start < (spans[-1][1] if spans else 0) or end <= start or _foreign(text[start:end], index):
                raise RowLeftOutError("template_cannot_express")
            calls = json.loads(message.tool_calls) if message.tool_calls else None
            if not _names(calls) <= _words(text[start:end]):
                raise RowLeftOutError("template_cannot_express_tool_calls")
            spans.append((start, end))
        return spans

    def _end_of_cut(self, text: str, marked: list[dict[str, Any]], tools: Any) -> int:
        """Where a conversation ends that is cut after a turn, if that is a special token of the whole one; else -1."""
        cut = self._render(marked, tools).rstrip()
        ends = [match.end() for match in self.special_pattern.finditer(cut)]
        return len(cut) if text.startswith(cut) and ends and ends[-1] == len(cut) else -1


def _mark(index: int) -> str:
    return f"\ue000{index}\ue001"


def _foreign(text: str, index: int) -> bool:
    """Whether a text holds the mark of another message."""
    return any(int(match.group(1)) != index for match in _MARK.finditer(text))


def _marked(index: int, message: Message) -> dict[str, Any]:
    chat = _as_chat(message)
    if message.content or not message.tool_calls:
        chat["content"] = _mark(index)
    return chat


def _as_chat(message: Message) -> dict[str, Any]:
    chat: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        chat["tool_calls"] = [{"type": "function", "function": call} for call in json.loads(message.tool_calls)]
    if message.name and message.role == "tool":
        chat["name"] = message.name
    return chat


def _names(functions: Any) -> set[str]:
    """The names in a list of tools or tool calls, bare or under `function`."""
    return {str(item.get("function", item)["name"]) for item in functions or ()}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\s\"'<>(){}\[\],:=]+", text))
