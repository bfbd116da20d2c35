"""A dataset made by the real commands, with rows of both languages that were kept and dropped for several reasons."""

import json
from pathlib import Path

from builder import pipeline
from builder.progress import Reporter
from builder.settings_file import load_settings


def curated(root: Path, *overrides: str) -> Path:
    """Twenty rows: 3 and 7 have no answer, 5 repeats 2; the odd ones are English, the even ones Chinese."""
    rows = [
        {
            "instruction": f"请描写夜里的{thing}，写明时间和地点，第{number}题。"
            if number % 2 == 0
            else f"Describe {thing} number {number} at night, in C++.",
            "output": ""
            if number in (3, 7)
            else f"{thing}第{number}号很安静，月亮在天上。"
            if number % 2 == 0
            else f"It is {number * 37} years old, quiet and dark.",
            "category": "prose" if number % 3 else "verse",
        }
        for number, thing in enumerate(
            ["山脉", "rivers", "奶茶", "bridges", "火车", "violins", "月亮", "windows", "茶杯", "ladders"] * 2
        )
    ]
    rows[5] = rows[2]
    (root / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    settings = load_settings(None, ["split.validation_share=0.2", *overrides], environ={})
    pipeline.curate_files([root / "rows.json"], settings, root / "d", Reporter(quiet=True))
    return root / "d"
