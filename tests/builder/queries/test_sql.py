"""`seedbed query` answers questions of a dataset, and reaches nothing else."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.errors import UsageError
from builder.queries.database import Database
from tests.builder.queries.folders import curated
from tests.command import Seedbed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curated(tmp_path_factory.mktemp("sql"))


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[Database]:
    with Database.open(folder) as database:
        yield database


def test_a_sum_of_whole_numbers_is_a_whole_number(database: Database) -> None:
    frame = database.sql("SELECT count(*) AS rows, sum(row) AS total, sum(0.5) AS half FROM rows")
    assert frame.to_dicts() == [{"rows": 20, "total": 190, "half": 10.0}]


def test_the_views_have_what_the_files_say(database: Database) -> None:
    reasons = database.sql("SELECT reason, count(*) AS n FROM verdicts GROUP BY ALL ORDER BY ALL")
    assert reasons.rows() == [("exact_duplicate", 1), ("no_answer", 2), (None, 17)]
    assert database.sql('SELECT row, "of", reason FROM groups WHERE row = 5').rows() == [(5, 2, "exact_duplicate")]
    assert database.sql("SELECT prompt, answer FROM rows WHERE row = 1").rows() == [
        ("Describe rivers number 1 at night, in C++.", "It is 37 years old, quiet and dark.")
    ]
    assert database.sql("SELECT s.answer_words FROM signals s WHERE s.row = 1").rows() == [(8,)]


def test_what_a_folder_lacks_is_an_empty_view_with_its_columns(database: Database) -> None:
    for view in ("rejections", "requests", "reviews"):
        assert database.sql(f"SELECT * FROM {view}").height == 0
    assert database.sql("SELECT job, prompt_tokens, seconds FROM requests").columns == [
        "job",
        "prompt_tokens",
        "seconds",
    ]


def test_a_folder_that_was_not_decided_has_rows_without_verdicts(tmp_path: Path) -> None:
    root = curated(tmp_path)
    (root / "verdicts.parquet").unlink()
    (root / "MANIFEST.json").unlink()
    with Database.open(root) as database:
        assert database.sql("SELECT count(*), count(kept) FROM rows").rows() == [(20, 0)]
        assert database.sql("SELECT * FROM checks").height == 0


_secret = [1, 2, 3]  # a name that DuckDB would look up in this module

ATTACKS = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('{root}/verdicts.parquet')",
    "SELECT * FROM parquet_metadata('{root}/verdicts.parquet')",
    "SELECT * FROM '{root}/verdicts.parquet'",
    "FROM '/etc/passwd'",
    'SELECT * FROM "{root}/verdicts.parquet"',
    "SELECT * FROM glob('/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM 'https://example.com/x.csv'",
    "SELECT getenv('HOME')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH a AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM a",
    "SELECT * FROM rows WHERE EXISTS (FROM glob('/*'))",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('labels')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "COPY (SELECT 1) TO '{out}'",
    "COPY rows TO '{out}'",
    "EXPORT DATABASE '{out}'",
    "ATTACH '{out}'",
    "INSTALL sqlite",
    "LOAD sqlite",
    "SET memory_limit = '10GB'",
    "RESET memory_limit",
    "PRAGMA version",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT current_setting('memory_limit')",
    "SELECT * FROM register_external_resource('a')",
    "SELECT * FROM python_map_function(1)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM _secret",
    "SELECT * FROM labels",
    "SELECT * FROM verdict_table",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM main.rows",
    "SHOW TABLES",
    "CREATE TABLE t AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "DROP VIEW rows",
    "INSERT INTO rows VALUES (1)",
    "DELETE FROM rows",
    "WITH a AS (INSERT INTO labels (row) VALUES (99) RETURNING row) SELECT * FROM a",
    "WITH a AS (DELETE FROM labels RETURNING row) SELECT * FROM a",
    "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "SELECT 1; SELECT 2",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "SELECT sleep_ms(100000)",
    "SELECT nextval('a')",
    "CHECKPOINT",
    "BEGIN",
    "USE memory",
    "",
    "-- nothing",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "SELECT '" + "x" * 200_000 + "'",
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack[:50])
def test_sql_reaches_the_views_and_nothing_else(database: Database, folder: Path, tmp_path: Path, attack: str) -> None:
    out = tmp_path / "out"
    before = sorted(str(path) for path in folder.rglob("*"))
    with pytest.raises(UsageError):
        database.sql(attack.replace("{root}", str(folder)).replace("{out}", str(out)))
    assert not out.exists()
    assert sorted(str(path) for path in folder.rglob("*")) == before
    assert database.sql("SELECT count(*) FROM rows").item() == 20  # it answers as before


@pytest.mark.parametrize(
    "question",
    [
        "SELECT count(*) FROM range(1000000000000)",
        "SELECT count(*) FROM rows a, rows b, rows c, rows d, rows e, rows f, rows g WHERE a.row + g.row = f.row + e.row",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    ],
)
def test_a_question_without_end_is_ended_by_the_clock(database: Database, question: str) -> None:
    with pytest.raises(UsageError, match=r"took longer than 0\.3 seconds"):
        database.sql(question, seconds=0.3)
    assert database.sql("SELECT count(*) FROM rows").item() == 20


def test_a_question_may_not_take_all_memory(folder: Path) -> None:
    with Database.open(folder, memory="64MB") as database:
        with pytest.raises(UsageError, match="memory"):
            database.sql("SELECT list(range), list(range::VARCHAR) FROM range(100000000)", seconds=60)
        assert database.sql("SELECT count(*) FROM rows").item() == 20


def test_an_answer_is_cut_at_the_most_rows(database: Database) -> None:
    assert database.sql("SELECT * FROM range(100000000000)", most=7).height == 7
    assert database.sql("SELECT row FROM rows ORDER BY row", most=3)["row"].to_list() == [0, 1, 2]


@pytest.mark.parametrize(
    ("question", "message", "remedy"),
    [
        (
            "SELECT reasn FROM verdicts",
            "no column reasn, did you mean 'reason'?",
            "verdicts: row, kept, reason, of, split",
        ),
        ("SELECT * FROM verdict", "no view verdict, did you mean 'verdicts'?", "There are: checks, groups,"),
        ("SELEC 1", "not SQL: syntax error", ""),
        ("SELECT 'a'::INT FROM rows", "Could not convert string 'a' to INT32", "rows: row, id"),
        ("DELETE FROM rows", "the query is not a SELECT", "Only one SELECT"),
    ],
)
def test_a_mistake_is_told_with_the_names_there_are(
    database: Database, question: str, message: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as mistake:
        database.sql(question)
    assert message in mistake.value.message
    assert remedy in mistake.value.remedy


def test_the_command_prints_a_table_that_fits_and_json_and_csv(seedbed: Seedbed, folder: Path) -> None:
    asked = "SELECT row, prompt, answer FROM rows ORDER BY row LIMIT 2"
    table = seedbed("query", folder, asked, COLUMNS="60").out.splitlines()
    assert table[0].split() == ["row", "prompt", "answer"]
    assert "请描写夜里的山脉" in table[2]
    assert all(len(line) <= 60 for line in table)
    rows = json.loads(seedbed("query", folder, asked, "--json").out)
    assert rows[1] == {
        "row": 1,
        "prompt": "Describe rivers number 1 at night, in C++.",
        "answer": "It is 37 years old, quiet and dark.",
    }
    assert seedbed("query", folder, asked, "--csv").out.splitlines()[2] == (
        '1,"Describe rivers number 1 at night, in C++.","It is 37 years old, quiet and dark."'
    )
    assert seedbed("query", folder).out.splitlines()[-1] == "verdicts    row, kept, reason, of, split, failed"


def test_what_a_table_shows_is_never_obeyed_by_the_terminal(seedbed: Seedbed, folder: Path) -> None:
    assert "\x1b" not in seedbed("query", folder, "SELECT chr(27) || '[31m' AS red").out


def test_a_mistake_ends_with_2(seedbed: Seedbed, folder: Path) -> None:
    ended = seedbed("query", folder, "SELECT * FROM read_text('/etc/passwd')")
    assert (ended.code, ended.out) == (2, "")
    assert "read_text() is out of reach of a query" in ended.err


def test_ctrl_c_ends_a_question_at_once(folder: Path) -> None:
    asked = "SELECT max(md5(a.prompt || b.prompt || c.answer || d.row || e.row || f.row)) FROM rows a, rows b, rows c, rows d, rows e, rows f"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; print('up', flush=True); from builder.cli import main; main()",
            "query",
            folder,
            asked,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    time.sleep(4)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=50)
    assert process.returncode == 130, errors
    assert time.monotonic() - begun < 10  # by itself it would go on for a minute
