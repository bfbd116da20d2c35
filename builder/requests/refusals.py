"""What a request was refused for, as an answer of status 400 and the like says it: its text, its length, or a member of its body.

{"error": {"code": "data_inspection_failed", …}}                   the prompt's own: others are taken
{"error": {"param": "max_tokens", "message": "… Use 'max_completion_tokens' instead."}}
                                                                   every request's: a setting mends it
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from builder.config import Teacher
from builder.language.messages import worded

About = Literal["content", "credit", "key", "length", "member", "unsaid"]

# OpenAI's and Azure's content_filter, "flagged" and "content management policy", Moonshot's "high risk", DeepSeek's "Content Exists
# Risk", DashScope's data_inspection_failed, Volcengine's SensitiveContentDetected, OpenRouter's "moderation".
_CONTENT = re.compile(
    r"content[ _-]?filter|content[ _]?polic|content management polic|content exists risk|data_?inspection|inappropriate"
    r"|(?<!case[ -])sensitive|responsible_?ai|moderation|flagged|high risk|敏感|违规|不安全",
    re.IGNORECASE,
)
_CONTENT_CODES = frozenset({"1301"})  # Zhipu's
# With 400: DashScope's Arrearage, Anthropic's "credit balance is too low"; Gemini's "API key not valid".
_CREDIT = re.compile(
    r"arrear|good standing|credit balance|(?:insufficient|not enough)[ _](?:balance|quota|credit|funds)|欠费|余额", re.I
)
_KEY = re.compile(
    r"(?:invalid|incorrect|wrong|expired|missing) api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|invalid|expired)|api_key_invalid",
    re.I,
)
_LENGTH = re.compile(
    r"context[ _](?:length|window|size)|too (?:long|large|many tokens)|reduce the length|input length"
    r"|exceed[^.]{0,40}(?:length|tokens|limit)|过长|超长|超[过出][^。]{0,12}(?:长度|上限|限制)",
    re.IGNORECASE,
)
_THINKING = "enable_thinking"  # which hosted Qwen wants to be false where a request does not stream
_COMPLAINT = re.compile(
    r"unsupported|not (?:be )?supported|does not support|unrecognized|unknown|unexpected|invalid|extra|not (?:permitted|allowed)"
    r"|must be|only the default|不支持|无效|未知|非法",
    re.IGNORECASE,
)
_READ = 64 * 1024  # characters of an answer that are looked at


@dataclass(frozen=True, slots=True)
class _Said:
    """What an answer says: in words, by codes, and which members of the body it points at; never what it quotes of the request."""

    words: str
    codes: frozenset[str]
    members: frozenset[str]


def read_refusal(status: int, text: str, teacher: Teacher) -> About:
    """What an answer says that the request was refused for.

    Args:
        text: its body.
        teacher: as whose settings the request was made.
    """
    said = _read(text)
    words = " ".join((said.words, *said.codes))
    if _CONTENT.search(words) or said.codes & _CONTENT_CODES:
        return "content"
    if _CREDIT.search(words):
        return "credit"
    if _KEY.search(words):
        return "key"
    if status == 413 or _LENGTH.search(words):
        return "length"
    return "member" if _refused_member(said, teacher) else "unsaid"


def advise(about: About, text: str, teacher: Teacher) -> str:
    """What to change so that such a request is taken."""
    said = _read(text)
    name = _refused_member(said, teacher) if about == "member" else None
    if about == "length":
        return worded(
            "Ask for less at once: lower teacher.max_tokens, growth.tasks_per_request, growth.demonstrations "
            "or growth.chunk_words."
        )
    if about == "content":
        return worded("A filter refuses the prompt: look for the seed tasks, documents or rows that provoke it.")
    if name == "response_format":
        return worded(
            "Write `teacher.response_format: none` into the settings, or pass --set teacher.response_format=none."
        )
    if name in teacher.extra_body:
        return worded("Take {name} out of teacher.extra_body.", name=name)
    if name == _THINKING:
        return _write("extra_body", {**teacher.extra_body, name: False})
    member = next((member for member, sent in teacher.members.items() if name and sent == name), None)
    if member is not None:
        other = "max_completion_tokens" if member == "max_tokens" and "max_completion_tokens" in said.words else None
        return _write("parameters", {str(name): sent for name, sent in teacher.parameters.items()} | {member: other})
    return worded(
        "Mend what it names: a model or an address is in teacher.model and teacher.base_url; "
        "`teacher.response_format: none` helps where it knows no JSON mode, teacher.parameters where it "
        "knows another member by another name or not at all."
    )


def _write(key: str, value: Mapping[str, Any]) -> str:
    written = yaml.safe_dump(
        dict(value), default_flow_style=True, allow_unicode=True, sort_keys=False, width=1000
    ).strip()
    return worded(
        "Write `teacher.{key}: {written}` into the settings, or pass --set 'teacher.{key}={written}'.",
        key=key,
        written=written,
    )


def _refused_member(said: _Said, teacher: Teacher) -> str | None:
    """Which member of the request's body an answer complains of, by the name that it was sent under."""
    names = [name for name in (*teacher.members.values(), *teacher.extra_body, _THINKING) if name]
    named = next((name for name in names if name in said.members), None)
    if named is None and _COMPLAINT.search(said.words):
        named = next((name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said.words)), None)
    return named


def _read(text: str) -> _Said:
    """The words and codes of an error body of any shape; of one that is no JSON, nor a web page, its beginning."""
    found: dict[str, list[str]] = {"words": [], "codes": [], "members": []}
    try:
        waiting: list[Any] = [json.loads(text)] if len(text) <= _READ else [text[:_READ]]
    except (ValueError, RecursionError):
        waiting = [text[:_READ]]
    if isinstance(waiting[0], str):
        words = "" if waiting[0].lstrip().startswith("<") else waiting[0]
        return _Said(words, frozenset(), frozenset())
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        for key, one in value.items() if isinstance(value, dict) else ():
            texts = [str(part) for part in (one if isinstance(one, list) else [one]) if isinstance(part, str | int)]
            if (kind := _KEYS.get(key)) is not None:
                found[kind] += texts
            if isinstance(one, dict | list) and key not in _QUOTES:
                waiting.append(one)
    return _Said(" ".join(found["words"]), frozenset(found["codes"]), frozenset(found["members"]))


_KEYS: Mapping[str, str] = {
    **dict.fromkeys(("message", "msg", "detail", "error", "reason", "reasons", "error_msg"), "words"),
    **dict.fromkeys(("code", "type"), "codes"),
    **dict.fromkeys(("param", "loc"), "members"),
}
_QUOTES = frozenset({"input", "flagged_input", "messages", "request"})
