"""`show`, `why`, `diff`, the report and `seedbed query` say the same of one dataset, in both languages."""

import html
import json
from pathlib import Path
from typing import Any

import pytest

from tests.builder.queries.folders import curated
from tests.command import Seedbed


@pytest.fixture(scope="module", params=["en", "zh"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curated(tmp_path_factory.mktemp("numbers"), f"report.language={request.param}")


def asked(seedbed: Seedbed, folder: Path, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(seedbed("query", folder, sql, "--json").out)
    return rows


def test_everything_that_counts_counts_the_same(seedbed: Seedbed, folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (counts,) = asked(seedbed, folder, "SELECT count(*) AS total, count(*) FILTER (kept) AS kept FROM rows")
    assert counts == {"total": 20, "kept": 17}
    assert (report["rows"]["total"], report["rows"]["kept"]) == (20, 17)
    assert json.loads(seedbed("show", folder, "--kept", "--json").out)["total"] == 17
    assert json.loads(seedbed("show", folder, "--dropped", "--json").out)["total"] == 3

    reasons = asked(seedbed, folder, "SELECT reason, count(*) AS n FROM verdicts WHERE NOT kept GROUP BY ALL")
    assert (
        {one["reason"]: one["n"] for one in reasons}
        == report["rows"]["by_reason"]
        == {
            "no_answer": 2,
            "exact_duplicate": 1,
        }
    )
    failed = asked(seedbed, folder, "SELECT reason, count(DISTINCT row) AS n FROM checks GROUP BY ALL")
    assert {one["reason"]: one["n"] for one in failed} == report["rows"]["failed_checks"]
    for reason, count in report["rows"]["by_reason"].items():
        assert json.loads(seedbed("show", folder, "--reason", reason, "--json").out)["total"] == count

    mix = asked(
        seedbed,
        folder,
        "SELECT category, language, count(*) AS before, count(*) FILTER (kept) AS after FROM rows GROUP BY ALL",
    )
    by_cell = {(one["category"], one["language"]): (one["before"], one["after"]) for one in mix}
    assert by_cell == {
        (one["category"], one["language"]): (one["before"], one["after"]) for one in report["mix"]["cells"]
    }
    splits = asked(seedbed, folder, "SELECT split, count(*) AS n FROM rows WHERE kept GROUP BY ALL")
    assert {one["split"]: one["n"] for one in splits} == {
        name: count for name, count in report["splits"].items() if count
    }


def test_the_report_says_by_which_query_each_figure_was_counted(seedbed: Seedbed, folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    page = html.unescape((folder / "report.html").read_text(encoding="utf-8"))
    answers = {name: asked(seedbed, folder, sql) for name, sql in report["queries"].items()}
    assert answers["rows"] == [{"total": 20, "kept": 17, "dropped": 3}]
    assert answers["reasons"] == [{"reason": "no_answer", "rows": 2}, {"reason": "exact_duplicate", "rows": 1}]
    assert answers["mix"] == report["mix"]["cells"]
    assert answers["origins"] == report["origins"] == [{"origin": "imported", "before": 20, "after": 17}]
    for name in ("rows", "splits", "reasons", "failed_checks", "mix", "origins"):
        assert report["queries"][name] in page


def test_every_row_has_one_verdict_wherever_it_is_asked_for(seedbed: Seedbed, folder: Path) -> None:
    shown = json.loads(seedbed("show", folder, "--limit", "50", "--json").out)["rows"]
    rows = asked(
        seedbed, folder, 'SELECT row, id, kept, reason, category, language, split, "of" FROM rows ORDER BY row'
    )
    assert [{key: one[key] for key in ("row", "id", "kept", "reason", "category", "language")} for one in rows] == [
        {key: one[key] for key in ("row", "id", "kept", "reason", "category", "language")} for one in shown
    ]
    qualities = asked(seedbed, folder, "SELECT row, quality FROM signals ORDER BY row")
    for row, measured in zip(rows, qualities, strict=True):
        why = json.loads(seedbed("why", folder, str(row["row"]), "--json").out)
        assert (why["kept"], why["reason"], why["split"]) == (row["kept"], row["reason"], row["split"])
        assert (None if why["other"] is None else why["other"]["row"]) == row["of"]
        assert why["quality"]["quality"] == pytest.approx(measured["quality"])


def test_diff_counts_what_the_two_decisions_say(seedbed: Seedbed, tmp_path: Path) -> None:
    root = curated(tmp_path)
    before = {one["row"]: one["kept"] for one in asked(seedbed, root, "SELECT row, kept FROM verdicts")}
    assert seedbed("curate", root, "--set", "filters.max_answer_words=10", "--quiet").code == 0
    after = {one["row"]: one["kept"] for one in asked(seedbed, root, "SELECT row, kept FROM verdicts")}
    diff = json.loads(seedbed("diff", root, "--limit", "0", "--json").out)
    assert diff["kept"] == {"before": sum(before.values()), "after": sum(after.values())}
    assert diff["changes"]["dropped"] > 0
    assert diff["changes"]["dropped"] == sum(before[row] and not after[row] for row in before)
    assert diff["changes"]["kept"] == 0
