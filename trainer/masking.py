"""Which tokens are supervised: `input_ids` and `labels` of each row, built here and verified row by row.

`user: Hi / assistant: hello!` under ChatML gives labels that are -100 everywhere but on the tokens of `hello!<|im_end|>`.

Special tokens come from the template alone. Texts are tokenised as text: a message that contains `<|im_end|>` gives the
plain characters and can neither end its turn nor open another.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from transformers import PreTrainedTokenizerBase

from builder.errors import UsageError
from builder.language.messages import worded
from builder.schema import Message
from trainer.data import Conversation, Tally
from trainer.rendering import ChatRenderer, Piece, RowLeftOutError

IGNORED = -100  # the label that torch's cross-entropy skips


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One row as the model sees it.

    Attributes:
        row: its number in the dataset folder.
        input_ids: the tokens.
        labels: as long as `input_ids`; the token where it is supervised, else -100.
        prompt_length: how many tokens come before the last assistant turn's text; what generation starts from.
    """

    row: int
    input_ids: list[int]
    labels: list[int]
    prompt_length: int

    @property
    def supervised(self) -> int:
        """How many tokens are supervised."""
        return sum(1 for label in self.labels if label != IGNORED)


@dataclass(frozen=True, slots=True)
class _Run:
    """Text that is tokenised in one go, or one special token's id."""

    text: str
    token: int | None
    turn: int | None


