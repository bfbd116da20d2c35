"""Open Assistant's message trees: a prompt with its replies, theirs, and so on, ranked by people.

{"message_tree_id": "…", "prompt": {"text": "…", "role": "prompter", "replies": [{"text": "…", "role": "assistant", "rank": 0, …}]}}

The best-ranked path becomes one sample. Where an answer on it was ranked above others, each of these becomes the `rejected` of a
pair that ends with that answer, the worst first: curation keeps one of several pairs that say the same. What was deleted, refused
in review or never reviewed is left out with all that follows it. Rows of messages (`message_id`, `parent_id`) become such trees in
`builder.formats.conversations.message_rows`. (Source: the data schemas of LAION's Open-Assistant, and the card of oasst1.)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import fold_name, truth
from builder.formats.row_format import (
    Row,
    RowError,
    RowFormat,
    RowLeftOutError,
    SampleParts,
    kind_of,
    optional_text,
    text_of,
)
from builder.language.messages import worded
from builder.schema import Message

ROLES = {"prompter": "user", "user": "user", "human": "user", "assistant": "assistant", "bot": "assistant"}
_LONGEST = 200  # turns
# States of trees that its makers gave up.
_GIVEN_UP = ("aborted_low_grade", "halted_by_moderator")


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where rows are trees, else None."""
    folded = {fold_name(column): column for column in columns}
    prompt = rows[0].get(folded.get("prompt", ""))
    if not isinstance(prompt, dict) or not folded.keys() & {"message_tree_id", "tree_state", "replies"}:
        return None
    return {name: folded[name] for name in ("prompt", "tree_state") if name in folded}


def read(row: Row) -> list[SampleParts]:
    """The best path, and its pairs.

    Raises:
        RowLeftOutError: nothing of the tree can be used.
        RowError: the tree is none: a node without a text, or of an unknown role.
    """
    root = row.get("prompt")
    if not isinstance(root, Mapping):
        raise RowError(worded("'prompt' holds {kind_of}, expected a message with replies", kind_of=kind_of(root)))
    left_out: Counter[str] = Counter()
    if optional_text(row, "tree_state") in _GIVEN_UP:
        raise RowLeftOutError(worded("its makers gave up the tree"))
    if ROLES.get(str(root.get("role"))) == "assistant":
        raise RowLeftOutError(worded("it begins with an answer to a message that is not there"))
    path, others = _best_path(root, left_out)
    if not path:
        raise RowLeftOutError(worded("no message of the tree is both a question and answered"))
    messages = tuple(_message(node) for node in path)
    samples = [
        SampleParts(messages[: place + 1], rejected=text_of(worse, "text"), language=_language(path))
        for place, worse in others
    ]
    if not any(place == len(path) - 1 for place, _ in others):
        samples.insert(0, SampleParts(messages, language=_language(path)))
    first, *rest = samples
    return [SampleParts(first.messages, rejected=first.rejected, language=first.language, left_out=+left_out), *rest]


def _language(path: Sequence[Mapping[str, Any]]) -> str | None:
    return optional_text(path[0], "lang") if path else None


def _best_path(
    root: Mapping[str, Any], left_out: Counter[str]
) -> tuple[list[Mapping[str, Any]], list[tuple[int, Mapping[str, Any]]]]:
    """The nodes from a question to an answer, and (place of an answer, one that was ranked below it), the worst first."""
    path: list[Mapping[str, Any]] = []
    others: list[tuple[int, Mapping[str, Any]]] = []
    level = _usable([root], left_out)
    while level and len(path) < _LONGEST:
        if ROLES[level[0]["role"]] == "user":
            answered = [node for node in level if _usable(_replies(node), Counter())]
            left_out["unanswered"] += len(level) - len(answered)
            level = answered
            if not level:
                break
        best, *rest = level
        if ROLES[best["role"]] == "assistant" and _rank(best) is not None:
            ranked = [node for node in rest if _rank(node) is not None and _rank(node) != _rank(best)]
            others += [(len(path), node) for node in reversed(ranked)]
            rest = [node for node in rest if node not in ranked]
        left_out["branches"] += len(rest)
        path.append(best)
        level = _usable(_replies(best), left_out)
    left_out["branches"] += len(level)  # deeper than any conversation
    return path, others


def _usable(nodes: Sequence[Mapping[str, Any]], left_out: Counter[str]) -> list[Mapping[str, Any]]:
    """Those that may be used, the best-ranked first; a node without a rank comes after those that have one."""
    kept = []
    for node in nodes:
        role = node.get("role")
        if role not in ROLES or not isinstance(node.get("text"), str):
            raise RowError(
                worded(
                    "a message has the role {role!r}, expected prompter or assistant, and a text", role=str(role)[:40]
                )
            )
        if truth(node.get("deleted")) is True:
            left_out["deleted"] += 1
        elif "review_result" in node and truth(node["review_result"]) is not True:
            left_out["refused" if truth(node["review_result"]) is False else "unreviewed"] += 1
        elif not node["text"].strip():
            left_out["empty"] += 1
        else:
            kept.append(node)
    return sorted(kept, key=lambda node: rank if (rank := _rank(node)) is not None else float("inf"))


def _rank(node: Mapping[str, Any]) -> float | None:
    rank = node.get("rank")
    if isinstance(rank, str):
        rank = float(rank) if rank.strip().removesuffix(".0").isdecimal() else None
    return float(rank) if isinstance(rank, int | float) and not isinstance(rank, bool) else None


def _replies(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    replies = node.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, Mapping) for reply in replies):
        raise RowError(worded("'replies' holds {kind_of}, expected a list of messages", kind_of=kind_of(replies)))
    return replies


def _message(node: Mapping[str, Any]) -> Message:
    return Message("user" if ROLES[node["role"]] == "user" else "assistant", node["text"])


OASST = RowFormat(
    name="oasst",
    title={"en": "ranked message trees (Open Assistant)", "zh": "带排序的对话树（Open Assistant）"},
    expects="",
    required=("prompt",),
    detect=detect,
    read=read,
)
