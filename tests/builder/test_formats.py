"""Files of every container and format to samples and back, and every way in which a file can be wrong."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather

from builder.errors import InputFileError, UsageError
from builder.formats import FORMATS, rows
from builder.formats.columns import NAMES
from builder.formats.containers import workbook
from builder.formats.detection import describe, detect
from builder.formats.importing import Imported, open_samples, read_samples
from builder.formats.reading import SUFFIXES, open_rows
from builder.formats.targets import TARGETS
from builder.formats.writing import export
from builder.progress import Reporter
from builder.published import Shape, published_table
from builder.schema import SAMPLE_SCHEMA, Message, Sample, as_record, samples_table

WEATHER_CALL = '[{"name": "get_weather", "arguments": {"city": "苏州", "days": 2}}]'
WEATHER_TOOLS = '[{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]'

ALPACA_ROWS: list[dict[str, Any]] = [
    {"instruction": "Name the capital of Portugal.", "input": "", "output": "Lisbon"},
    {"instruction": "把下面的句子改成疑问句。", "input": "  他昨天回家了。\n", "output": "他昨天回家了吗？ "},
    {
        "instruction": "And its longest river?",
        "input": "",
        "output": "The Tagus.",
        "system": "Answer briefly.",
        "history": [["Name the capital of Portugal.", "Lisbon"], ["Its currency?", "The euro."]],
    },
]
SHAREGPT_ROWS: list[dict[str, Any]] = [
    {
        "conversations": [
            {"from": "human", "value": "苏州这两天天气怎么样？"},
            {"from": "function_call", "value": '{"name": "get_weather", "arguments": {"city": "苏州", "days": 2}}'},
            {"from": "observation", "value": '{"forecast": ["晴", "小雨"]}'},
            {"from": "gpt", "value": "今天晴，明天有小雨。"},
        ],
        "tools": WEATHER_TOOLS,
    },
    {
        "conversations": [
            {"from": "system", "value": "You are terse."},
            {"from": "human", "value": "Is 91 prime?"},
        ],
        "chosen": {"from": "gpt", "value": "No: 7 × 13."},
        "rejected": {"from": "gpt", "value": "Yes."},
    },
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
]
SHAREGPT_MESSAGES = [
    (
        Message("user", "苏州这两天天气怎么样？"),
        Message("assistant", "", WEATHER_CALL),
        Message("tool", '{"forecast": ["晴", "小雨"]}'),
        Message("assistant", "今天晴，明天有小雨。"),
    ),
    (Message("system", "You are terse."), Message("user", "Is 91 prime?"), Message("assistant", "No: 7 × 13.")),
    (Message("user", "Hi"), Message("assistant", "Hello.")),
]


def load(*paths: Path, mapping: dict[str, str] | None = None, first_row: int = 0) -> Imported:
    return read_samples(paths, mapping=mapping, first_row=first_row, reporter=Reporter(quiet=True))


def read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    return [(row.number, row.values) for row in open_rows(path).rows()]


def write_json_file(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def write_workbook(path: Path, *records: list[Any]) -> Path:
    workbook = openpyxl.Workbook()
    for record in records:
        workbook.worksheets[0].append(record)
    workbook.save(path)
    return path


def content(samples: list[Sample]) -> list[tuple[Any, ...]]:
    return [(sample.messages, sample.tools, sample.rejected) for sample in samples]


class TestContainers:
    def write(self, path: Path, rows: list[dict[str, str]]) -> Path:
        columns = list(rows[0])
        match path.suffix:
            case ".json":
                write_json_file(path, rows)
            case ".jsonl" | ".ndjson":
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            case ".parquet":
                pq.write_table(pa.Table.from_pylist(rows), path)
            case ".arrow" | ".feather":
                feather.write_feather(pa.Table.from_pylist(rows), path)
            case ".xlsx":
                write_workbook(path, columns, *[list(row.values()) for row in rows])
            case _:
                with path.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, columns, delimiter="\t" if path.suffix == ".tsv" else ",")
                    writer.writeheader()
                    writer.writerows(rows)
        return path

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_every_container_gives_the_same_samples(self, tmp_path: Path, suffix: str) -> None:
        rows = [{key: row[key] for key in ("instruction", "input", "output")} for row in ALPACA_ROWS[:2]]

        imported = load(self.write(tmp_path / f"demo{suffix}", rows))

        assert imported.samples == [
            Sample(
                row=0,
                task_id="demo#1",
                messages=(Message("user", "Name the capital of Portugal."), Message("assistant", "Lisbon")),
                category=None,
                language="en",
                origin="imported",
                source=f"demo{suffix}#1",
                instruction="Name the capital of Portugal.",
                input=None if suffix == ".xlsx" else "",
            ),
            Sample(
                row=1,
                task_id="demo#2",
                messages=(
                    Message("user", "把下面的句子改成疑问句。\n\n  他昨天回家了。\n"),
                    Message("assistant", "他昨天回家了吗？ "),
                ),
                category=None,
                language="zh",
                origin="imported",
                source=f"demo{suffix}#2",
                instruction="把下面的句子改成疑问句。",
                input="  他昨天回家了。\n",
            ),
        ]
        assert imported.problems == []

    def test_an_object_around_the_list_is_read(self, tmp_path: Path) -> None:
        path = write_json_file(tmp_path / "a.json", {"version": 3, "data": ALPACA_ROWS[:2]})
        assert len(load(path).samples) == 2

    def test_json_lines_in_a_json_file_and_the_reverse(self, tmp_path: Path) -> None:
        lines = tmp_path / "lines.json"
        lines.write_text("".join(json.dumps(row) + "\n" for row in ALPACA_ROWS), encoding="utf-8")
        array = tmp_path / "array.jsonl"
        array.write_text(json.dumps(ALPACA_ROWS, indent=2), encoding="utf-8")

        assert content(load(lines).samples) == content(load(array).samples)
        assert detect(lines).container == "JSON Lines"
        assert detect(array).container == "JSON"

    def test_rows_are_numbered_as_an_editor_shows_them(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(
            '\n{"question": "a\u2028b", "answer": "c"}\r\n\n{"question": "d", "answer": "e"}', encoding="utf-8"
        )
        assert read(path) == [
            (2, {"question": "a\u2028b", "answer": "c"}),
            (4, {"question": "d", "answer": "e"}),
        ]
        assert [sample.source for sample in load(path).samples] == ["a.jsonl#2", "a.jsonl#4"]

    @pytest.mark.parametrize(
        ("encoding", "delimiter", "details"),
        [
            ("utf-8", ",", {}),
            ("utf-8-sig", ";", {"delimiter": ";"}),
            ("gb18030", ",", {"encoding": "GB18030"}),
            ("utf-16", "\t", {"encoding": "UTF-16", "delimiter": "\t"}),
        ],
    )
    def test_csv_encodings_and_delimiters(
        self, tmp_path: Path, encoding: str, delimiter: str, details: dict[str, str]
    ) -> None:
        path = tmp_path / "问答.csv"
        text = (
            delimiter.join(["问题", '"回答"'])
            + "\r\n"
            + delimiter.join(['"水的沸点，\r\n是多少；？"', "100 度, 海平面"])
        )
        path.write_bytes(text.replace(", ", "、").encode(encoding))

        imported = load(path)

        assert content(imported.samples) == [
            ((Message("user", "水的沸点，\r\n是多少；？"), Message("assistant", "100 度、海平面")), None, None)
        ]
        assert imported.detected[0].details == details

    def test_long_csv_cells_are_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text(f"question,answer\nq,{'x' * 200_000}\n", encoding="utf-8")
        assert len(load(path).samples[0].answer) == 200_000
        assert csv.field_size_limit() == 131_072

    def test_workbook_values(self, tmp_path: Path) -> None:
        """Values of formulas, numbers and truth as Excel shows them; blank rows and other sheets are no samples."""
        workbook = openpyxl.Workbook()
        sheet = workbook.worksheets[0]
        sheet.title = "数据"
        for record in (["问题", "答案"], ["6×7", 42], [None, None], ["Is water wet?", True], ["CR_x000D_LF", "a"]):
            sheet.append(record)
        workbook.create_sheet("notes").append(["ignore me"])
        path = tmp_path / "表格.xlsx"
        workbook.save(path)

        imported = load(path)

        assert [(s.source, s.messages[0].content, s.answer) for s in imported.samples] == [
            ("表格.xlsx#1", "6×7", "42"),
            ("表格.xlsx#3", "Is water wet?", "TRUE"),
            ("表格.xlsx#4", "CR\rLF", "a"),
        ]
        assert imported.detected[0].details == {"sheet": "数据", "other_sheets": "notes"}
        assert describe(imported.detected[0], "en") == (
            "表格.xlsx: 3 rows, question–answer pairs (XLSX, sheet '数据', not read: notes); "
            "columns: 问题 → instruction, 答案 → output"
        )
        assert describe(imported.detected[0], "zh") == (
            "表格.xlsx：3 行，问答对（XLSX，工作表“数据”，未读取：notes）；列：问题 → instruction、答案 → output"
        )

    def test_a_workbook_that_understates_its_size_is_read_whole(self, tmp_path: Path) -> None:
        path = write_workbook(tmp_path / "a.xlsx", ["question", "answer"], ["q1", "a1"], ["q2", "a2"])
        rewrite_member(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'ref="A1:B3"', b'ref="A1:A1"'))
        assert [sample.answer for sample in load(path).samples] == ["a1", "a2"]

    def test_unusable_characters_are_replaced_and_noted(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(
            '{"question": "a\\u0000b", "answer": "\\ud83d"}\n{"question": "\\ud83d\\ude00", "answer": "ok"}'
        )
        imported = load(path)
        assert [(s.messages[0].content, s.answer) for s in imported.samples] == [("ab", "\ufffd"), ("😀", "ok")]
        assert [tuple(problem) for problem in imported.problems] == [
            (path, 1, "NUL characters were removed or lone surrogates replaced")
        ]


def rows_or_clear_error(path: Path) -> list[tuple[int, dict[str, Any]]] | None:
    try:
        return read(path)
    except InputFileError as error:
        if not error.message.startswith(str(path)):
            raise
        return None


def rewrite_member(path: Path, member: str, change: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert members[member] != change(members[member])
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("name", "data", "expected"),
        [
            ("a.json", b"", "a.json: the file is empty"),
            ("a.json", b" \n", "a.json: the file is empty"),
            ("a.json", b"[]", "a.json: it holds no rows"),
            ("a.json", b'[{"a": 1},\n {"b" 2}]', "a.json: not JSON at line 2, column 7: Expecting ':' delimiter"),
            ("a.json", b'"text"', "a.json: the top level is plain text, expected a list of rows"),
            ("a.json", b'{"x": [], "y": []}', "the top level is lists under 'x', 'y', expected one list of rows"),
            ("a.json", b'{"messages": [{"role": "user"}]}', "the top level is an object that is not a list of rows"),
            ("a.json", b'[{"a": 1}, 7, {"a": 2}, null]', "a.json, row 2: the row is a number, expected an object"),
            ("a.json", b"[" * 100_000, "a.json, row 1: JSON that cannot be read: it is nested too deeply"),
            ("a.json", b'[{"a": ' + b"[" * 200 + b"]" * 200 + b"}]", "a.json, row 1: nested more than 64 levels deep"),
            ("a.json", b'[{"a": ' + b"9" * 5000 + b"}]", "a.json, row 1: JSON that cannot be read: Exceeds the limit"),
            ("a.json", b"\xff\xfe[", "a.json: not the UTF-16 that its byte order mark says"),
            (
                "a.json",
                b'[\n"caf\xe9s"]',
                "a byte in line 2 (byte 7 of the file) is not UTF-8, and the file is not GB18030",
            ),
            ("a.jsonl", b'{"a": 1}\n{"a": 1\n7\n', "a.jsonl, row 2: not JSON at line 2, column 8: Expecting ','"),
            ("a.jsonl", b'{"a": 1}\n{"a": 1\n7\n', "row 3: the row is a number, expected an object {column: value}"),
            ("a.csv", b"question,answer\n", "a.csv: it holds no rows"),
            ("a.csv", b"\n\n", "a.csv: the file is empty"),
            ("a.csv", b"q,q\n1,2\n", "a.csv: two columns are named 'q'"),
            ("a.csv", b"question,answer\nWhy, then?,x\n\nWhy, oh, why?,x\n", "row 1: 3 cells where the header has 2"),
            ("a.csv", b'question,answer\n"open,x\nq,a\n', "a.csv: broken quotes at line 3 (unexpected end of data)"),
            (
                "a.csv",
                b"question\xff,answer\n",
                "a.csv: a byte in line 1 (byte 9 of the file) is not UTF-8, and the file is",
            ),
            ("a.xlsx", b"not a zip", "a.xlsx: not an XLSX workbook (or one with a password)"),
            ("a.parquet", b"PAR1 but no more PAR1", "a.parquet: not a readable Parquet file"),
            (
                "a.doc",
                b"x",
                "a.doc: .doc is not supported; supported are .json, .jsonl, .ndjson, .parquet, .arrow, .feather, .csv",
            ),
            ("a.jsonl.gz", b"x", "a.jsonl.gz, row 1: not JSON at line 1, column 1"),
            ("a.jsonl.bz2", b"x", "Decompress it first."),
            ("a.xls", b"x", "Save it as .xlsx."),
            ("a", b"x", "a: a name without a suffix, and bytes of no known format, is not supported"),
        ],
    )
    def test_the_error_names_what_is_wrong(self, tmp_path: Path, name: str, data: bytes, expected: str) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputFileError) as raised:
            load(path)
        assert expected in str(raised.value)

    def test_a_folder_and_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match=r"a folder where a data file was expected\n  Name the files in it"):
            load(tmp_path)
        (tmp_path / "seedbed.yaml").touch()
        with pytest.raises(InputFileError, match="a dataset folder where a data file was expected"):
            load(tmp_path)
        with pytest.raises(InputFileError, match=r"none\.json: no such file"):
            load(tmp_path / "none.json")

    def test_an_over_long_line_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows, "MAX_ROW_BYTES", 2**20)
        path = tmp_path / "a.jsonl"
        path.write_bytes(b'{"a": 1}\n' + b"x" * (2**20 + 1))
        with pytest.raises(InputFileError, match="row 2: the row is longer than 1 MiB"):
            read(path)

    def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workbook, "MAX_UNPACKED_BYTES", 8 * 2**20)
        path = tmp_path / "bomb.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/sheet.xml", "w") as member:
            for _ in range(9):
                member.write(bytes(2**20))
        assert path.stat().st_size < 2**16
        with pytest.raises(InputFileError, match="unpacks to 9 MiB; the limit is 8 MiB"):
            read(path)

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (b'r="3"', b'r="2000000000"', r"far\.xlsx: more than 1,048,576 rows"),
            (b'<c r="B3"', b'<c r="ZZZ3"', r"far\.xlsx, row 3: a cell beyond column 16,384"),
        ],
    )
    def test_a_workbook_whose_rows_or_columns_lie_far_out_is_refused(
        self, tmp_path: Path, old: bytes, new: bytes, expected: str
    ) -> None:
        path = write_workbook(tmp_path / "far.xlsx", ["question", "answer"], ["q1", "a1"], ["q2", "a2"])
        rewrite_member(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(old, new))
        with pytest.raises(InputFileError, match=expected):
            read(path)

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        suffix=st.sampled_from(SUFFIXES),
        data=st.one_of(
            st.binary(max_size=300),
            st.text(alphabet='[]{}":,;\t\n\r\0 01aé问\\u', max_size=80).map(str.encode),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
            ).map(lambda value: json.dumps([value]).encode()),
        ),
    )
    def test_any_bytes_give_rows_or_a_clear_error(self, tmp_path: Path, suffix: str, data: bytes) -> None:
        path = tmp_path / f"any{suffix}"
        path.write_bytes(data)
        rows = rows_or_clear_error(path)
        assert rows is None or len(rows) > 0
        assert json.dumps(rows, ensure_ascii=False).encode()

    @settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        suffix=st.sampled_from((".xlsx", ".parquet")),
        place=st.floats(min_value=0, max_value=1, exclude_max=True),
        replacement=st.binary(min_size=1, max_size=8),
        member=st.sampled_from(("xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml", "")),
    )
    def test_damaged_binary_files_give_rows_or_a_clear_error(
        self, tmp_path: Path, suffix: str, place: float, replacement: bytes, member: str
    ) -> None:
        path = tmp_path / f"damaged{suffix}"
        if suffix == ".xlsx":
            write_workbook(path, ["question", "answer"], ["q1", "a1"], ["问题", "答案"])
        else:
            pq.write_table(pa.table({"question": ["q1", "问题"], "answer": ["a1", "答案"]}), path)

        def damage(data: bytes) -> bytes:
            at = int(place * len(data))
            damaged = data[:at] + replacement + data[at + len(replacement) :]
            return damaged if damaged != data else data + b"\0"

        if suffix == ".xlsx" and member:
            rewrite_member(path, member, damage)
        else:
            path.write_bytes(damage(path.read_bytes()))
        rows = rows_or_clear_error(path)
        assert rows is None or len(rows) > 0


class TestReadingFormats:
    def test_alpaca(self, tmp_path: Path) -> None:
        imported = load(write_json_file(tmp_path / "a.json", ALPACA_ROWS))
        assert imported.detected[0].format == "alpaca"
        last = imported.samples[2]
        assert last.messages == (
            Message("system", "Answer briefly."),
            Message("user", "Name the capital of Portugal."),
            Message("assistant", "Lisbon"),
            Message("user", "Its currency?"),
            Message("assistant", "The euro."),
            Message("user", "And its longest river?"),
            Message("assistant", "The Tagus."),
        )
        assert last.instruction is None

    def test_an_empty_instruction_asks_with_its_input(self, tmp_path: Path) -> None:
        path = write_json_file(tmp_path / "a.json", [{"instruction": "", "input": "2 + 2?", "output": "4"}])
        sample = load(path).samples[0]
        assert (sample.messages[0].content, sample.instruction, sample.input) == ("2 + 2?", "2 + 2?", None)

    @pytest.mark.parametrize(
        "columns",
        [
            ("question", "answer"),
            ("Prompt", "Response"),
            ("query", "response"),
            ("instruction", "response"),
            ("问题", "回答"),
            ("指令", "输出"),
            ("提问", "答案"),
            ("输入", "输出"),
            ("input", "output"),
        ],
    )
    def test_pairs_under_their_usual_names(self, tmp_path: Path, columns: tuple[str, str]) -> None:
        path = write_json_file(
            tmp_path / "a.json", [{"n": 1, columns[0]: "天为什么是蓝的？", columns[1]: "瑞利散射。"}]
        )
        imported = load(path)
        assert content(imported.samples) == [
            ((Message("user", "天为什么是蓝的？"), Message("assistant", "瑞利散射。")), None, None)
        ]
        assert imported.detected[0].unused == ("n",)

    def test_sharegpt(self, tmp_path: Path) -> None:
        imported = load(write_json_file(tmp_path / "a.json", SHAREGPT_ROWS))
        assert imported.detected[0].format == "sharegpt"
        assert content(imported.samples) == [
            (SHAREGPT_MESSAGES[0], WEATHER_TOOLS, None),
            (SHAREGPT_MESSAGES[1], None, "Yes."),
            (SHAREGPT_MESSAGES[2], None, None),
        ]
        assert [sample.language for sample in imported.samples] == ["zh", "en", "en"]

    def test_openai_messages(self, tmp_path: Path) -> None:
        """Arguments are text, ids tie results to calls: the results of parallel calls are named by the ids."""
        calls = [
            {"id": "x1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}},
            {"id": "x2", "type": "function", "function": {"name": "now", "arguments": ""}},
        ]
        row = {
            "messages": [
                {"role": "developer", "content": "Use tools."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "1 + 2, "}, {"type": "text", "text": "and the time?"}],
                },
                {"role": "assistant", "content": None, "tool_calls": calls},
                {"role": "tool", "tool_call_id": "x2", "content": "noon"},
                {"role": "tool", "tool_call_id": "x1", "content": "3"},
                {"role": "assistant", "content": "3, at noon."},
            ],
            "tools": [{"type": "function", "function": {"name": "add"}}],
        }
        imported = load(write_json_file(tmp_path / "a.json", [row]))
        assert imported.samples[0].messages == (
            Message("system", "Use tools."),
            Message("user", "1 + 2, and the time?"),
            Message(
                "assistant", "", '[{"name": "add", "arguments": {"a": 1, "b": 2}}, {"name": "now", "arguments": {}}]'
            ),
            Message("tool", "noon", name="now"),
            Message("tool", "3", name="add"),
            Message("assistant", "3, at noon."),
        )
        assert imported.samples[0].tools == '[{"type": "function", "function": {"name": "add"}}]'
        assert imported.problems == []

    @pytest.mark.parametrize(
        "row",
        [
            {"prompt": "91 是质数吗？", "chosen": "不是，7×13。", "rejected": "是。"},
            {
                "prompt": [{"role": "user", "content": "91 是质数吗？"}],
                "chosen": [{"role": "assistant", "content": "不是，7×13。"}],
                "rejected": [{"role": "assistant", "content": "是。"}],
            },
            {
                "chosen": [
                    {"role": "user", "content": "91 是质数吗？"},
                    {"role": "assistant", "content": "不是，7×13。"},
                ],
                "rejected": [{"role": "user", "content": "91 是质数吗？"}, {"role": "assistant", "content": "是。"}],
            },
            {
                "conversations": [{"from": "human", "value": "91 是质数吗？"}],
                "chosen": {"from": "gpt", "value": "不是，7×13。"},
                "rejected": {"from": "gpt", "value": "是。"},
            },
            {"instruction": "91 是质数吗？", "input": "", "chosen": "不是，7×13。", "rejected": "是。"},
        ],
    )
    def test_preference_pairs_in_every_shape(self, tmp_path: Path, row: dict[str, Any]) -> None:
        assert content(load(write_json_file(tmp_path / "a.json", [row])).samples) == [
            ((Message("user", "91 是质数吗？"), Message("assistant", "不是，7×13。")), None, "是。")
        ]

    def test_instances_share_their_task(self, tmp_path: Path) -> None:
        instances = [{"input": "2, 3", "output": "5"}, {"input": "4, 4", "output": "8"}]
        rows = [{"id": "seed_task_9", "instruction": "Add the numbers.", "instances": instances}]
        samples = load(write_json_file(tmp_path / "a.json", rows)).samples
        assert [(s.row, s.task_id, s.source, s.prompt[0].content, s.answer) for s in samples] == [
            (0, "seed_task_9", "a.json#1", "Add the numbers.\n\n2, 3", "5"),
            (1, "seed_task_9", "a.json#1", "Add the numbers.\n\n4, 4", "8"),
        ]

    @pytest.mark.parametrize("suffix", [".parquet", ".json"])
    def test_published_rows_keep_what_belongs_to_them(self, tmp_path: Path, suffix: str) -> None:
        published = Sample(
            row=7,
            task_id="seed_task_1",
            messages=(Message("user", "2+2?"), Message("assistant", "", '[{"name":"add","arguments":{}}]', "calc")),
            category="mathematics",
            language="und",
            origin="generated",
            source="alpaca:embedded",
            tools='[{"name":"add"}]',
            rejected="5",
            instruction="2+2?",
            input="",
            parents=("seed_task_0",),
            request_id="r1",
            answer_key='{"family": "add", "check": "number", "answer": "4"}',
        )
        path = tmp_path / f"train{suffix}"
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([as_record(published)], schema=SAMPLE_SCHEMA), path)
        else:
            write_json_file(path, [as_record(published)])

        (sample,) = load(path, first_row=3).samples

        assert sample == Sample(
            row=3,
            task_id="seed_task_1",
            messages=published.messages,
            category="mathematics",
            language="und",
            origin="imported",
            source=f"train{suffix}#1",
            tools=published.tools,
            rejected="5",
            instruction="2+2?",
            input="",
            answer_key=published.answer_key,
        )

    def test_messages_as_json_text_in_a_cell(self, tmp_path: Path) -> None:
        turns = json.dumps([{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}])
        path = write_workbook(tmp_path / "a.xlsx", ["messages", "类别", "语言"], [turns, "对话", "中文"])
        sample = load(path).samples[0]
        assert sample.messages == (Message("user", "你好"), Message("assistant", "你好！"))
        assert (sample.category, sample.language) == ("对话", "zh")

    def test_files_of_one_name_do_not_share_tasks(self, tmp_path: Path) -> None:
        row = [{"question": "q", "answer": "a"}]
        (tmp_path / "x").mkdir()
        (tmp_path / "y").mkdir()
        same = [write_json_file(tmp_path / folder / "data.json", row) for folder in ("x", "y")]
        other = write_json_file(tmp_path / "x" / "data.jsonl", row[0])
        assert [s.task_id for s in load(same[0], other).samples] == ["data.json#1", "data.jsonl#1"]
        assert [(s.task_id, s.source) for s in load(*same).samples] == [
            ("x/data.json#1", "x/data.json#1"),
            ("y/data.json#1", "y/data.json#1"),
        ]
        assert len({s.task_id for s in load(same[0], same[0]).samples}) == 2

    def test_poor_rows_are_samples_with_a_note(self, tmp_path: Path) -> None:
        user, answer = {"role": "user", "content": "q"}, {"role": "assistant", "content": " "}
        rows = [[user, answer], [user, user, answer | {"content": "a"}], [user], [answer | {"content": "a"}, user]]
        imported = load(write_json_file(tmp_path / "a.json", [{"messages": turns} for turns in rows]))
        assert len(imported.samples) == 4
        assert [(problem.row, problem.problem) for problem in imported.problems] == [
            (1, "its answer is empty"),
            (2, "two user turns in a row"),
            (3, "it has no answer"),
            (4, "it starts with an assistant turn"),
            (4, "it ends with a user turn"),
        ]

    def test_a_missing_answer_stays_a_row(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("question,answer\nq1,\nq2,a2\n", encoding="utf-8")
        assert [sample.answer for sample in load(path).samples] == ["", "a2"]


class TestBrokenRows:
    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            (
                {"messages": [{"role": "asistant", "content": "x"}]},
                "row 2: 'messages', turn 1: unknown role 'asistant', did you mean 'assistant'?; valid roles: system, user",
            ),
            ({"messages": [{"content": "x"}]}, "turn 1 has no role (keys: content)"),
            ({"messages": [{"role": "user"}]}, "turn 1 has no content (keys: role)"),
            ({"messages": []}, "'messages' is an empty list"),
            ({"messages": {"role": "user"}}, "'messages' holds an object, expected a list of turns"),
            ({"messages": ["hello"]}, "turn 1 is plain text, expected an object with role and content"),
            ({"messages": "[{"}, "'messages' is not JSON"),
            ({"msgs": []}, "row 2: it lacks the column 'messages', which other rows have"),
            (
                {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
                "its texts have places for 1 pictures (<image>), and the row names 0",
            ),
            (
                {"messages": [{"role": "user", "content": [{"type": "poll"}]}]},
                "part 1: a part of type 'poll', expected text",
            ),
            ({"messages": [{"role": "function_call", "content": "add(1)"}]}, "turn 1 is not JSON"),
            ({"messages": [{"role": "assistant", "tool_calls": "[{]"}]}, "its tool calls is not JSON"),
            (
                {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]},
                'must be {"name": …, "arguments": {…}}',
            ),
            (
                {"messages": [{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "[1]"}]}]},
                "the arguments of f are a list, expected an object",
            ),
            ({"messages": [{"role": "tool", "content": "3"}]}, "a tool's result stands before any assistant turn"),
            ({"messages": [{"role": "user", "content": "q"}], "tools": "{"}, "'tools' is not JSON"),
        ],
    )
    def test_the_error_names_the_row(self, tmp_path: Path, row: dict[str, Any], expected: str) -> None:
        good = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
        path = write_json_file(tmp_path / "a.json", [good, row])
        with pytest.raises(InputFileError) as raised:
            load(path)
        assert expected in str(raised.value)
        assert raised.value.row == 2

    def test_all_broken_rows_are_reported_at_once(self, tmp_path: Path) -> None:
        rows = [{"question": "q", "answer": {"text": "a"} if number % 2 else "a"} for number in range(1, 51)]
        with pytest.raises(InputFileError) as raised:
            load(write_json_file(tmp_path / "a.json", rows))
        lines = str(raised.value).splitlines()
        assert lines[0].endswith("a.json, row 1: 'output' holds an object, expected text")
        assert lines[1] == "  row 3: 'output' holds an object, expected text"
        assert lines[20:] == ["  and 5 more rows", "  Mend or remove these rows; nothing was read."]

    def test_answers_that_differ_before_the_last_turn(self, tmp_path: Path) -> None:
        def talk(question: str, answer: str) -> list[dict[str, str]]:
            return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

        path = write_json_file(tmp_path / "a.json", [{"chosen": talk("q", "a"), "rejected": talk("other", "b")}])
        with pytest.raises(InputFileError, match="'chosen' and 'rejected' differ before their last turn"):
            load(path)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "x", "user", "assistant", "[", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "from", "content", "value", "tool_calls", "function", "name", "arguments", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
COLUMNS = st.sampled_from([*NAMES, "origin", "问题", "回答"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(COLUMNS, JSON_VALUES, min_size=1, max_size=6), min_size=1, max_size=3))
def test_any_rows_become_samples_or_a_clear_error(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = write_json_file(tmp_path / "any.json", rows)
    try:
        samples = load(path).samples
    except InputFileError as error:
        if not error.message.startswith(str(path)):
            raise
        return
    assert {sample.source for sample in samples} == {f"any.json#{number}" for number in range(1, len(rows) + 1)}
    assert pa.Table.from_pylist([as_record(sample) for sample in samples], schema=SAMPLE_SCHEMA).num_rows == len(
        samples
    )


class TestMeaning:
    """What a file says of its rows beside their texts: nothing of it is lost, nothing is taken for its opposite."""

    def test_reasoning_is_kept_apart_from_the_answer(self, tmp_path: Path) -> None:
        turns = [
            {"role": "user", "content": "Is 91 prime?"},
            {"role": "assistant", "content": "No.", "reasoning_content": "7 × 13 = 91."},
            {"role": "user", "content": "And 97?"},
            {"role": "assistant", "content": "Yes.", "reasoning": "No divisor up to 9."},
            {"role": "user", "content": "And 1?"},
            {"role": "assistant", "content": "No.", "thinking": "", "reasoning": None},
        ]
        (sample,) = load(write_json_file(tmp_path / "a.json", [{"messages": turns}])).samples
        assert [(turn.content, turn.reasoning) for turn in sample.messages[1::2]] == [
            ("No.", "7 × 13 = 91."),
            ("Yes.", "No divisor up to 9."),
            ("No.", None),
        ]

    @pytest.mark.parametrize(
        "key",
        [
            {"weight": 0},
            {"weight": 0.0},
            {"train": False},
            {"training": "false"},
            {"loss": False},
            {"weight": 1, "train": False},
        ],
    )
    def test_a_turn_that_is_not_to_be_trained_on(self, tmp_path: Path, key: dict[str, Any]) -> None:
        turns = [
            {"from": "human", "value": "Is 91 prime?", "weight": 1},
            {"from": "gpt", "value": "Yes.", **key},
            {"from": "human", "value": "Sure?"},
            {"from": "gpt", "value": "No, it is 7 × 13.", "weight": 1, "train": True},
        ]
        (sample,) = load(write_json_file(tmp_path / "a.json", [{"conversations": turns}])).samples
        assert [turn.weight for turn in sample.messages] == [None, 0, None, None]

    def test_a_loss_that_was_measured_is_no_weight(self, tmp_path: Path) -> None:
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "loss": 0.0}]
        assert load(write_json_file(tmp_path / "a.json", [{"messages": turns}])).samples[0].messages[1].weight is None

    def test_a_weight_between_is_refused(self, tmp_path: Path) -> None:
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "weight": 0.5}]
        path = write_json_file(tmp_path / "a.json", [{"messages": turns}])
        with pytest.raises(InputFileError, match=r"turn 2: its weight is 0\.5, expected 0 or 1, or false or true"):
            load(path)

    @pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
    def test_nan_is_no_value(self, tmp_path: Path, suffix: str) -> None:
        """As pandas writes what is missing; "nan" in quotes is what somebody wrote."""
        rows = [
            {"instruction": "Who said nan?", "input": float("nan"), "output": "nan"},
            {"instruction": float("nan"), "input": None, "output": "Nobody."},
        ]
        path = tmp_path / f"a{suffix}"
        if suffix == ".parquet":
            columns = {
                "instruction": ["Who said nan?", None],
                "input": [float("nan")] * 2,
                "output": ["nan", "Nobody."],
            }
            pq.write_table(pa.table(columns), path)
        else:
            path.write_text("\n".join(map(json.dumps, rows)) if suffix == ".jsonl" else json.dumps(rows))
        imported = load(path)
        assert [[turn.content for turn in sample.messages] for sample in imported.samples] == [
            ["Who said nan?", "nan"],
            ["", "Nobody."],
        ]
        assert [sample.input for sample in imported.samples] == [None, None]
        assert [problem.problem for problem in imported.problems] == []

    def test_nan_in_the_arguments_of_a_call(self, tmp_path: Path) -> None:
        call = {"name": "add", "arguments": {"a": float("nan"), "b": [1, float("nan")]}}
        turns = [{"role": "user", "content": "Add."}, {"role": "assistant", "tool_calls": [call]}]
        path = tmp_path / "a.jsonl"
        path.write_text(json.dumps({"messages": turns}))
        assert load(path).samples[0].messages[1].tool_calls == (
            '[{"name": "add", "arguments": {"a": null, "b": [1, null]}}]'
        )

    @pytest.mark.parametrize(
        "row",
        [
            lambda q, a: {"prompt": q, "completion": a},
            lambda q, a: {"instruction": q, "output": a},
            lambda q, a: {"question": q, "answer": a},
            lambda q, a: {
                "prompt": [{"role": "user", "content": q}],
                "completion": [{"role": "assistant", "content": a}],
            },
            lambda q, a: {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]},
            lambda q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]},
        ],
    )
    def test_an_answer_labelled_as_bad_is_the_worse_one(self, tmp_path: Path, row: Any) -> None:
        rows = [
            row("Is 91 prime?", "Yes.") | {"label": False},
            row("Is 91 prime?", "No: 7 × 13.") | {"label": True},
            row("Is 97 prime?", "No.") | {"label": False},
            row("Is 2 prime?", "Yes, it is.") | {"label": True},
        ]
        samples = load(write_json_file(tmp_path / "a.json", rows)).samples
        assert [([turn.content for turn in sample.messages], sample.rejected) for sample in samples] == [
            (["Is 91 prime?"], "Yes."),
            (["Is 91 prime?", "No: 7 × 13."], "Yes."),
            (["Is 97 prime?"], "No."),
            (["Is 2 prime?", "Yes, it is."], None),
        ]

    @pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
    def test_labels_of_a_table(self, tmp_path: Path, suffix: str) -> None:
        rows = [["prompt", "completion", "label"], ["1+1?", "3", "FALSE"], ["2+2?", "4", "TRUE"]]
        path = tmp_path / f"a{suffix}"
        if suffix == ".xlsx":
            write_workbook(path, *rows)
        else:
            path.write_text("\n".join(",".join(row) for row in rows))
        assert [(sample.answer, sample.rejected) for sample in load(path).samples] == [("", "3"), ("4", None)]

    @pytest.mark.parametrize("label", ["positive", 0, "trueish"])
    def test_a_label_that_names_a_class_is_none_of_these(self, tmp_path: Path, label: Any) -> None:
        path = write_json_file(tmp_path / "a.json", [{"question": "Good?", "answer": "Yes.", "label": label}])
        imported = load(path)
        assert (imported.samples[0].answer, imported.detected[0].unused) == ("Yes.", ("label",))
        assert load(path, mapping={"category": "label"}).samples[0].category == str(label)

    @pytest.mark.parametrize(
        "after", [[("user", "No!")], [("assistant", "Or 4.")], [("assistant", "5?"), ("user", "?")]]
    )
    def test_a_label_is_about_the_last_answer_whatever_follows_it(
        self, tmp_path: Path, after: list[tuple[str, str]]
    ) -> None:
        turns = [{"role": role, "content": text} for role, text in [("user", "2+2?"), ("assistant", "5."), *after]]
        sample = load(write_json_file(tmp_path / "a.json", [{"messages": turns, "label": False}])).samples[0]
        assert [turn.content for turn in sample.messages] == ["2+2?"]
        assert sample.is_labelled_bad

    def test_a_pair_says_by_itself_which_answer_is_worse(self, tmp_path: Path) -> None:
        rows = [{"prompt": "2+2?", "chosen": "4", "rejected": "5", "label": label} for label in (False, True, "easy")]
        path = write_json_file(tmp_path / "a.json", rows)
        files = open_samples([path], reporter=Reporter(quiet=True))
        samples = list(files.samples(note=lambda _: None))
        assert [(sample.answer, sample.rejected) for sample in samples] == [("4", "5")] * 3
        assert files.tallies[0].seen["labelled_bad"] == files.tallies[0].seen["given_rejected"] == 0

    @pytest.mark.parametrize("column", ["label", "kto_tag"])
    def test_a_label_that_says_neither_is_refused(self, tmp_path: Path, column: str) -> None:
        rows = [
            {"question": "Is it?", "answer": "So.", column: label} for label in (False, None, "", "half-true", True)
        ]
        with pytest.raises(InputFileError, match=r"row 4: its label is 'half-true', expected true or false"):
            load(write_json_file(tmp_path / "a.json", rows))

    def test_kto_tags_may_be_1_and_0(self, tmp_path: Path) -> None:
        rows = [{"instruction": "2+2?", "output": output, "kto_tag": tag} for output, tag in (("4", 1), ("5", 0))]
        samples = load(write_json_file(tmp_path / "a.json", rows)).samples
        assert [(sample.answer, sample.rejected) for sample in samples] == [("4", "5"), ("", "5")]

    def test_one_answer_for_each_label_may_be_a_class(self, tmp_path: Path) -> None:
        said = [("一是质数吗？", "否"), ("二是质数吗？", "是"), ("三是质数吗？", "是"), ("四是质数吗？", "否")]
        rows = [{"问题": question, "回答": answer, "label": answer == "是"} for question, answer in said]
        path = write_json_file(tmp_path / "a.json", rows)
        with pytest.raises(InputFileError, match="Say which with --map label=label or --map category=label"):
            load(path)
        assert [sample.answer for sample in load(path, mapping={"category": "label"}).samples] == [
            "否",
            "是",
            "是",
            "否",
        ]
        named = load(path, mapping={"label": "label"}).samples
        assert [sample.answer for sample in named] == ["", "是", "是", ""]

    def test_a_bad_call_is_no_rejected_text(self, tmp_path: Path) -> None:
        call = {"name": "add", "arguments": {"a": 1}}
        asked = {"role": "user", "content": "Add one."}
        rows = [
            {"messages": [asked, {"role": "assistant", "tool_calls": [call]}], "label": False},
            {"messages": [asked, {"role": "assistant", "content": "Two."}], "label": True},
        ]
        samples = load(write_json_file(tmp_path / "a.json", rows)).samples
        assert [sample.rejected for sample in samples] == ['[{"name": "add", "arguments": {"a": 1}}]', None]


class TestMapping:
    def test_unknown_columns_are_named_with_the_way_out(self, tmp_path: Path) -> None:
        path = write_json_file(tmp_path / "a.json", [{"ask": "q", "tell": "a", "n": 1}])
        with pytest.raises(InputFileError) as raised:
            load(path)
        assert "found columns ask, tell, n; expected one of: instruction + instances; conversation" in str(raised.value)
        assert "Name them with --map instruction=a,output=b" in str(raised.value)

    def test_a_mapping_names_them(self, tmp_path: Path) -> None:
        path = write_json_file(
            tmp_path / "a.json", [{"ask": "q", "tell": "a", "n": 1, "topic": "code", "instruction": 0}]
        )
        imported = load(path, mapping={"instruction": "ask", "output": "tell", "category": "topic", "id": "n"})
        (sample,) = imported.samples
        assert (sample.instruction, sample.answer, sample.category, sample.task_id) == ("q", "a", "code", "1")
        assert imported.detected[0].unused == ("instruction",)

    def test_a_mapping_outranks_other_columns(self, tmp_path: Path) -> None:
        turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
        path = write_json_file(tmp_path / "a.json", [{"messages": turns, "ask": "q", "tell": "a"}])
        assert load(path).samples[0].answer == "y"
        assert load(path, mapping={"instruction": "ask", "output": "tell"}).samples[0].answer == "a"

    def test_turns_in_another_column(self, tmp_path: Path) -> None:
        path = write_json_file(tmp_path / "a.json", [{"dialog": SHAREGPT_ROWS[2]["conversations"]}])
        assert load(path, mapping={"conversations": "dialog"}).samples[0].messages == SHAREGPT_MESSAGES[2]
        assert load(path, mapping={"messages": "dialog"}).samples[0].messages == SHAREGPT_MESSAGES[2]

    def test_mistakes_in_the_mapping(self, tmp_path: Path) -> None:
        path = write_json_file(tmp_path / "a.json", [{"ask": "q", "answer": "a"}])
        with pytest.raises(InputFileError, match="--map instruction=asks: no column 'asks', did you mean 'ask'"):
            load(path, mapping={"instruction": "asks"})
        with pytest.raises(UsageError, match="unknown field 'instructon', did you mean 'instruction'"):
            load(path, mapping={"instructon": "ask"})


class TestDescription:
    def test_both_languages(self, tmp_path: Path) -> None:
        detected = detect(
            write_json_file(tmp_path / "a.json", [{"问题": "q", "答案": "a", "类别": "c", "n": 1}] * 1234)
        )
        assert describe(detected, "en") == (
            "a.json: 1,234 rows, question–answer pairs (JSON); "
            "columns: 问题 → instruction, 答案 → output, 类别 → category; columns not used: n"
        )
        assert describe(detected, "zh") == (
            "a.json：1,234 行，问答对（JSON）；列：问题 → instruction、答案 → output、类别 → category；未使用的列：n"
        )

    def test_every_format_has_a_title_in_both_languages(self) -> None:
        assert all(row_format.title.keys() == {"en", "zh"} for row_format in FORMATS.values())


@pytest.fixture
def corpus(tmp_path: Path) -> list[Sample]:
    """One sample of each kind, numbered 0 to 5."""
    return load(
        write_json_file(tmp_path / "alpaca.json", ALPACA_ROWS),
        write_json_file(tmp_path / "sharegpt.json", SHAREGPT_ROWS),
    ).samples


THOUGHTFUL = Sample(
    0,
    "t",
    (
        Message("user", "Is 91 prime?"),
        Message("assistant", "Yes.", weight=0),
        Message("user", "Are you sure?"),
        Message("assistant", "No, it is not.", reasoning="7 × 13 = 91."),
    ),
    None,
    "en",
    "imported",
    "s",
)


class TestExport:
    @pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
    @pytest.mark.parametrize(
        ("format", "skipped"),
        [
            ("alpaca", [(3, "it has tools"), (4, "it is a preference pair")]),
            ("sharegpt", []),
            ("messages", []),
            ("prompt_completion", [(4, "it is a preference pair, and most rows of this file are not")]),
        ],
    )
    def test_what_is_written_reads_back_equal(
        self, tmp_path: Path, corpus: list[Sample], format: str, suffix: str, skipped: list[tuple[int, str]]
    ) -> None:
        out = tmp_path / f"out{suffix}"

        result = export(corpus, format, out)

        assert result.skipped == skipped
        assert result.rows == 6 - len(skipped)
        again = load(out)
        assert again.detected[0].format == format
        left_out = [number for number, _ in skipped]
        assert content(again.samples) == content([sample for sample in corpus if sample.row not in left_out])

    @pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
    @pytest.mark.parametrize("format", ["alpaca", "prompt_completion"])
    def test_tables_read_back_equal(self, tmp_path: Path, corpus: list[Sample], format: str, suffix: str) -> None:
        out = tmp_path / f"out{suffix}"
        result = export(corpus, format, out)
        assert [number for number, _ in result.skipped] == [2, 3, 4]
        assert content(load(out).samples) == content([corpus[0], corpus[1], corpus[5]])

    def test_alpaca_goes_out_as_it_came_in(self, tmp_path: Path, corpus: list[Sample]) -> None:
        export(corpus[:3], "alpaca", tmp_path / "out.json")
        assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == ALPACA_ROWS

    def test_sharegpt_goes_out_as_it_came_in(self, tmp_path: Path, corpus: list[Sample]) -> None:
        export(corpus[3:], "sharegpt", tmp_path / "out.json")
        assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == SHAREGPT_ROWS

    def test_arguments_of_calls_are_objects(self, tmp_path: Path, corpus: list[Sample]) -> None:
        export([corpus[3]], "messages", tmp_path / "out.json")
        (row,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert row["messages"][1:3] == [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": {"city": "苏州", "days": 2}},
                    }
                ],
            },
            {"role": "tool", "content": '{"forecast": ["晴", "小雨"]}', "tool_call_id": "call_1"},
        ]
        assert row["tools"] == json.loads(WEATHER_TOOLS)

    @pytest.mark.parametrize("format", ["messages", "prompt_completion"])
    def test_bare_tools_are_wrapped_for_chat_templates(self, tmp_path: Path, corpus: list[Sample], format: str) -> None:
        bare = replace(corpus[3], tools='[{"name": "get_weather", "parameters": {"type": "object"}}]')
        for suffix in (".jsonl", ".parquet"):
            export([bare], format, tmp_path / f"out{suffix}")
            assert load(tmp_path / f"out{suffix}").samples[0].tools == WEATHER_TOOLS

    @pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
    @pytest.mark.parametrize("format", ["messages", "prompt_completion"])
    def test_reasoning_and_weights_read_back_equal(self, tmp_path: Path, format: str, suffix: str) -> None:
        result = export([THOUGHTFUL], format, tmp_path / f"out{suffix}")
        assert result.skipped == []
        assert load(tmp_path / f"out{suffix}").samples[0].messages == THOUGHTFUL.messages

    @pytest.mark.parametrize("format", ["sharegpt", "alpaca"])
    def test_what_a_format_has_no_place_for_is_counted(self, tmp_path: Path, format: str) -> None:
        result = export([THOUGHTFUL], format, tmp_path / "out.json")
        assert result.skipped == [(0, "a turn is not to be trained on (weight 0), which this format has no place for")]

    def test_an_answer_that_is_not_trained_on_is_no_completion(self, tmp_path: Path) -> None:
        turns = (*THOUGHTFUL.messages[:3], Message("assistant", "No.", weight=0))
        result = export([replace(THOUGHTFUL, messages=turns)], "prompt_completion", tmp_path / "out.json")
        assert result.skipped == [(0, "its last answer is not to be trained on (weight 0)")]

    def test_llama_factory_has_reasoning_before_the_answer(self, tmp_path: Path) -> None:
        sample = replace(THOUGHTFUL, messages=THOUGHTFUL.messages[2:])
        assert export([sample, THOUGHTFUL], "llamafactory", tmp_path / "f").skipped == [
            (0, "a turn is not to be trained on (weight 0), which this format has no place for")
        ]
        (row,) = json.loads((tmp_path / "f" / "f.json").read_text(encoding="utf-8"))
        assert row["output"] == "<think>\n7 × 13 = 91.\n</think>\n\nNo, it is not."

    def test_a_file_of_preference_pairs(self, tmp_path: Path, corpus: list[Sample]) -> None:
        result = export([corpus[4], corpus[4], corpus[5]], "prompt_completion", tmp_path / "out.jsonl")
        assert result.skipped == [(5, "it has no rejected answer, and most rows of this file are preference pairs")]
        first = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[0])
        assert first == {
            "prompt": [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Is 91 prime?"}],
            "chosen": [{"role": "assistant", "content": "No: 7 × 13."}],
            "rejected": [{"role": "assistant", "content": "Yes."}],
        }

    def test_llama_factory_names_columns_and_tags(self, tmp_path: Path, corpus: list[Sample]) -> None:
        out = tmp_path / "mine"
        out.mkdir()
        write_json_file(
            out / "dataset_info.json", {"theirs": {"file_name": "theirs.json"}, "mine": {"file_name": "old.json"}}
        )

        with pytest.raises(UsageError, match=r"dataset_info.json: describes a data set mine already\n .* --overwrite"):
            export(corpus, "llamafactory", out)
        result = export(corpus, "llamafactory", out, overwrite=True)

        assert (result.rows, result.skipped) == (6, [])
        tags = {
            "role_tag": "from",
            "content_tag": "value",
            "user_tag": "human",
            "assistant_tag": "gpt",
            "observation_tag": "observation",
            "function_tag": "function_call",
            "system_tag": "system",
        }
        assert json.loads((out / "dataset_info.json").read_text(encoding="utf-8")) == {
            "theirs": {"file_name": "theirs.json"},
            "mine": {
                "file_name": "mine.json",
                "formatting": "alpaca",
                "columns": {"prompt": "instruction", "query": "input", "response": "output"},
            },
            "mine_chat": {
                "file_name": "mine_chat.json",
                "formatting": "sharegpt",
                "columns": {"messages": "conversations", "tools": "tools"},
                "tags": tags,
            },
            "mine_preference": {
                "file_name": "mine_preference.json",
                "formatting": "sharegpt",
                "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
                "tags": tags,
                "ranking": True,
            },
        }
        assert content(load(out / "mine.json").samples) == content([corpus[0], corpus[1], corpus[5]])
        whole = WEATHER_TOOLS.replace('"object"', '"object", "properties": {}')  # which its loader looks for
        called = replace(corpus[3], tools=whole)
        assert content(load(out / "mine_chat.json").samples) == content([corpus[2], called])
        assert content(load(out / "mine_preference.json").samples) == content([corpus[4]])

    def test_llama_factory_trains_the_prompt_that_the_messages_hold(self, tmp_path: Path, corpus: list[Sample]) -> None:
        """Its loader joins instruction and input with one line break, ours with a blank line."""
        export([corpus[1]], "llamafactory", tmp_path / "f")
        assert json.loads((tmp_path / "f" / "f.json").read_text(encoding="utf-8")) == [
            {
                "instruction": "把下面的句子改成疑问句。\n\n  他昨天回家了。\n",
                "input": "",
                "output": "他昨天回家了吗？ ",
            }
        ]

    def test_llama_factory_counts_what_it_would_drop(self, tmp_path: Path) -> None:
        turns = [
            {"role": "user", "content": "a"},
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
        samples = load(write_json_file(tmp_path / "a.json", [{"messages": turns}])).samples
        result = export(samples, "llamafactory", tmp_path / "out")
        assert result.skipped == [
            (0, "its turns do not alternate between user (or tool) and assistant up to an answer")
        ]

    def test_spreadsheet_cells_are_text(self, tmp_path: Path) -> None:
        rows = [
            {"question": text, "answer": f"{text} a\r\nb\n"} for text in ("=1+1", "+1", "-1", "@A1", "#N/A", "_x000D_ ")
        ]
        samples = load(write_json_file(tmp_path / "a.json", rows)).samples
        for name in ("out.xlsx", "out.csv"):
            export(samples, "alpaca", tmp_path / name)
            assert content(load(tmp_path / name).samples) == content(samples)
        workbook = openpyxl.load_workbook(tmp_path / "out.xlsx")
        cells = [row[0] for row in workbook.worksheets[0].iter_rows(min_row=2)]
        assert {cell.data_type for cell in cells} == {"s"}
        assert [cell.quotePrefix for cell in cells] == [True, True, True, True, False, False]

    def test_a_text_longer_than_a_cell_is_not_cut(self, tmp_path: Path) -> None:
        rows = [{"question": "q", "answer": "好" * 32_767}, {"question": "q", "answer": "x" * 32_768}]
        samples = load(write_json_file(tmp_path / "a.json", rows)).samples
        result = export(samples, "alpaca", tmp_path / "out.xlsx")
        assert result.skipped == [(1, "a text is longer than the 32,767 characters of a cell")]
        assert len(load(tmp_path / "out.xlsx").samples[0].answer) == 32_767

    def test_mistakes(self, tmp_path: Path, corpus: list[Sample]) -> None:
        with pytest.raises(UsageError, match="unknown format 'sharegtp', did you mean 'sharegpt'"):
            export(corpus, "sharegtp", tmp_path / "a.json")
        with pytest.raises(UsageError, match=r"messages holds lists of turns, which \.xlsx has no place for"):
            export(corpus, "messages", tmp_path / "a.xlsx")
        with pytest.raises(UsageError, match=r"cannot write \.txt\n  Give a name that ends in \.json, \.jsonl"):
            export(corpus, "alpaca", tmp_path / "a.txt")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["alpaca.json", "sharegpt.json"]

    def test_the_formats_to_write(self) -> None:
        assert tuple(TARGETS) == (
            *("messages", "sharegpt", "prompt_completion", "alpaca"),
            *("trl", "unsloth", "openai", "axolotl", "llamafactory", "ms-swift"),
        )


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ARGUMENTS = st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT, max_size=2), max_size=2)
CALLS = st.lists(st.tuples(st.sampled_from(["add", "天气"]), ARGUMENTS), min_size=1, max_size=3).map(
    lambda calls: json.dumps([{"name": name, "arguments": given} for name, given in calls], ensure_ascii=False)
)


@st.composite
def conversations(draw: st.DrawFn) -> Sample:
    """A whole conversation as a reader of files would have made it."""
    turns = [Message("system", draw(TEXT.filter(bool)))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", draw(TEXT)))
        calls = draw(st.none() | CALLS)
        if calls is not None:
            called = [call["name"] for call in json.loads(calls)]
            turns.append(Message("assistant", "", calls))
            turns += [Message("tool", draw(TEXT), name=name if len(called) > 1 else None) for name in called]
        turns.append(Message("assistant", draw(TEXT)))
    tools = draw(st.sampled_from([None, WEATHER_TOOLS, "[]"]))
    rejected = draw(st.none() | TEXT)
    return Sample(0, "t", tuple(turns), None, "en", "imported", "s", tools=tools, rejected=rejected)


@pytest.mark.parametrize("with_calls", [True, False])
def test_a_published_folder_reads_back_equal(tmp_path: Path, corpus: list[Sample], with_calls: bool) -> None:
    samples = [*corpus[:3], *(corpus[3:4] if with_calls else ()), corpus[5], THOUGHTFUL]
    members = frozenset({"reasoning", "weight", *(["tool_calls"] if with_calls else [])})
    pq.write_table(published_table(samples_table(samples), Shape(members, rejected=False)), tmp_path / "train.parquet")
    again = load(tmp_path / "train.parquet")
    assert again.detected[0].format == "seedbed"
    assert content(again.samples) == content(samples)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sample=conversations(),
    format=st.sampled_from(["alpaca", "sharegpt", "messages", "prompt_completion"]),
    suffix=st.sampled_from([".json", ".jsonl", ".parquet"]),
)
def test_any_conversation_reads_back_equal_or_is_counted(
    tmp_path: Path, sample: Sample, format: str, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    result = export([sample], format, out, overwrite=True)
    assert result.rows + len(result.skipped) == 1
    if result.rows:
        assert content(load(out).samples) == content([sample])
    else:
        assert format == "alpaca"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=TEXT, answer=TEXT, suffix=st.sampled_from([".csv", ".xlsx"]))
def test_any_text_survives_a_table(tmp_path: Path, prompt: str, answer: str, suffix: str) -> None:
    messages = (Message("user", prompt), Message("assistant", answer))
    out = tmp_path / f"out{suffix}"
    result = export([Sample(0, "t", messages, None, "en", "imported", "s")], "alpaca", out, overwrite=True)
    assert result.rows == (1 if prompt or answer else 0)
    if result.rows:
        assert content(load(out).samples) == [(messages, None, None)]


def test_csv_for_excel_starts_with_a_byte_order_mark(tmp_path: Path) -> None:
    samples = load(write_json_file(tmp_path / "a.json", [{"问题": "你好", "回答": "你好！"}])).samples
    export(samples, "alpaca", tmp_path / "out.csv")
    data = (tmp_path / "out.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) == [
        ["instruction", "input", "output"],
        ["你好", "", "你好！"],
    ]


def test_members_that_arrow_fills_in_are_no_arguments(tmp_path: Path) -> None:
    """A struct has the members of all objects: what one tool's call does not say is null, and so is `content` here."""

    def row(name: str, properties: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        tool = {"name": name, "parameters": {"type": "object", "properties": properties}}
        call = {"type": "function", "function": {"name": name, "arguments": arguments}}
        return {
            "messages": [
                {"role": "user", "content": "去吧"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": None},
                {"role": "assistant", "content": "好"},
            ],
            "tools": [{"type": "function", "function": tool}],
        }

    rows = [
        row("天气", {"城市": {"type": "string"}}, {"城市": "苏州", "选项": {"单位": "C"}}),
        row("note", {"content": {"type": "string"}}, {"content": "milk", "选项": {"tags": ["a", None]}}),
        row("clock", {}, {}),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    samples = load(tmp_path / "a.parquet").samples
    assert [json.loads(sample.messages[1].tool_calls or "") for sample in samples] == [
        [{"name": "天气", "arguments": {"城市": "苏州", "选项": {"单位": "C"}}}],
        [{"name": "note", "arguments": {"content": "milk", "选项": {"tags": ["a", None]}}}],
        [{"name": "clock", "arguments": {}}],
    ]
    assert [json.loads(sample.tools or "")[0]["function"]["parameters"]["properties"] for sample in samples] == [
        {"城市": {"type": "string"}},
        {"content": {"type": "string"}},
        {},
    ]
    written = write_json_file(tmp_path / "a.json", [row("note", {}, {"content": None})])
    assert load(written).samples[0].messages[1].tool_calls == '[{"name": "note", "arguments": {"content": null}}]'