class ChatEncoder:
    """Turns conversations into tokens and labels.

    Args:
        tokenizer: a fast tokenizer whose `chat_template` is the one to use.
        template: the template's name, for messages.
        loss_on: supervise `all` assistant turns or the `last` one; a turn of weight 0 in no case.

    Raises:
        UsageError: the tokenizer has no template, or no special token follows the assistant's text in it.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, template: str, loss_on: Literal["all", "last"] = "all"
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise UsageError(
                worded("{template}: its tokenizer has no fast version", template=template),
                worded("Choose a model with a tokenizer.json."),
            )
        self.tokenizer = tokenizer
        self.template = template
        self._loss_on = loss_on
        self._renderer = ChatRenderer(tokenizer, template)
        self._ends: dict[int, None] = {self.end_id: None}

    @property
    def end_token(self) -> str:
        """The special token that ends an assistant turn."""
        return self._renderer.end_token

    @property
    def end_id(self) -> int:
        """The id of the token that ends an assistant turn."""
        return self._renderer.special[self.end_token]

    @property
    def stop_ids(self) -> list[int]:
        """The ids of all tokens that end the trained turns encoded so far, the usual one first: calls may end otherwise."""
        return list(self._ends)

    def with_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> "ChatEncoder":
        """The same settings with another tokenizer."""
        return ChatEncoder(tokenizer, template=self.template, loss_on=self._loss_on)

    def encode(self, conversation: Conversation) -> EncodedRow:
        """Encode one conversation; see `encode_rows`.

        Raises:
            RowLeftOutError: it cannot be expressed or verified.
        """
        pieces = self._renderer.pieces(conversation)
        runs = self._runs(pieces)
        texts = [run.text for run in runs if run.token is None]
        return self._assemble(conversation, pieces, runs, dict(zip(texts, self._tokenise(texts), strict=True)))

    def encode_rows(
        self, conversations: Iterable[Conversation], tally: Tally, max_length: int | None = None
    ) -> list[EncodedRow]:
        """Encode many conversations.

        Args:
            conversations: rows to encode.
            tally: every row that is left out is counted here with its reason.
            max_length: rows of more tokens are left out, never cut.

        Returns:
            The rows that can be trained on, in order; each holds supervised tokens that decode to exactly the assistant
            texts, each with its end token.
        """
        prepared: list[tuple[Conversation, tuple[Piece, ...], list[_Run]]] = []
        for conversation in conversations:
            try:
                pieces = self._renderer.pieces(conversation)
            except RowLeftOutError as error:
                tally.leave_out(conversation.row, error.reason)
                continue
            prepared.append((conversation, pieces, self._runs(pieces)))
        texts = list({run.text: None for _, _, runs in prepared for run in runs if run.token is None})
        tokens = dict(zip(texts, self._tokenise(texts), strict=True))
        rows: list[EncodedRow] = []
        for conversation, pieces, runs in prepared:
            try:
                row = self._assemble(conversation, pieces, runs, tokens)
            except RowLeftOutError as error:
                tally.leave_out(conversation.row, error.reason)
                continue
            if max_length is not None and len(row.input_ids) > max_length:
                tally.leave_out(conversation.row, "too_long")
            else:
                rows.append(row)
        return rows

    def decode(self, tokens: Sequence[int]) -> str:
        """The tokens as text, special tokens included, nothing cleaned up."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _runs(self, pieces: Sequence[Piece]) -> list[_Run]:
        """Text between special tokens of the template, split also where an assistant's text begins, as generation does."""
        runs: list[_Run] = []
        held, turn = "", None
        for piece in pieces:
            if piece.turn != turn:
                runs.append(_Run(held, None, turn))
                held, turn = "", piece.turn
            if piece.message is not None:
                held += piece.text
                continue
            position = 0
            for match in self._renderer.special_pattern.finditer(piece.text):
                runs.append(_Run(held + piece.text[position : match.start()], None, turn))
                runs.append(_Run("", self._renderer.special[match.group()], turn))
                held, position = "", match.end()
            held += piece.text[position:]
        runs.append(_Run(held, None, turn))
        return [run for run in runs if run.text or run.token is not None]

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        encoded = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _trained(self, conversation: Conversation) -> list[int]:
        """The assistant turns to supervise, counted from 0: all or the last one, without those of weight 0.

        Raises:
            RowLeftOutError: there is none.
        """
        turns = [message for message in conversation.messages if message.role == "assistant"]
        first = 0 if self._loss_on == "all" else len(turns) - 1
        trained = [number for number in range(first, len(turns)) if turns[number].weight != 0]
        if not trained:
            raise RowLeftOutError("nothing_to_train_on")
        return trained

    def _assemble(
        self,
        conversation: Conversation,
        pieces: Sequence[Piece],
        runs: Sequence[_Run],
        tokens: dict[str, list[int]],
    ) -> EncodedRow:
        trained = self._trained(conversation)
        last = max(run.turn for run in runs if run.turn is not None)
        input_ids: list[int] = []
        labels: list[int] = []
        of_turn: dict[int, list[int]] = {number: [] for number in trained}
        prompt_length: int | None = None
        for run in runs:
            ids = tokens[run.text] if run.token is None else [run.token]
            if run.turn == last and prompt_length is None:
                prompt_length = len(input_ids)
            input_ids += ids
            labels += ids if run.turn in trained else [IGNORED] * len(ids)
            if run.turn in of_turn:
                of_turn[run.turn] += ids
        row = EncodedRow(conversation.row, input_ids, labels, prompt_length or 0)
        self._verify(row, pieces, of_turn, conversation)
        self._ends |= dict.fromkeys(ids[-1] for ids in of_turn.values())
        return row

    def _verify(
        self,
        row: EncodedRow,
        pieces: Sequence[Piece],
        of_turn: Mapping[int, Sequence[int]],
        conversation: Conversation,
    ) -> None:
        """The tokens decode to the rendered text, and the supervised ones to the assistant's messages with their end tokens.

        What they are to be is read from the messages, not from the spans that the labels were made with.

        Args:
            of_turn: the supervised tokens of each trained turn.

        Raises:
            RowLeftOutError: they do not; such a row is never trained on.
        """
        turns = [message for message in conversation.messages if message.role == "assistant"]
        texts = [self.decode(tokens) for tokens in of_turn.values()]
        whole = "".join(piece.text for piece in pieces)
        if (
            [label for label in row.labels if label != IGNORED] != list(chain.from_iterable(of_turn.values()))
            or not all(self._is_turn(text, turns[number]) for number, text in zip(of_turn, texts, strict=True))
            or not self._same(self.decode(row.input_ids), whole)
        ):
            raise RowLeftOutError("mask_not_verified")
        calls = any(turns[number].tool_calls for number in of_turn)
        if calls and not self._renderer.holds_no_other_text(conversation, texts):
            raise RowLeftOutError("mask_not_verified")

    def _is_turn(self, text: str, message: Message) -> bool:
        """Whether a trained text is a message and the one token that ends it; only its calls may stand between."""
        ends = list(self._renderer.special_pattern.finditer(text))
        if not ends or ends[-1].end() != len(text):
            return False
        said = unicodedata.normalize("NFC", text[: ends[-1].start()]).rstrip()
        content = unicodedata.normalize("NFC", message.content).rstrip()
        if message.tool_calls:
            return said.startswith((content, content.lstrip()))
        return said in (content, content.lstrip())

    def _same(self, decoded: str, text: str) -> bool:
        # Some tokenizers (Qwen's) compose characters first, so the text comes back composed.
        return decoded == text or decoded == unicodedata.normalize("NFC", text)
