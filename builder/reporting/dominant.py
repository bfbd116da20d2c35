"""What takes more than a fifth of the rows: one reason that they were dropped for, or one frame that they share.

Either may be as it should be, and either is how a whole file is lost to one setting, so the first page and the command's last
lines show it: how many rows, two of them side by side, and what to change.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from builder.language import Language
from builder.language.labels import WORDS, number, pick, share
from builder.language.reasons import reason_for
from builder.reporting.examples import beginning, describe, prompt_text
from builder.reporting.frames import Frame, find_frames
from builder.reporting.tables import Tables, collect, scan_samples
from builder.schema import Sample, sample_from_record

_SHARE = 0.2
_FEWEST = 5  # rows, so that one of four is no alarm
# Frames are looked for in so many rows, evenly spread: a share of a fifth is then known to within 2 points.
_LOOKED_AT = 2_000
# What the owner of a dataset asked for is no surprise.
_ASKED_FOR = ("seed", "over_target")
_ALIKE = ("too_similar", "same_meaning")


def dominant(tables: Tables, language: Language) -> list[dict[str, Any]]:
    """Reasons and frames of more than a fifth of the rows, five at least, each kind by falling number of rows.

    Returns:
        kind (`reason` or `frame`), level (`warning`, or `info` for a frame of which hardly a row was dropped as too much alike),
        reason (for a frame: the commonest that its rows went for as too much alike, or None), text
        (of the frame, else None), rows, of (all rows that count), sampled (rows that were looked at, where not all were, else
        None), kept and alike (of those looked at: kept, and dropped as alike) and beside: up to two rows as `describe` gives
        them, with `kept`.
    """
    judged = tables.rows.filter(pl.col("reason").is_null() | ~pl.col("reason").is_in(_ASKED_FOR))
    if not len(judged):
        return []
    count = min(_LOOKED_AT, len(judged))
    looked_at = judged[[place * len(judged) // count for place in range(count)]]
    frames = find_frames(_asked(tables, looked_at["row"].to_list()), _SHARE)
    found = [*_reasons(judged, frames), *_framed(judged, looked_at, frames)]
    return [
        {**one, "beside": _beside(tables, rows, shared, language)} for one in found for rows, shared in [one["beside"]]
    ]


def _reasons(judged: pl.DataFrame, frames: Sequence[Frame]) -> Iterator[dict[str, Any]]:
    counted = judged["reason"].drop_nulls().value_counts().sort(["count", "reason"], descending=[True, False])
    for reason, count in counted.iter_rows():
        if count <= _SHARE * len(judged) or count < _FEWEST:
            return
        dropped = judged.filter(pl.col("reason") == reason)
        first = dropped.filter(pl.col("of").is_not_null()) if dropped["of"].drop_nulls().len() else dropped
        rows = [first["row"][0], first["of"][0] if first["of"][0] is not None else first["row"][min(1, len(first) - 1)]]
        yield {
            "kind": "reason",
            "level": "warning",
            "reason": reason,
            "text": None,
            "rows": count,
            "of": len(judged),
            "sampled": None,
            "kept": 0,
            "alike": count if reason in _ALIKE else 0,
            "beside": (rows, frames),
        }


def _framed(judged: pl.DataFrame, looked_at: pl.DataFrame, frames: Sequence[Frame]) -> Iterator[dict[str, Any]]:
    count = len(looked_at)
    for frame in frames:
        rows = looked_at[list(frame.places)]
        alike = rows.filter(pl.col("reason").is_in(_ALIKE))
        level = "warning" if len(alike) > _SHARE * len(rows) else "info"
        common = alike["reason"].value_counts().sort(["count", "reason"], descending=[True, False])
        yield {
            "kind": "frame",
            "level": level,
            "reason": common["reason"][0] if len(common) else None,
            "text": beginning(frame.text),
            "rows": round(len(rows) / count * len(judged)),
            "of": len(judged),
            "sampled": count if count < len(judged) else None,
            "kept": int(rows["kept"].sum()),
            "alike": len(alike),
            "beside": (_two(rows, alike if level == "warning" else alike[:0]), [frame]),
        }


def _two(rows: pl.DataFrame, alike: pl.DataFrame) -> Sequence[int]:
    """A row of a frame that went as too much alike and the one that stands for it, else the frame's first two, kept ones first."""
    if len(alike) and alike["of"][0] is not None:
        return [alike["row"][0], alike["of"][0]]
    return rows.sort("kept", descending=True, maintain_order=True)["row"].head(2).to_list()


def _asked(tables: Tables, rows: Sequence[int]) -> list[str]:
    """All that is said to the model before its last answer, system texts too, by row."""
    lazy = scan_samples(tables.folder).filter(pl.col("row").is_in(rows))
    records = collect(lazy, tables.folder.samples).sort("row").to_dicts()
    return ["\n".join(turn.content for turn in _said(sample_from_record(record))) for record in records]


def _said(sample: Sample) -> Iterator[Any]:
    return (turn for turn in sample.prompt if turn.role != "assistant")


def _beside(tables: Tables, rows: Sequence[int], frames: Sequence[Frame], language: Language) -> list[dict[str, Any]]:
    """A few rows, without the frames that they share with others."""
    distinct = list(dict.fromkeys(rows))
    samples = tables.samples(distinct)
    kept = dict(tables.rows.filter(pl.col("row").is_in(distinct)).select("row", "kept").iter_rows())
    found = []
    for row in (row for row in distinct if row in samples):
        prompt = prompt_text(samples[row].prompt, language)
        for frame in frames:
            prompt = frame.left_out_of(prompt)
        found.append({**describe(samples[row], language), "prompt": beginning(prompt), "kept": bool(kept[row])})
    return found


def dominant_sentence(one: Mapping[str, Any], language: Language) -> str:
    """One of `dominant` as a sentence: what it is, and how many rows."""
    figures = {"rows": number(one["rows"]), "of": number(one["of"]), "share": share(one["rows"], one["of"])}
    if one["kind"] == "reason":
        label = reason_for(one["reason"]).label(language)
        return pick(WORDS["dominant_reason"], language).format(**figures, label=label)
    words = "dominant_frame" if one["sampled"] is None else "dominant_frame_sampled"
    whole = one["sampled"] or one["of"]
    looked = round(one["rows"] / one["of"] * whole)
    more = {"kept": number(one["kept"]), "alike": number(one["alike"]), "looked": number(looked)}
    return pick(WORDS[words], language).format(**figures, **more, text=_shortened(one["text"]))


def dominant_remedy(one: Mapping[str, Any], language: Language) -> str:
    """What to change, as a sentence with the setting."""
    if one["kind"] == "reason":
        return reason_for(one["reason"]).remedy(language)
    return pick(WORDS["dominant_frame_remedy" if one["level"] == "warning" else "dominant_frame_kept"], language)


def _shortened(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
