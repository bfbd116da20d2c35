"""The command as a user meets it: its output, its exit code, and where they matter its process and its signals."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from datasets import disable_progress_bars, load_dataset

from builder import pipeline
from builder.progress import Reporter
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from tests.command import Ended, Seedbed
from tests.endpoint import Answer, scripted

KEY = "sk-planted-0123456789"


def seedbed_apart(*arguments: str | Path) -> Ended:
    """The command in a process of its own, as a user starts it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SEEDBED_", "OPENAI_"))}
    done = subprocess.run(
        [sys.executable, "-m", "builder", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "100"},
        timeout=120,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small grown dataset for all tests that only look."""
    root = tmp_path_factory.mktemp("made") / "d"
    settings = load_settings(None, ["target=24", "growth.tasks_per_request=4", "split.min_validation_rows=0"], {})
    pipeline.build(settings, root, Reporter(quiet=True), {})
    return root


def test_help_loads_neither_torch_nor_datasets_nor_polars() -> None:
    code = (
        "import sys, builder.cli\n"
        "sys.argv = ['seedbed', '--help']\n"
        "try: builder.cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'datasets', 'transformers', 'polars', 'pyarrow', 'openai', 'duckdb', 'pandas', 'trainer'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for command in (
        "demo",
        "build",
        "rebuild",
        "curate",
        "why",
        "verify",
        "export",
        "train",
        "evaluate",
        "preview-mask",
    ):
        assert command in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "{made}"), 141),
        (("why", "{made}", "0", "--json"), 141),
        (("signals",), 141),
        (("show", "nowhere", "--json"), 2),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_reader_that_has_seen_enough_ends_a_command_quietly(
    made: Path,
    seedbed: Seedbed,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        ended = seedbed(*(part.format(made=made) for part in arguments))
    assert ended.code == code
    assert "Traceback" not in ended.err


HOSTILE = {
    "instruction": "Name three warm \x1b[31mcolours\x1b[0m for me.",
    "output": "Red,\u3000orange\x9b2J and\u202e yellow\r\nare warm colours.",
    "category": "fruit\x1b[2J\nkept 99",
    "task_id": "t\x1b[1A",
    "x\x1b]0;title\x07\nother": "1",
}


def test_what_a_file_says_is_shown_and_never_obeyed(tmp_path: Path, seedbed: Seedbed) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([HOSTILE]), encoding="utf-8")
    said = seedbed("curate", file, "--out", tmp_path / "d")
    assert "columns not used: x\\x1b]0;title\\x07\\nother\n" in said.err
    said_of_rows = seedbed("show", tmp_path / "d").out
    assert "fruit\\x1b[2J\\nkept 99/en" in said_of_rows
    assert len(said_of_rows.splitlines()) == 3
    explained = seedbed("why", tmp_path / "d", "0").out
    assert "  task_id     t\\x1b[1A\n  category    fruit\\x1b[2J\\nkept 99\n" in explained
    assert "mended      turn 2 (invisible_characters); the file has:" in explained
    assert "  Red,\u3000orange\\x9b2J and⟨U+202E⟩ yellow" in explained
    assert "  Red,\u3000orange\\x9b2J and yellow" in explained
    missing = seedbed("signals", "q\x1b[31m").err
    assert "no signal is called" in missing
    as_json = seedbed("why", tmp_path / "d", "0", "--json").out
    assert json.loads(as_json)["sample"]["category"] == HOSTILE["category"]
    for text in (said.out, said.err, said_of_rows, explained, missing, as_json):
        assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text) == []


def test_signals_give_their_precision_and_recall_with_intervals(seedbed: Seedbed) -> None:
    said = seedbed("signals", "refusal", "length").out
    assert "  precision  en: 27 of 28 flagged rows right, 96% (95 % interval 82% to 99%)\n" in said
    assert "  recall     en: 27 of 37 such rows found, 73% (95 % interval 57% to 85%)\n" in said
    assert "  recall     not measured\n" in said
    chinese = seedbed("signals", "refusal", "--language", "zh").out
    assert "en：标出的 28 行中 27 行正确，96%（95% 区间 82%–99%）\n" in chinese
    assert "zh：应标出的 23 行中找到 15 行，65%（95% 区间 45%–81%）\n" in chinese
    (card,) = json.loads(seedbed("signals", "refusal", "--json").out)
    assert card["counts"]["fresh"]
    assert card["counts"]["recall"][0] == {
        "language": "en",
        "right": 27,
        "read": 37,
        "share": 0.7297,
        "low": 0.5702,
        "high": 0.8460,
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_signals_fit_a_narrow_terminal(seedbed: Seedbed, language: str) -> None:
    wide = seedbed("signals", "--language", language, COLUMNS="4000").out
    narrow = seedbed("signals", "--language", language, COLUMNS="38").out
    assert max(sum(2 if wide_sign(c) else 1 for c in line) for line in narrow.splitlines()) <= 38
    assert "".join(narrow.split()) == "".join(wide.split())


def wide_sign(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def test_a_build_from_a_settings_file_prints_json_for_scripts(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ngrowth: {tasks_per_request: 4}\nsplit: {min_validation_rows: 0}\n", encoding="utf-8")
    result = seedbed_apart("build", file, "--target", "12", "--out", tmp_path / "d", "--json", "--quiet")
    assert result.code == 0, result.err
    facts = json.loads(result.out)
    assert facts["target"] == {"wanted": 12, "reached": 12}
    assert facts["rows"]["kept"] == 12
    assert result.err == ""
    disable_progress_bars()
    loaded = load_dataset(str(tmp_path / "d" / "publish"), cache_dir=str(tmp_path / "cache"))
    assert sum(loaded[split].num_rows for split in loaded) == 12


def test_a_rebuild_says_what_changed_and_how_to_go_on(seedbed: Seedbed, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    result = seedbed("rebuild", made, "--out", folder, "--set", "novelty.threshold=0.2", "-q")
    assert result.code == 3
    changed = re.match(
        r"candidates 24 → 24 · admitted 24 → (\d+) · rejected for:\n  Too similar  0 → (\d+)\n", result.out
    )
    assert changed is not None, result.out
    assert int(changed[1]) + int(changed[2]) == 24
    assert f"`seedbed build {folder}/seedbed.yaml --out {folder}` buys what is missing" in result.err
    back = seedbed("rebuild", folder, "--set", "novelty.threshold=0.7", "--json", "-q")
    assert back.code == 0, back.err
    facts = json.loads(back.out)
    assert facts["rebuilt"]["before"]["candidates"]["by_reason"] == {"too_similar": int(changed[2])}
    assert (facts["candidates"]["admitted"], facts["rebuilt"]["lacking"]) == (24, 0)
    same = seedbed("rebuild", folder, "-q")
    assert same.out.startswith("candidates 24 → 24 · admitted 24 → 24\nrows ")
    rows = [seedbed("show", root, "--limit", "500", "--json").out for root in (made, folder)]
    assert json.loads(rows[0])["rows"] == json.loads(rows[1])["rows"]


def test_a_refused_build_names_the_ways_out_and_a_fork_is_one(seedbed: Seedbed, made: Path, tmp_path: Path) -> None:
    changed = ("--target", "24", "--set", "novelty.threshold=0.6", "-q")
    refused = seedbed("build", made / "seedbed.yaml", "--out", made, *changed)
    assert refused.code == 2
    assert "novelty.threshold: was 0.7, is now 0.6" in refused.err
    assert f"`seedbed rebuild {made} --settings FILE`" in refused.err
    assert f"`seedbed build FILE --out NEW --fork {made}`" in refused.err
    forked = seedbed("build", made / "seedbed.yaml", "--out", tmp_path / "d", "--fork", made, *changed, "--json")
    assert forked.code == 0, forked.err
    assert json.loads(forked.out)["rows"]["kept"] == 24


def test_a_report_in_chinese_has_chinese_pages_and_the_terminal_its_own_language(
    seedbed: Seedbed, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "d"
    shutil.copytree(made, folder)
    result = seedbed_apart("report", folder, "--language", "zh")
    assert result.code == 0, result.err
    assert "candidates" in result.out
    assert "候选" in seedbed("report", folder, SEEDBED_REPORT_LANGUAGE="zh").out
    assert '<html lang="zh' in (folder / "report.html").read_text(encoding="utf-8")
    assert pipeline.verify(folder) == []
    assert "dropped" in seedbed("why", folder, "0", SEEDBED_REPORT_LANGUAGE="en").out
    assert "去除" in seedbed("why", folder, "0", SEEDBED_REPORT_LANGUAGE="zh").out


def test_why_explains_a_row_by_number_and_by_id(seedbed: Seedbed, made: Path) -> None:
    first = seedbed("why", made, "0")
    assert first.code == 0
    assert first.out.startswith("Row 0 is dropped: Seed, not published.")
    row = next(v.row for v in DatasetFolder(made).read_verdicts() if v.kept)
    explained = json.loads(seedbed("why", made, str(row), "--json").out)
    assert (explained["kept"], explained["checks"]) == (True, [])
    assert (explained["other"], explained["other_headline"]) == (None, None)
    by_id = json.loads(seedbed("why", made, explained["sample"]["id"], "--json").out)
    assert by_id["row"] == row
    chinese = seedbed("why", made, str(row), SEEDBED_REPORT_LANGUAGE="zh").out.partition("\n  [user]")[0]
    assert re.search(r"\n  质量        [\d.]+（得分 [-\d.]+，平均 [-\d.]+；[^,\n]+、[^,\n]+）\n", chinese), chinese


def test_show_filters_rows(seedbed: Seedbed, made: Path) -> None:
    kept = json.loads(seedbed("show", made, "--kept", "--limit", "100", "--json").out)
    assert kept["total"] == 24
    seeds = json.loads(seedbed("show", made, "--origin", "seed", "--language", "zh", "--search", "奶茶", "--json").out)
    assert seeds["total"] >= 1
    assert all(row["language"] == "zh" for row in seeds["rows"])


def test_export_and_curate_again_keep_the_rows(seedbed: Seedbed, made: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert seedbed("export", made, "--format", "messages", "--out", file).out.endswith("24 rows\n")
    result = seedbed("curate", file, "--out", tmp_path / "again", "--json", "-q")
    assert result.code == 0, result.err
    assert json.loads(result.out)["rows"] == {
        "total": 24,
        "kept": 24,
        "dropped": 0,
        "by_reason": {},
        "failed_checks": {},
    }


def test_deciding_again_with_another_threshold_rewrites_only_decisions(
    seedbed: Seedbed, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "d"
    shutil.copytree(made, folder)
    samples = (folder / "samples" / "part-00000.parquet").read_bytes()
    result = seedbed("curate", folder, "--set", "novelty.threshold=0.3", "--json", "-q")
    assert result.code == 0, result.err
    assert json.loads(result.out)["rows"]["by_reason"]["too_similar"] > 0
    assert (folder / "samples" / "part-00000.parquet").read_bytes() == samples
    assert pipeline.verify(folder) == []


def test_verify_names_the_damaged_file_and_exits_with_6(seedbed: Seedbed, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    shutil.copytree(made, folder)
    assert seedbed("verify", folder).code == 0
    damaged = bytearray((folder / "verdicts.parquet").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "verdicts.parquet").write_bytes(bytes(damaged))
    result = seedbed_apart("verify", folder)
    assert result.code == 6
    assert "verdicts.parquet: its content is not what was written" in result.out
    assert "Traceback" not in result.err


def test_load_dataset_never_gives_the_rows_of_another_folder(tmp_path: Path) -> None:
    # Its cache is named by the card and by the folder's last name, which is always `publish`.
    disable_progress_bars()
    for name, count in (("a", 3), ("b", 5), ("a", 4)):
        rows = [{"instruction": f"Name fruit number {i} of {name}.", "output": "Fig."} for i in range(count)]
        (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        settings = load_settings(None, ["split.validation_share=0", "novelty.threshold=1"], {})
        pipeline.curate_files([tmp_path / "rows.json"], settings, tmp_path / name, Reporter(quiet=True))
        loaded = load_dataset(str(tmp_path / name / "publish"), cache_dir=str(tmp_path / "cache"))
        assert loaded["train"].num_rows == count


def test_files_are_added_and_the_difference_is_shown_in_both_languages(seedbed: Seedbed, tmp_path: Path) -> None:
    folder, files = tmp_path / "d", [tmp_path / "a.json", tmp_path / "b.json"]
    rows = [
        {"question": f"How is a {one} mended?", "reply": f"Take the {one} apart and glue it."}
        for one in ("kite", "bass drum", "heavy plough", "riding saddle")
    ]
    for file, part in zip(files, (rows[:3], rows[1:]), strict=True):
        file.write_text(json.dumps(part), encoding="utf-8")
    named = ("--map", "instruction=question,output=reply", "-q")
    settings = ("--set", "novelty.threshold=0.95", "--set", "split.validation_share=0")
    assert seedbed("curate", files[0], "--out", folder, *named, *settings).code == 0
    first = seedbed("diff", folder)
    assert first.code == 2
    assert "no earlier decision to compare with" in first.err
    added = seedbed("add", folder, files[1], *named)
    assert added.code == 0, added.err
    assert added.out.startswith(
        "rows added: 3, numbered from 3 on; 1 of them are kept\n"
        "2 of the 3 were in the dataset already, word for word.\n"
    )
    again = seedbed("add", folder, files[1], *named, SEEDBED_REPORT_LANGUAGE="zh")
    assert again.out.startswith(
        "新增 3 行，编号从 6 起，其中保留 0 行\n这 3 行数据集中原本都有，逐字相同；这些文件是否已经添加过？\n"
    )
    assert json.loads(seedbed("add", folder, files[0], *named, "--json").out)["added"] == {
        "first": 9,
        "rows": 3,
        "kept": 0,
        "repeated": 3,
    }
    shown = seedbed("diff", folder, SEEDBED_REPORT_LANGUAGE="zh")
    assert shown.code == 0, shown.err
    assert shown.out == (
        "之前：9 行，保留 4 行\n现在：12 行，保留 4 行\n各行的去向：\n"
        "           5  完全重复\n           4  保留\n           3  没有此行 → 完全重复\n"
        "\n新增  3\n"
        "           9  完全重复  How is a kite mended?\n"
        "          10  完全重复  How is a bass drum mended?\n"
        "          11  完全重复  How is a heavy plough mended?\n"
    )
    other = tmp_path / "other"
    strict = ("--set", "filters.max_prompt_words=5", "--set", "split.validation_share=0")
    assert seedbed("curate", *files, "--out", other, *named, *strict).code == 0
    shown = seedbed("diff", folder, other, "--reason", "prompt_too_long", "--limit", "1", SEEDBED_REPORT_LANGUAGE="en")
    assert shown.out == (
        f"{folder}: 12 rows, 4 kept\n{other}: 6 rows, 1 kept\nrows by what became of them:\n"
        "           6  Exact duplicate → not there\n           3  kept → Prompt too long\n"
        "           2  Exact duplicate → Prompt too long\n           1  kept\n"
        "\nkept before, dropped now  3\n"
        "           1  kept (train) → Prompt too long  How is a bass drum mended?\n"
        "\ndropped for another reason  2\n"
        "           3  Exact duplicate → Prompt too long  How is a bass drum mended?\n"
    )
    facts = json.loads(seedbed("diff", folder, other, "--json").out)
    assert facts["changes"] == {
        "dropped": 3, "kept": 0, "other_split": 0, "other_reason": 2, "only_before": 6, "only_after": 0,
    }  # fmt: skip
    assert facts["rows"] == {"before": 12, "after": 6}
    assert seedbed("diff", other, other).out.endswith("No row was decided otherwise.\n")


def test_init_writes_settings_that_are_read_back(
    seedbed: Seedbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = seedbed("init", "mine.yaml")
    assert result.code == 0, result.err
    first = (tmp_path / "mine.yaml").read_text(encoding="utf-8")
    assert len(first.splitlines()) < 30
    assert load_settings(tmp_path / "mine.yaml", [], {}) == load_settings(None, ["target=1000"], {})
    assert seedbed("init", "mine.yaml").code == 2
    assert seedbed("init", "all.yaml", "--all").code == 0
    assert load_settings(tmp_path / "all.yaml", [], {}) == load_settings(None, [], {})
    chinese = seedbed("init", "--print", SEEDBED_REPORT_LANGUAGE="zh").out
    (tmp_path / "zh.yaml").write_text(chinese, encoding="utf-8")
    assert load_settings(tmp_path / "zh.yaml", [], {}) == load_settings(None, ["target=1000", "report.language=zh"], {})
    # What is only named in a comment can be set, too, and both languages name the same.
    named = [
        [re.sub(r"#.*|[:\s].*", "", re.sub(r"^\s*# (?=[a-z_]+: )", "", line)) for line in text.splitlines()]
        for text in (first, chinese)
    ]
    assert named[0] == named[1]


BAD_INPUT: list[tuple[list[str], dict[str, str], int, str]] = [
    (["build", "none.yaml"], {}, 2, "none.yaml: no such settings file"),
    (["build"], {}, 2, "target: a build needs one"),
    (["build", "--target", "5", "--set", "teacher.provder=openai"], {}, 2, "did you mean 'provider'?"),
    (["build", "--target", "0"], {}, 2, "target (--target): input should be greater than or equal to 1"),
    (["build", "--target", "5", "--set", "seeds.files=[empty.jsonl]"], {}, 2, "empty.jsonl"),
    (["build", "--target", "5", "--set", "seeds.files=[broken.jsonl]"], {}, 2, "broken.jsonl, row 2"),
    (["build", "--target", "5", "--set", "seeds.files=[nowhere.jsonl]"], {}, 2, "nowhere.jsonl"),
    (["build", "--target", "5", "--set", "teacher.faults=429=2"], {}, 2, "expected a rate from 0 to 1"),
    (
        ["build", "--target", "5", "--set", "teacher.provider=openai", "--set", "teacher.model=m"],
        {},
        5,
        "$OPENAI_API_KEY is not set",
    ),
    (
        ["build", "--target", "5", "--set", "teacher.provider=openai", "--set", "teacher.max_attempts=1",
         "--set", "teacher.model=m", "--set", "teacher.base_url=http://127.0.0.1:9/v1"],
        {"OPENAI_API_KEY": KEY},
        5,
        "http://127.0.0.1:9/v1",
    ),
    (["build", "--target", "5", "--set", "teacher.model=nothing"], {}, 5, "404"),
    (["curate", "nowhere.json"], {}, 2, "nowhere.json"),
    (["curate", "notes.docx"], {}, 2, "notes.docx"),
    (["curate", "odd.json"], {}, 2, "found columns foo, bar"),
    (["curate", "roles.json"], {}, 2, "roles.json, row 1"),
    (["curate", "."], {}, 2, "not a dataset folder"),
    (["curate", "good.json", "--out", "good.json"], {}, 2, "good.json: a file where a folder was expected"),
    (["curate", "good.json", "--out", "good.json/d"], {}, 2, "good.json/d: cannot be written (Not a directory)"),
    (["curate", "good.json", "--out", "d\udcff"], {}, 2, "its name is not UTF-8"),
    (["curate", "name\udcff.json"], {}, 2, "its name is not UTF-8"),
    (["show", "x" * 256], {}, 2, "cannot be used (File name too long)"),
    (["build", "--target", "5", "--set", f"seeds.files=[{'x' * 256}]"], {}, 2, "cannot be read (File name too long)"),
    (["build", "--target", "5", "--set", 'seeds.files=["a\\0b"]'], {}, 2, "holds a null character"),
    (["init", "/proc/x.yaml"], {}, 2, "/proc/x.yaml: cannot be written (No such file or directory)"),
    (["init", "."], {}, 2, "not as a file that could be replaced"),
    (["curate", "good.json", "--map", "instruction"], {}, 2, "--map instruction: expected our field = your column"),
    (["curate", "good.json", "--against", "nowhere.json"], {}, 2, "nowhere.json"),
    (["why", "nowhere", "0"], {}, 2, "nowhere: no such dataset folder"),
    (["report", "nowhere"], {}, 2, "nowhere: no such dataset folder"),
    (["add", "nowhere", "good.json"], {}, 2, "nowhere: no such dataset folder"),
    (["add", ".", "good.json"], {}, 2, "not a dataset folder"),
    (["diff", "nowhere"], {}, 2, "nowhere: no such dataset folder"),
    (["diff", "."], {}, 2, "not a dataset folder"),
    (["verify", "nowhere"], {}, 2, "nowhere: no such dataset folder"),
    (["train", "nowhere"], {}, 2, "nowhere"),
    (["evaluate", "nowhere"], {}, 2, "nowhere"),
    (["preview-mask", "nowhere"], {}, 2, "nowhere"),
]  # fmt: skip


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    files: dict[str, Any] = {
        "odd.json": [{"foo": 1, "bar": 2}],
        "roles.json": [{"conversations": [{"from": "alien", "value": "hi"}, {"from": "gpt", "value": "ho"}]}],
        "good.json": [{"instruction": "Name a colour.", "output": "Red."}],
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "empty.jsonl").write_text("", encoding="utf-8")
    good = {"instruction": "Name a colour.", "instances": [{"input": "", "output": "Red."}]}
    (folder / "broken.jsonl").write_text(json.dumps(good) + "\n{not json\n", encoding="utf-8")
    (folder / "notes.docx").write_bytes(b"PK\x03\x04")
    (folder / "name\udcff.json").write_bytes((folder / "good.json").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "expected"), BAD_INPUT, ids=[ascii(" ".join(case[0][:4])) for case in BAD_INPUT]
)
def test_bad_input_ends_with_one_clear_message(
    seedbed: Seedbed,
    bad_files: Path,
    arguments: list[str],
    environ: dict[str, str],
    code: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(bad_files)
    ended = seedbed(*arguments, **environ)
    assert ended.code == code, ended.err
    assert expected in ended.err
    assert KEY not in ended.err + ended.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "--json"], "Missing argument 'DIR'."),
        (["show", "d", "--json", "--limit", "x"], "Invalid value for '--limit': Input should be a valid integer"),
        (["shwo", "d", "--json"], "No such command 'shwo'. Did you mean 'show'?"),
        (["build", "--json", "--targt", "3"], "No such option: --targt (Possible options: --target)"),
        (["build", "--json", "--set", "a=1"], "the settings: 1 mistake"),
    ],
)
def test_a_mistaken_argument_is_json_where_json_was_asked_for(
    seedbed: Seedbed, arguments: list[str], expected: str
) -> None:
    ended = seedbed(*arguments)
    told = json.loads(ended.out)
    assert (ended.code, told["exit_code"]) == (2, 2)
    assert told["error"].startswith(expected)


def test_rows_are_listed_within_the_terminal(tmp_path: Path, seedbed: Seedbed) -> None:
    rows = [
        {
            "instruction": "Name a warm colour.",
            "output": "Red, as fire is, and as the coats of guards are in old pictures.",
        },
        {
            "instruction": "说出一种颜色，并写出三样这种颜色的东西，每样说明为什么。",
            "output": "红色：火、旗帜和苹果。",
            "category": "写作",
        },
        {"instruction": "Who wrote Faust?", "output": "I'm sorry, but I can't help with that."},
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    seedbed("curate", tmp_path / "rows.json", "--out", tmp_path / "d")
    assert seedbed("show", tmp_path / "d", COLUMNS="60").out == (
        "row  verdict  category  prompt → answer\n"
        "  0  kept     en        Name a warm colour. → Red, as fire…\n"
        "  1  kept     写作/zh   说出一种颜色，并写出三样这种颜色的…\n"
        "  2  refusal  en        Who wrote Faust? → I'm sorry, but I…\n"
        "3 of 3 rows shown\n"
    )
    assert "prompt → answer\n  2  refusal" in seedbed("show", tmp_path / "d", "--sort", "row", "--descending").out
    assert "  [assistant]\n  红色：火、旗帜和苹果。\n" in seedbed("show", tmp_path / "d", "--rows", "1", "--full").out
    drawn = [seedbed("show", tmp_path / "d", "--sample", "2", "--seed", seed).out for seed in ("3", "3", "4")]
    assert drawn[0] == drawn[1]
    assert len(drawn[2].splitlines()) == 4
    assert "did you mean 'quality'" in seedbed("show", tmp_path / "d", "--sort", "qualty").err


def test_a_row_that_is_not_there_names_the_range(seedbed: Seedbed, made: Path) -> None:
    result = seedbed("why", made, "99999")
    assert result.code == 2
    assert re.search(r"no row 99999\n  Rows are 0 to \d+", result.err)


def test_a_wrong_key_is_named_by_its_variable_and_never_shown(seedbed: Seedbed, tmp_path: Path) -> None:
    with scripted(Answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401)) as endpoint:
        result = seedbed(
            "build", "--target", "5", "--out", tmp_path / "d", "--set", "teacher.provider=openai", "--set", "teacher.model=m",
            "--set", f"teacher.base_url={endpoint.url}", OPENAI_API_KEY=KEY,
        )  # fmt: skip
    assert result.code == 5
    assert "The key in $OPENAI_API_KEY was refused" in result.err
    assert endpoint.authorisations == [f"Bearer {KEY}"] * endpoint.posts
    assert KEY not in result.err + result.out
    for path in (tmp_path / "d").rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def test_a_folder_in_use_names_the_process(seedbed: Seedbed, tmp_path: Path) -> None:
    arguments = ["build", "--target", "3000", "--out", str(tmp_path / "d"), "-q", "--set", "teacher.faults=latency=0.3"]
    with subprocess.Popen([sys.executable, "-m", "builder", *arguments], stdout=subprocess.DEVNULL) as running:
        while not (tmp_path / "d" / "seedbed.yaml").exists():
            time.sleep(0.02)
        result = seedbed(*arguments)
        assert result.code == 2
        assert f"in use by process {running.pid}" in result.err
        assert json.loads(seedbed("status", tmp_path / "d", "--json").out)["finished"] is False
        running.send_signal(signal.SIGINT)
    assert running.returncode == 130
    assert seedbed(*arguments[:2], "40", *arguments[3:]).code == 0
    assert pipeline.verify(tmp_path / "d") == []


def test_a_full_disk_ends_with_7_and_nothing_is_lost(seedbed: Seedbed, tmp_path: Path) -> None:
    build = [
        "build",
        "--quiet",
        "--target",
        "60",
        "--set",
        "growth.tasks_per_request=4",
        "--set",
        "split.min_validation_rows=0",
    ]
    limited = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))\n"
        "from builder.cli import main\n"
        "main()\n"
    )
    arguments = [*build, "--out", str(tmp_path / "d")]
    result = subprocess.run([sys.executable, "-c", limited, *arguments], capture_output=True, text=True)
    assert result.returncode == 7, result.stderr
    assert "Traceback" not in result.stderr
    assert "run the same command again" in result.stderr
    received = json.loads(seedbed("status", tmp_path / "d", "--json").out)["received"]
    assert seedbed(*arguments).code == 0
    assert seedbed(*build, "--out", tmp_path / "undisturbed").code == 0
    again = DatasetFolder(tmp_path / "d").samples_table()
    assert again.equals(DatasetFolder(tmp_path / "undisturbed").samples_table())
    total = json.loads(seedbed("status", tmp_path / "d", "--json").out)
    assert total["received"] >= received
    assert total["received"] == total["requests"]
