"""What a 200's body says: the text of a chat completion, and the tokens that it used.

    {"choices": [{"message": {"content": "…"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 812, …}}

The two are read apart: a reply without text may have been paid for, and a good reply may not say what it cost.
"""

import json
from dataclasses import dataclass
from typing import Any

# No model reads or writes as much: ten times the longest context on offer. More than that is not a count.
_MOST_TOKENS = 100_000_000


@dataclass(frozen=True, slots=True)
class Completion:
    """What a usable chat completion says; tokens are 0 where it does not state them."""

    content: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def read_completion(text: str) -> Completion | None:
    """Read a raw body as a chat completion; None where it is HTML, an error body, without choices or without content."""
    body = _read_object(text)
    try:
        choice = body["choices"][0]
        content = choice["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    if not isinstance(content, str):
        return None
    return Completion(content, str(choice.get("finish_reason") or ""), *(_usage(body) or (0, 0)))


def stated_usage(text: str) -> tuple[int, int] | None:
    """The tokens of the prompt and of the reply, as a raw body of any kind states them.

    Returns:
        None where it states none, or none that can be true: no whole numbers, a prompt of less than one token, or more
        than 100 million.
    """
    return _usage(_read_object(text))


def _read_object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _usage(body: dict[str, Any]) -> tuple[int, int] | None:
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, reply, both = usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens")
    if reply is None and type(prompt) is int and type(both) is int:  # as for embeddings, which have no reply
        reply = both - prompt
    if type(prompt) is not int or type(reply) is not int:  # True is an int to isinstance
        return None
    return (prompt, reply) if 1 <= prompt <= _MOST_TOKENS and 0 <= reply <= _MOST_TOKENS else None
