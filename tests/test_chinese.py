"""Every message has its Chinese: what is raised or said anywhere is looked up in the catalogue."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.language.chinese import in_chinese, is_spoken
from tests.command import Seedbed

ROOT = Path(__file__).parents[1]
CATALOGUE = json.loads((ROOT / "builder" / "language" / "messages.zh.json").read_text(encoding="utf-8"))
ERRORS = {
    node.name for node in ast.parse((ROOT / "builder" / "errors.py").read_text()).body if isinstance(node, ast.ClassDef)
}
# Calls whose texts are shown, beside errors: of rows, of settings (there, `ValueError`), and of commands.
TEXTS = {
    "RowError",
    "InexpressibleError",
    "RowLeftOutError",
    "Broken",
    "add",
    "say",
    "step",
    "tell",
    "KeyboardInterrupt",
}
SETTINGS = {"builder/config.py", "builder/cells.py"}


def templates(expression: ast.expr) -> list[str]:
    """The texts that an expression may give, `{}` for each value in them."""
    match expression:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in values)]  # type: ignore[misc]
        case ast.IfExp(body=body, orelse=other):
            return templates(body) + templates(other)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [a + b for a in templates(left) for b in templates(right)]
    return ["{}"]


def shown() -> Iterator[tuple[str, str]]:
    """Every template that is shown to users, and where it stands."""
    for path in sorted([*ROOT.glob("builder/**/*.py"), *ROOT.glob("trainer/**/*.py")]):
        file = path.relative_to(ROOT).as_posix()
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            noted = name == "append" and getattr(getattr(call.func, "value", None), "id", "") == "notes"
            if name not in ERRORS | TEXTS and not noted and not (name == "ValueError" and file in SETTINGS):
                continue
            given = [*call.args, *(word.value for word in call.keywords if word.arg in ("remedy", "problem"))]
            for template in (text.replace("{}, row {}: ", "") for argument in given for text in templates(argument)):
                if re.search(r"[A-Za-z]{2}", template.replace("{}", "")) and not re.fullmatch(
                    "[a-z]+(_[a-z]+)+", template
                ):
                    yield f"{file}:{call.lineno}", template.strip()


def test_every_message_has_its_chinese() -> None:
    known = {english for file in CATALOGUE.values() for english in file}
    missing = [f"{place}: {template!r}" for place, template in shown() if template not in known]
    assert missing == []


def test_every_entry_of_the_catalogue_is_chinese_and_keeps_its_values() -> None:
    for english, chinese in ((e, c) for file in CATALOGUE.values() for e, c in file.items()):
        values, placed = english.count("{}"), re.findall(r"\{(\d*)\}", chinese)
        assert re.search(r"[\u4e00-\u9fff\uff00-\uffef]", chinese), english
        if any(placed):
            assert len(set(placed)) == len(placed), english
            assert set(map(int, placed)) <= set(range(1, values + 1)), english
        else:
            assert len(placed) == values, english


def test_the_catalogue_is_in_the_order_of_the_files() -> None:
    others = {
        "elsewhere",
        "pydantic",
        "typer",
        "values",
    }  # messages from elsewhere, and what stands for a value in ours
    assert list(CATALOGUE) == sorted(CATALOGUE)
    assert [file for file in CATALOGUE if file not in others and not (ROOT / file).is_file()] == []


def _stands(entry: str, texts: str) -> bool:
    """Whether an entry, or a part of one that holds a word in place of a value, stands in a file."""
    parts = entry.split("{}")
    return any(part.strip() in texts for part in parts if len(part) > 10 or part == max(parts, key=len))


def test_no_entry_is_left_of_a_message_that_is_gone() -> None:
    gone = []
    for file, entries in CATALOGUE.items():
        if file.endswith(".py"):
            tree = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
            said = [text for node in tree if isinstance(node, ast.expr) for text in templates(node)]
            named = [re.sub(r"(?<!{){[^{}]+}(?!})", "{}", text).replace("{{", "{").replace("}}", "}") for text in said]
            texts = "\0".join([*said, *named])
            gone += [f"{file}: {e}" for e in entries if not _stands(e, texts)]
    assert gone == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("data: holds a dataset already", "data：这里已经有一个数据集"),
        ("b/问答.json, row 3: it holds no rows", "b/问答.json 第 3 行：里面没有任何行"),
        ("a: b.json: the file is empty", "a: b.json：文件是空的"),
        (
            "a.json, row 2: 'history' holds a list, expected text\n  row 4: the row is a number, expected an object {column: value}",
            "a.json 第 2 行：'history' 是列表，应为文本\n  第 4 行：这一行是数字，应为对象 {列: 值}",
        ),
        (
            "no task with 3 different inputs came out of 7 tries with these families",
            "用这些任务族试了 7 次，没有得到一个含 3 个不同输入的任务",
        ),
        ("--map a=b: unknown field 'a', did you mean 'b'?", "--map a=b：未知的字段 'a'，是不是想写 'b'？"),
        ("found columns text, nothing; expected one of: x", "文件里的列是 text, nothing；应为下列之一：x"),
        ("no signal is called 'a'", "没有名为 'a' 的信号"),
        ("no signal is called 'a', did you mean 'b'?", "没有名为 'a' 的信号，是不是想写 'b'？"),
        ("a.json, row 3: two user turns in a row", "a.json 第 3 行：连续两轮都是 user"),
        (
            "balance names cells that do not exist:\n  - balance.caps: no such cell 'a', did you mean 'b'?",
            "balance 里有不存在的范围：\n  - balance.caps：没有这个范围：'a'，是不是想写 'b'？",
        ),
        (
            "a: was grown with other settings\n  - seed: was 1, is now 2",
            "a：这里的数据是用别的设置生成的\n  - seed：原来是 1，现在是 2",
        ),
        ("--map a=b: unknown field 'a'", "--map a=b：未知的字段 'a'"),
        ("row 7 says nothing that is known", "row 7 says nothing that is known"),
        ('http://x (m): 400 {"a": "b, row 3: c"}', 'http://x (m): 400 {"a": "b, row 3: c"}'),
    ],
)
def test_values_stay_what_they_are(english: str, chinese: str) -> None:
    assert in_chinese(english) == chinese


@pytest.mark.parametrize(
    ("environ", "chinese"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_TW", "LANG": "C"}, True),
        ({"LANG": "zh_CN.UTF-8", "SEEDBED_REPORT_LANGUAGE": "en"}, False),
        ({"LANG": "C", "SEEDBED_REPORT_LANGUAGE": "zh"}, True),
    ],
)
def test_who_is_spoken_to_in_chinese(environ: dict[str, str], chinese: bool) -> None:
    assert is_spoken(environ) is chinese


def test_errors_of_a_command_in_a_chinese_terminal(seedbed: Seedbed, tmp_path: Path) -> None:
    (tmp_path / "坏.jsonl").write_text('{"instruction": "a", "output": ["b"]}\n[1]\n', encoding="utf-8")
    ended = seedbed("curate", tmp_path / "坏.jsonl", "--out", tmp_path / "d", LANG="zh_CN.UTF-8", LC_ALL="")
    assert ended.code == 2
    assert ended.err.endswith(
        f"seedbed: {tmp_path}/坏.jsonl 第 2 行：这一行是列表，应为对象 {{列: 值}}\n  改正或删去这些行；什么都没有读入。\n"
    )


def test_mistaken_arguments_and_settings_are_named_in_chinese(seedbed: Seedbed, tmp_path: Path) -> None:
    settings = tmp_path / "s.yaml"
    settings.write_text("report: {language: zh}\nnovelty: {threshhold: 0.5}\nseed: often\n", encoding="utf-8")
    ended = seedbed("build", settings, SEEDBED_REPORT_LANGUAGE="zh")
    assert ended.err == (
        f"seedbed: {settings}：2 处错误\n"
        "  - seed：应为整数\n"
        "  - novelty.threshhold：没有这项设置，是不是想写 'threshold'？\n"
        "  `seedbed init --all --print` 列出每项设置及其含义。\n"
    )
    # The language of a report is that of its pages: whoever gives the command is spoken to in their own.
    assert "2 mistakes" in seedbed("build", settings, SEEDBED_REPORT_LANGUAGE="en").err
    assert "Decide which rows to keep, and why.\n" in seedbed(LANG="zh_CN.UTF-8").err
    assert "没有这个选项：--frob" in seedbed("curate", "--frob", SEEDBED_REPORT_LANGUAGE="zh").err


def test_a_chinese_folder_is_spoken_of_in_the_readers_language(seedbed: Seedbed, tmp_path: Path) -> None:
    rows = "".join(
        json.dumps({"instruction": f"写一句关于{thing}的话", "output": f"{thing}很好看。"}) + "\n" for thing in "山水花"
    )
    (tmp_path / "a.jsonl").write_text(rows, encoding="utf-8")
    seedbed("curate", tmp_path / "a.jsonl", "--out", tmp_path / "d", "--set", "report.language=zh")
    zh = {"SEEDBED_REPORT_LANGUAGE": "zh"}
    assert seedbed("show", tmp_path / "d", "--limit", "1", **zh).out.endswith(
        "共 3 行，列出 1 行；用 --limit 可列出更多\n"
    )
    assert seedbed("verify", tmp_path / "d", **zh).out == f"{tmp_path / 'd'}：所有文件都与写入时一致\n"
    assert "没有 9 这一行" in seedbed("why", tmp_path / "d", "9", **zh).err
    assert "rows shown" in seedbed("show", tmp_path / "d", SEEDBED_REPORT_LANGUAGE="en").out


def test_what_a_command_says_is_chinese_whole(seedbed: Seedbed, tmp_path: Path) -> None:
    rows = [
        {"instruction": "说出三种暖色。", "output": "红、橙、黄。"},
        {"instruction": "说出三种冷色。", "output": "N/A"},
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    seedbed("curate", tmp_path / "rows.json", "--out", tmp_path / "d", "-q", SEEDBED_REPORT_LANGUAGE="zh")
    assert seedbed("show", tmp_path / "d", "--limit", "1").out.splitlines()[1].split()[:3] == ["0", "保留", "zh"]
    kept, dropped = (seedbed("why", tmp_path / "d", row).out.splitlines() for row in ("0", "1"))
    assert kept[0] == "第 0 行保留（用于训练）。"
    assert [line.split()[0] for line in kept[1:6]] == ["质量", "任务", "语言", "来历", "来源"]
    assert not re.search("[a-z]", kept[1])
    assert dropped[1] == "  - 常见缺陷（“回答为“N/A” → N/A”）"
    assert "一个汉字算一个词" in seedbed("signals", "length").out
    mistaken = seedbed("show", tmp_path / "d", "--limit", "x").err.splitlines()
    assert mistaken[0].startswith("用法：")
    assert mistaken[1].endswith(" -h' 查看说明。")
    assert mistaken[2:] == ["", "错误：'--limit' 的值无效：应为整数"]
