"""Rows to look at: duplicate groups, and kept, dropped and rejected examples side by side."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

import polars as pl

from builder.language import Language
from builder.language.reasons import explain
from builder.pictures import shown
from builder.reporting.tables import Tables, collect
from builder.schema import Check, Message, Sample

_GROUPS = 12
_MEMBERS = 6
_TEXT_COLUMNS = 320
_DUPLICATE_REASONS = ("exact_duplicate", "too_similar", "same_meaning")


def duplicate_groups(tables: Tables, language: Language) -> dict[str, Any]:
    """Rows dropped as duplicates or as too similar, grouped by the kept row they collide with.

    Returns:
        groups and rows (their numbers), and `largest`: groups by falling size, each with `kept` (a row as in
        `describe`), `size` (rows dropped for it) and `members`: the first of them with reason and similarity.
    """
    dropped = tables.rows.filter(pl.col("reason").is_in(_DUPLICATE_REASONS) & pl.col("of").is_not_null())
    sizes = dropped.group_by("of").agg(size=pl.len()).sort(["size", "of"], descending=[True, False])
    largest = sizes.head(_GROUPS)
    members = (
        dropped.join(largest, on="of", how="semi")
        .sort("row")
        .group_by("of", maintain_order=True)
        .agg(pl.col("row").head(_MEMBERS))
    )
    rows_of: dict[int, list[int]] = dict(members.iter_rows())
    named = [row for rows in rows_of.values() for row in rows]
    samples = tables.samples([*rows_of, *named])
    similarity = _decisive_values(tables, named)
    reasons: dict[int, str] = dict(dropped.filter(pl.col("row").is_in(named)).select("row", "reason").iter_rows())
    return {
        "groups": len(sizes),
        "rows": len(dropped),
        "largest": [
            {
                "kept": describe(samples[of], language) if of in samples else {"row": of},
                "size": size,
                "members": [
                    {**describe(samples[row], language), "reason": reasons[row], "similarity": similarity.get(row)}
                    for row in rows_of[of]
                ],
            }
            for of, size in largest.iter_rows()
        ],
    }


def examples(tables: Tables, number: int, language: Language) -> dict[str, list[dict[str, Any]]]:
    """Up to `number` rows of each kind, as `describe` gives them.

    Returns:
        kept: spread evenly over the kept rows. dropped: the frequent reasons in turn, each row with `reason`, `checks`
        (what failed, explained in `language`) and `beside`: the row it collides with and whether that was `kept`, or
        None. rejected: candidates likewise, with `text` in place of prompt and answer where nothing could be read.
    """
    return {
        "kept": _kept(tables, number, language),
        "dropped": _dropped(tables, number, language),
        "rejected": _rejected(tables, number, language),
    }


def describe(sample: Sample, language: Language) -> dict[str, Any]:
    """A row's number, id, category, language, origin, and the beginnings of its prompt and answer.

    Args:
        language: of what stands for a picture.
    """
    return {
        "row": sample.row,
        "id": sample.id,
        "category": sample.category,
        "language": sample.language,
        "origin": sample.origin,
        "prompt": beginning(prompt_text(sample.prompt, language)),
        "answer": beginning(sample.answer or _last_tool_calls(sample.messages)),
    }


def beginning(text: str) -> str:
    """The first 320 columns of a text, wide characters counting two, with an ellipsis where there is more."""
    columns = 0
    for position, character in enumerate(text[: _TEXT_COLUMNS + 1]):
        columns += 2 if east_asian_width(character) in "WF" else 1
        if columns > _TEXT_COLUMNS:
            return text[:position].rstrip() + "…"
    return text


def prompt_text(prompt: Sequence[Message], language: Language) -> str:
    """What comes before an answer, with the roles where there are several turns, and a word for each picture."""
    if len(prompt) == 1:
        return shown(prompt[0].content, prompt[0].parts, language)
    return "\n".join(f"{m.role}: {shown(m.content, m.parts, language) or m.tool_calls or ''}" for m in prompt)


def _last_tool_calls(messages: Sequence[Message]) -> str:
    return next((m.tool_calls or "" for m in reversed(messages) if m.role == "assistant"), "")


def _decisive_values(tables: Tables, rows: Sequence[int]) -> dict[int, float | None]:
    lazy = tables.checks.filter(pl.col("row").is_in(sorted(rows)) & pl.col("reason").is_in(_DUPLICATE_REASONS))
    found = collect(lazy.select("row", "reason", "value"), tables.folder.verdicts)
    return {row: 1.0 if reason == "exact_duplicate" else value for row, reason, value in found.iter_rows()}


def _kept(tables: Tables, number: int, language: Language) -> list[dict[str, Any]]:
    kept = tables.rows.filter("kept")["row"]
    chosen = (
        [kept[i * len(kept) // number] for i in range(min(number, len(kept)))] if len(kept) > number else list(kept)
    )
    samples = tables.samples(chosen)
    return [describe(samples[row], language) for row in chosen]


def _dropped(tables: Tables, number: int, language: Language) -> list[dict[str, Any]]:
    # Seeds kept out by setting are no loss, so they are not shown as one.
    chosen = _take_turns(tables.rows.filter(~pl.col("kept") & (pl.col("reason") != "seed")), "row", number)
    records = {r["row"]: r for r in tables.rows.filter(pl.col("row").is_in(chosen)).to_dicts()}
    checks = tables.checks_of(chosen)
    samples = tables.samples([*chosen, *(r["of"] for r in records.values() if r["of"] is not None)])
    return [
        {
            **describe(samples[row], language),
            "reason": records[row]["reason"],
            "checks": [explain(Check(**check), language) for check in checks[row]],
            "beside": _beside(tables, samples, records[row]["of"], language),
        }
        for row in chosen
    ]


def _rejected(tables: Tables, number: int, language: Language) -> list[dict[str, Any]]:
    chosen = _take_turns(tables.rejections.with_row_index("place"), "place", number)
    records = tables.rejection_records(chosen)
    samples = tables.samples(r["of"] for r in records if r["of"] is not None)
    described = []
    for record in records:
        check = Check(record["reason"], record["value"], record["threshold"], record["of"], record["evidence"])
        described.append(
            {
                "request_id": record["request_id"],
                "reason": record["reason"],
                "checks": [explain(check, language)],
                **_candidate_text(record["text"]),
                "beside": _beside(tables, samples, record["of"], language),
            }
        )
    return described


def _beside(tables: Tables, samples: Mapping[int, Sample], of: int | None, language: Language) -> dict[str, Any] | None:
    if of is None or of not in samples:
        return None
    return {**describe(samples[of], language), "kept": bool(tables.rows["kept"][of])}


def _candidate_text(text: str) -> dict[str, str]:
    try:
        task = json.loads(text)
    except ValueError:
        task = None
    if not isinstance(task, dict) or not isinstance(task.get("instruction"), str):
        return {"text": beginning(text)}
    prompt = "\n\n".join(str(task[key]) for key in ("instruction", "input") if task.get(key))
    return {"prompt": beginning(prompt), "answer": beginning(str(task.get("output") or ""))}


def _take_turns(frame: pl.DataFrame, key: str, number: int) -> list[int]:
    """The first of each reason, the most frequent reason first, then the second of each, up to `number`."""
    ranked = frame.select(
        key,
        turn=pl.col(key).rank("ordinal").over("reason"),
        frequency=pl.len().over("reason"),
        reason="reason",
    ).sort(["turn", "frequency", "reason"], descending=[False, True, False])
    return ranked[key].head(number).to_list()
