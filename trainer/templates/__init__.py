"""Our chat templates. To add one: a `<name>.jinja` beside this file and one line in `TEMPLATES`.

Each wraps an assistant's text and its end token in generation markers, so tools that build masks from the markers train
exactly what Seedbed trains. Copies patched by TRL are not used: some train the header's white space, and one space more or
less in a model's own template keeps them from matching.
"""

from dataclasses import dataclass
from pathlib import Path

from builder.errors import UsageError, nearest
from builder.language.messages import worded

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat template and the control tokens it needs.

    Attributes:
        tokens: each must be one special token of the tokenizer; a scratch tokenizer gets them, a trained one must have them.
        end: the token that ends an assistant turn; None is the tokenizer's own end-of-sequence token.
    """

    name: str
    tokens: tuple[str, ...]
    end: str | None

    @property
    def source(self) -> str:
        """The Jinja text."""
        return (_FOLDER / f"{self.name}.jinja").read_text(encoding="utf-8").rstrip("\n")


TEMPLATES: dict[str, ChatTemplate] = {
    template.name: template
    for template in (
        ChatTemplate("chatml", ("<|im_start|>", "<|im_end|>"), "<|im_end|>"),
        ChatTemplate("llama3", ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), "<|eot_id|>"),
        ChatTemplate("alpaca", (), None),
        ChatTemplate("compact", ("<|system|>", "<|user|>", "<|tool|>", "<|assistant|>", "<|end|>"), "<|end|>"),
    )
}


def find_template(name: str) -> ChatTemplate:
    """Look a template up.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in TEMPLATES:
        raise UsageError(
            worded("train.template: unknown template {name!r}{nearest}", name=name, nearest=nearest(name, TEMPLATES)),
            worded(
                "There are {templates}; leave it empty for the model's own.", templates=", ".join(sorted(TEMPLATES))
            ),
        )
    return TEMPLATES[name]
