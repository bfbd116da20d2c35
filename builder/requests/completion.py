"""What a 200's body says: the text of a chat completion, and the tokens that it used.

    {"choices": [{"message": {"content": "…"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 812, …}}

The two are read apart: a reply without text may have been paid for, and a good reply may not say what it cost.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from builder.language.messages import worded

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
    """Read a raw body as a chat completion; None where it is HTML, an error body, without choices or without content.

    Content that comes as a list of parts is its texts, joined; parts of other kinds, such as what a model thought, are none of it.
    """
    body = _read_object(text)
    choice, content = _first_choice(body)
    if isinstance(content, list):
        texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        content = "".join(texts) if texts else None
    if not isinstance(content, str):
        return None
    return Completion(content, str(choice.get("finish_reason") or ""), *(_usage(body) or (0, 0)))


class Unusable(NamedTuple):
    """Why a 200's body is no chat completion.

    Attributes:
        what: it is, in words.
        remedy: what to change where all replies are so.
        final: asking the same again would end the same: the model was heard, and paid.
        passing: what stands between may have said it, such as a proxy while the server restarts.
    """

    what: str
    remedy: str
    final: bool = False
    passing: bool = False


def explain_unusable(text: str) -> Unusable:
    """Say what a raw body is in place of a chat completion."""
    body = _read_object(text)
    if text.lstrip()[:1] == "<":
        return Unusable(worded("a web page"), f"{_CHECK_ADDRESS} Its end is often /v1.", passing=True)
    if body.get("error"):
        return Unusable(
            worded("an error with status 200 ({error_text})", error_text=error_text(text)),
            worded("Mend what it names, or try again later."),
            passing=True,
        )
    choice, _ = _first_choice(body)
    if not choice:
        return Unusable(
            worded("something without choices ({error_text})", error_text=error_text(text)),
            _CHECK_ADDRESS,
            passing=True,
        )
    reason = str(choice.get("finish_reason") or "none")
    if reason == "length":
        what = worded("cut by length before its first word, as where a model thinks until its tokens are used up")
        return Unusable(what, _LESS_THOUGHT, final=True)
    remedy = worded("Try another model, or `teacher.response_format: none`.")
    return Unusable(
        worded("without text (finish_reason {reason})", reason=reason), remedy, final="content_filter" in reason
    )


_CHECK_ADDRESS = worded("Check teacher.base_url: it is the address before /chat/completions.")
_LESS_THOUGHT = worded(
    "Raise teacher.max_tokens, or have the model think less: teacher.extra_body is "
    "{{enable_thinking: false}} on hosted Qwen, {{chat_template_kwargs: {{enable_thinking: false}}}} "
    "on vLLM and SGLang, {{reasoning_effort: low}} at OpenAI."
)


def error_text(text: str) -> str:
    """What an error body says, on one line; the body itself where it is of no known shape."""
    body = _read_object(text)
    error = body.get("error")
    parts = [
        error.get("message") if isinstance(error, dict) else error,
        *(body.get(key) for key in ("message", "detail", "error_msg", "msg")),
    ]
    said = next((part for part in parts if part), text[:2000])
    return " ".join((said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)).split())[:200]


def _first_choice(body: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The first choice and the content of its message; empty, and None, where there is none."""
    try:
        choice = body["choices"][0]
        content = choice["message"].get("content")
    except (KeyError, IndexError, TypeError, AttributeError):
        return {}, None
    return choice, content


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
