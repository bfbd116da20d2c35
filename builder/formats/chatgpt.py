"""ChatGPT's data export, `conversations.json`: a list of conversations, each a tree of nodes in `mapping`.

What is taken is the path to `current_node`, which is what the chat shows: texts of user and assistant, thoughts as reasoning,
what was said aloud as text. Hidden nodes, other branches and calls of built-in tools are left out and counted.
(Source: OpenAI's help page on exporting data, and exports as `mitkury/chatgpt-export-parser` documents them; there is no
official schema. DeepSeek's export has the same tree with `fragments` in place of `content`.)
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import fold_name
from builder.formats.conversations.branches import Transcript, count_other_branches, path_to
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text
from builder.language.messages import worded

# Marks of sources, which a page shows as links: private-use characters around them, or 【12†source】.
_CITATION = re.compile(r"\ue200[^\ue201]{0,400}\ue201|【\d+(?::\d+)?†[^】\n]{0,200}】")
_TEXTS = ("text", "multimodal_text", "code")


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where conversations are trees under `mapping`, else None."""
    folded = {fold_name(column): column for column in columns}
    if "mapping" not in folded or not isinstance(rows[0].get(folded["mapping"]), dict):
        return None
    if not folded.keys() & {"current_node", "conversation_id", "title", "inserted_at"}:
        return None
    return {name: folded[name] for name in ("mapping", "current_node") if name in folded}


def read(row: Row) -> list[SampleParts]:
    """One sample: the path that the chat shows.

    Raises:
        RowError: `mapping` holds no nodes.
    """
    nodes = row.get("mapping")
    if not isinstance(nodes, Mapping) or not all(isinstance(node, Mapping) for node in nodes.values()):
        raise RowError(worded("'mapping' holds {kind_of}, expected an object of nodes", kind_of=kind_of(nodes)))
    parents = {name: _parent(node) for name, node in nodes.items()}
    shown = optional_text(row, "current_node")
    path = path_to(shown if shown in nodes else _last(parents), parents)
    transcript = Transcript()
    transcript.left_out["branches"] = count_other_branches(path, parents)
    for name in path:
        message = nodes[name].get("message")
        if isinstance(message, Mapping) and not transcript.cut:
            _add_fragments(message, transcript) if "fragments" in message else _add(message, transcript)
    return [transcript.parts()]


def _parent(node: Mapping[str, Any]) -> str | None:
    parent = node.get("parent")
    return parent if isinstance(parent, str) else None


def _last(parents: Mapping[str, str | None]) -> str | None:
    """The last node that nothing follows: exports list them as they were made."""
    inner = set(parents.values())
    return next((name for name in reversed([*parents]) if name not in inner), None)


def _add(message: Mapping[str, Any], transcript: Transcript) -> None:
    author, content, metadata = (_object(message.get(key)) for key in ("author", "content", "metadata"))
    role, kind = author.get("role"), content.get("content_type", "text")
    recipient = message.get("recipient") or "all"
    if role == "tool" or (role == "assistant" and recipient != "all"):
        transcript.tool(str(author.get("name") or "tool") if role == "tool" else str(recipient))
        return
    if kind == "thoughts" and role == "assistant":
        transcript.think(_thoughts(content))
        return
    text = _text(content, transcript, asked=role == "user")
    if metadata.get("is_visually_hidden_from_conversation") is True or metadata.get("is_user_system_message") is True:
        transcript.left_out["hidden"] += bool(text.strip()) or kind not in _TEXTS
    elif kind not in _TEXTS:
        transcript.kinds[str(kind)] = None
    elif transcript.cut:
        return
    elif role == "system":
        transcript.system(text)
    elif role == "user":
        transcript.user(text)
    elif role == "assistant":
        if isinstance(metadata.get("model_slug"), str) and text.strip():
            transcript.models[metadata["model_slug"]] = None
        transcript.answer(_without_citations(text, transcript))


def _add_fragments(message: Mapping[str, Any], transcript: Transcript) -> None:
    """DeepSeek's: a message is a list of {type: REQUEST, THINK, RESPONSE, SEARCH …, content}."""
    for fragment in message["fragments"] if isinstance(message["fragments"], list) else []:
        kind, text = _object(fragment).get("type"), _object(fragment).get("content")
        if not isinstance(text, str) or kind not in ("REQUEST", "THINK", "RESPONSE"):
            transcript.kinds[str(kind)] = None
        elif kind == "REQUEST":
            transcript.cut = transcript.cut or bool(message.get("files"))
            if transcript.cut:
                return
            transcript.user(text)
        elif kind == "THINK":
            transcript.think(text)
        else:
            transcript.answer(_without_citations(text, transcript))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _thoughts(content: Mapping[str, Any]) -> str:
    thoughts = content.get("thoughts")
    said = [_object(thought) for thought in thoughts] if isinstance(thoughts, list) else []
    return "\n\n".join(str(thought.get("content") or thought.get("summary") or "") for thought in said)


def _text(content: Mapping[str, Any], transcript: Transcript, *, asked: bool) -> str:
    """The texts of a message; a picture that a person showed is in no export, and what follows is about it."""
    if isinstance(content.get("text"), str):
        return str(content["text"])
    parts = content.get("parts")
    texts = []
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(_object(part).get("text"), str):  # what was said aloud, written down
            texts.append(_object(part)["text"])
        elif _object(part).get("content_type") == "image_asset_pointer" and asked:
            transcript.cut = True
        elif part is not None:
            transcript.kinds[str(_object(part).get("content_type", "part"))] = None
    return "\n".join(texts)


def _without_citations(text: str, transcript: Transcript) -> str:
    if "\ue200" not in text and "†" not in text:
        return text
    cleaned, count = _CITATION.subn("", text)
    transcript.left_out["citations"] += count
    return cleaned


CHATGPT = RowFormat(
    name="chatgpt",
    title={"en": "ChatGPT's export", "zh": "ChatGPT 导出的对话"},
    expects="",
    required=("mapping",),
    detect=detect,
    read=read,
)
