"""The demo, smaller: what it grows, what it brings beside it, and that its report shows the product at work."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl

from tests.command import Seedbed

SMALL = ("--target", "400", "--set", "train.epochs=1")


def test_the_demo_shows_a_dozen_reasons_in_many_categories_and_warns_of_nothing(
    tmp_path: Path, seedbed: Seedbed
) -> None:
    folder = tmp_path / "demo"
    ended = seedbed("demo", "--out", folder, *SMALL, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    grown = json.loads((tmp_path / "demo-grown" / "report.json").read_text(encoding="utf-8"))
    assert report["notes"] == grown["notes"] == []
    assert len(report["rows"]["by_reason"]) >= 12
    assert grown["rows"]["kept"] >= 400
    rows = pl.read_parquet(folder / "publish" / "data" / "*.parquet").drop_nulls("category")
    assert rows["category"].n_unique() >= 10
    assert {language: part["category"].n_unique() >= 10 for (language,), part in rows.group_by("language")} | {
        "ja": False
    } == {"en": True, "zh": True, "ja": False}
    assert told["evaluation"]["totals"]["tuned"]["n"] > 20
    again = seedbed("demo", "--out", folder, *SMALL, "--json")
    assert json.loads(again.out)["training"] == told["training"]
    refused = seedbed("demo", "--out", folder, "--target", "500", "--set", "train.epochs=1")
    assert refused.code == 2
    assert f"{folder}: holds other rows than {folder}-grown" in refused.err


WITHOUT_TRAINING = """
import sys
for name in ("torch", "transformers", "peft", "trl", "datasets"):
    sys.modules[name] = None
from builder.cli import main
sys.argv = ["seedbed", "demo", "--out", sys.argv[1], "--target", "60", "-q"]
main()
"""


def test_without_the_training_packages_the_demo_ends_with_its_report(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_TRAINING, str(tmp_path / "demo")]
    ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert ended.stdout.endswith(
        f"open {tmp_path / 'demo' / 'report.html'}; without torch, transformers, trl, peft nothing is trained: "
        "`pip install 'seedbed[train]'` adds a tiny model, trained on these rows and judged\n"
    )
    assert (tmp_path / "demo" / "report.html").is_file()
