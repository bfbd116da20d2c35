"""What a mask looks like: supervised tokens in colour on a terminal, in [brackets] without one, or as HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import jinja2

from builder.config import Train
from builder.errors import UsageError
from builder.language.messages import worded
from trainer.data import PICTURES, Tally, read_published
from trainer.masking import IGNORED, ChatEncoder, EncodedRow
from trainer.model import load_tokenizer

Language = Literal["en", "zh"]

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Loss mask",
        "template": "template",
        "meaning": "The model is trained on the marked tokens only.",
        "row": "row",
        "colon": ": ",
        "counts": "{on} of {all} tokens supervised",
        "left_out": "left out of training ({reason})",
    },
    "zh": {
        "title": "损失掩码",
        "template": "模板",
        "meaning": "模型只在标出的词元上训练。",
        "row": "行",
        "colon": "：",
        "counts": "{all} 个词元中有 {on} 个受监督",
        "left_out": "不参与训练（{reason}）",
    },
}

_SUPERVISED = "\x1b[30;42m"  # black on green: readable on light and dark terminals
_PROMPT = "\x1b[2m"
_RESET = "\x1b[0m"

_PAGE = jinja2.Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="{{ language }}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ words.title }}</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8886; border-radius: 6px; padding: .8rem }
pre span { border-left: 1px solid #8884 }
pre .on { background: #2e9e4f; color: #fff }
</style>
<h1>{{ words.title }}</h1>
<p>{{ words.template }} <b>{{ template }}</b>. {{ words.meaning }}</p>
{% for row, counts, tokens in rows %}
<h2>{{ words.row }} {{ row }}</h2>
<p>{{ counts }}</p>
<pre>{% for text, on in tokens %}<span{% if on %} class="on"{% endif %}>{{ text }}</span>{% endfor %}</pre>
{% endfor %}
{% for row, why in left_out %}
<h2>{{ words.row }} {{ row }}</h2>
<p>{{ why }}</p>
{% endfor %}
</html>
"""
)


@dataclass(frozen=True, slots=True)
class MaskPreview:
    """Rows with their masks, ready to be shown.

    Attributes:
        template: the chat template's name.
        rows: for each row its number and its tokens as (text, supervised).
        counts: for each row how many tokens are supervised, and how many there are.
        left_out: the rows that were asked for and are not trained on, each with its reason.
    """

    template: str
    rows: tuple[tuple[int, tuple[tuple[str, bool], ...]], ...]
    counts: tuple[tuple[int, int], ...]
    left_out: tuple[tuple[int, str], ...] = ()

    def text(self, *, colour: bool, language: Language = "en") -> str:
        """For a terminal; with `colour` False supervised stretches stand in [brackets] and there are no escape codes."""
        words = _WORDS[language]
        blocks = [f"{words['template']} {self.template}"]
        for (row, tokens), counts in zip(self.rows, self.counts, strict=True):
            body = "".join(_coloured(tokens) if colour else _bracketed(tokens))
            blocks.append(f"{words['row']} {row}{words['colon']}{_describe(counts, language)}\n{body}")
        blocks += [
            f"{words['row']} {row}{words['colon']}{words['left_out'].format(reason=why)}" for row, why in self.left_out
        ]
        return "\n\n".join(blocks) + "\n"

    def as_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "template": self.template,
            "rows": [
                {
                    "row": row,
                    "supervised": counts[0],
                    "tokens": counts[1],
                    "pieces": [{"text": text, "supervised": on} for text, on in tokens],
                }
                for (row, tokens), counts in zip(self.rows, self.counts, strict=True)
            ],
            "left_out": [{"row": row, "reason": why} for row, why in self.left_out],
        }

    def html(self, language: Language = "en") -> str:
        """A self-contained page; every text is escaped."""
        rows = [(r, _describe(c, language), tokens) for (r, tokens), c in zip(self.rows, self.counts, strict=True)]
        words = _WORDS[language]
        left_out = [(row, words["left_out"].format(reason=why)) for row, why in self.left_out]
        return _PAGE.render(template=self.template, rows=rows, left_out=left_out, words=words, language=language)


def preview_mask(encoder: ChatEncoder, rows: list[EncodedRow], left_out: Sequence[tuple[int, str]] = ()) -> MaskPreview:
    """Show which tokens of some encoded rows are supervised.

    Args:
        encoder: the one that encoded them.
        rows: as `ChatEncoder.encode_rows` returned them.
        left_out: rows that it did not return, each with its reason.
    """
    return MaskPreview(
        encoder.template,
        tuple((row.row, tuple(_tokens(encoder, row))) for row in rows),
        tuple((row.supervised, len(row.input_ids)) for row in rows),
        tuple(left_out),
    )


def preview_folder(folder: Path, settings: Train, rows: int) -> MaskPreview:
    """Encode and show the first training rows of a published dataset, as `train` would train on them.

    Args:
        rows: how many are looked at; each is shown, or named with the reason why it is left out.

    Raises:
        UsageError: the folder is not published, the template cannot be used, or no row could be encoded.
    """
    published = read_published(folder)
    loaded = load_tokenizer(settings, published.train)
    encoder = ChatEncoder(loaded.tokenizer, template=loaded.template, loss_on=settings.loss_on)
    encoded: list[EncodedRow] = []
    left_out: list[tuple[int, str]] = []
    for conversation in published.train[:rows]:
        tally = Tally()
        encoded += encoder.encode_rows([conversation], tally, settings.max_length)
        left_out += [(conversation.row, reason) for reason in tally.reasons]
    left_out += [(row, PICTURES) for row in published.train_tally.rows.get(PICTURES, ())]
    if not encoded:
        told = "; ".join(f"{row} {reason}" for row, reason in left_out)
        raise UsageError(worded("{folder}: none of these rows can be trained on: {told}", folder=folder, told=told))
    return preview_mask(encoder, encoded, left_out)


def _tokens(encoder: ChatEncoder, row: EncodedRow) -> Iterator[tuple[str, bool]]:
    """Tokens as text; those that share a character, as the bytes of an emoji do, are shown together."""
    held: list[int] = []
    was_on = False
    for token, label in zip(row.input_ids, row.labels, strict=True):
        on = label != IGNORED
        if held and on != was_on:
            yield encoder.decode(held), was_on
            held = []
        held.append(token)
        was_on = on
        text = encoder.decode(held)
        if not text.endswith("\ufffd"):
            yield text, on
            held = []
    if held:
        yield encoder.decode(held), was_on


def _visible(text: str) -> str:
    """Other control characters could move the cursor or colour the rest of the screen."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _coloured(tokens: tuple[tuple[str, bool], ...]) -> Iterator[str]:
    for text, on in tokens:
        yield f"{_SUPERVISED if on else _PROMPT}{_visible(text)}{_RESET}"


def _bracketed(tokens: tuple[tuple[str, bool], ...]) -> Iterator[str]:
    for on, group in groupby(tokens, key=lambda token: token[1]):
        text = _visible("".join(token for token, _ in group))
        yield f"[{text}]" if on else text


def _describe(counts: tuple[int, int], language: Language) -> str:
    return _WORDS[language]["counts"].format(on=f"{counts[0]:,}", all=f"{counts[1]:,}")
