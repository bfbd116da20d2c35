"""Files that would fill the memory, hang or mislead: each is read or refused with one clear error, within 512 MB."""

import io
import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.documents.reading import read_documents
from builder.errors import InputFileError
from builder.formats import rows as limits
from builder.formats.importing import RowProblem, open_samples
from builder.formats.reading import open_rows
from builder.progress import Reporter
from builder.schema import Sample

MIB = 2**20
LIMIT_MIB = 512
QUIET = Reporter(quiet=True)

# Reads files as an import does and prints for each what came of it, and the most memory it has taken so far.
READ = """
import json
import sys
from pathlib import Path
from builder.errors import InputFileError
from builder.formats.importing import open_samples
from builder.documents import apart as documents
from builder.documents.reading import read_documents
from builder.progress import Reporter
for path in map(Path, sys.argv[1:]):
    try:
        if path.suffix in (".docx", ".html", ".pdf"):
            result = str(len(read_documents([path])))
        else:
            files = open_samples([path], reporter=Reporter(quiet=True))
            result = str(sum(1 for sample in files.samples(note=lambda problem: None)))
    except InputFileError as error:
        result = error.message.removeprefix(str(path.parent) + "/")
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
    apart = documents._apart._process
    lines = open(f"/proc/{apart.pid}/status") if apart is not None else ()
    theirs = next((line.split()[1] for line in lines if line.startswith("VmHWM")), 0)
    print(json.dumps([path.name, result, (int(peak) + int(theirs)) / 1024]))
"""


def check_apart(paths: dict[Path, str], limit_mib: int = LIMIT_MIB) -> None:
    """Read files in a process of its own: what comes of each begins as told, and the memory stays below the limit."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-c", READ, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in results] == [path.name for path in paths]
    for (name, result, peak), expected in zip(results, paths.values(), strict=True):
        assert result.startswith(expected), name
        assert peak < limit_mib, name


def write(path: Path, *pieces: bytes | tuple[bytes, int]) -> Path:
    with path.open("wb") as file:
        _write_pieces(file, pieces)
    return path


def _write_pieces(file: BinaryIO | io.BufferedIOBase | Any, pieces: tuple[bytes | tuple[bytes, int], ...]) -> None:
    for piece in pieces:
        data, times = piece if isinstance(piece, tuple) else (piece, 1)
        at_once = MIB // max(1, len(data)) + 1
        for start in range(0, times, at_once):
            file.write(data * min(at_once, times - start))


def archive(path: Path, members: dict[str, tuple[bytes | tuple[bytes, int], ...]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, pieces in members.items():
            with made.open(name, "w") as member:
                _write_pieces(member, pieces)
    return path


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEADER = b'<row r="1"><c t="inlineStr"><is><t>question</t></is></c><c t="inlineStr"><is><t>answer</t></is></c></row>'


def workbook(path: Path, sheet: tuple[Any, ...], texts: tuple[Any, ...] = (b"",), beginning: bytes = b"") -> Path:
    """A workbook of one sheet; `sheet` is what follows its header, `texts` the shared strings."""
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate([("worksheet", "s.xml"), ("sharedStrings", "t.xml")], 1)
    )
    book = f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="a" r:id="r1"/></sheets></workbook>'
    namespace = f'xmlns="{MAIN}"'.encode()
    return archive(
        path,
        {
            "xl/workbook.xml": (book.encode(),),
            "xl/_rels/workbook.xml.rels": (f"<Relationships>{relations}</Relationships>".encode(),),
            "xl/s.xml": (
                beginning,
                b"<worksheet " + namespace + b"><sheetData>" + HEADER,
                *sheet,
                b"</sheetData></worksheet>",
            ),
            "xl/t.xml": (b"<sst " + namespace + b">", *texts, b"</sst>"),
        },
    )


LONG = b'{"question": "How deep is the lake?", "answer": "' + b"Forty metres. " * 720 + b'"}'
ROW = b'{"question": "How deep is the lake?", "answer": "Forty metres."}'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>'
TWO = b'<row r="2"><c t="inlineStr"><is><t>q</t></is></c><c t="s"><v>0</v></c></row>'


class TestMemory:
    def test_large_files_are_read_row_by_row(self, tmp_path: Path) -> None:
        """Some 40 MB each: held as rows, with what reading takes, they would be more than the limit."""
        rows, cell = 4_000, b"It is forty metres deep, " * 400
        files: dict[str, list[Any]] = {
            "a.jsonl": [(LONG + b"\n", rows)],
            "a.json": [b"[", (LONG + b",\n", rows - 1), ROW + b"]"],
            "wrapped.json": [b'{"data": [', (LONG + b",", rows - 1), ROW + b"]}"],
            "a.csv": [b"question,answer\n", (b'"How ""deep""?","' + cell + b'\n"\n', rows)],
        }
        paths = {write(tmp_path / name, *pieces): str(rows) for name, pieces in files.items()}
        pq.write_table(pa.table({"question": ["q"] * rows, "answer": [cell.decode()] * rows}), tmp_path / "a.parquet")
        sheet = (b'<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>' + cell + b"</t></is></c></row>", rows)
        paths |= {
            tmp_path / "a.parquet": str(rows),
            workbook(tmp_path / "a.xlsx", (TWO, sheet), (b"<si><t>a</t></si>",)): str(rows + 1),
        }
        check_apart(paths, 120)

    def test_texts_without_an_end_are_refused(self, tmp_path: Path) -> None:
        huge = 40 * MIB
        too_long = "the row is longer than 16 MiB or 1,000,000 lists and objects"
        files: dict[str, tuple[str, list[Any]]] = {
            "line.jsonl": (f", row 2: {too_long}", [ROW + b"\n", (b"x", huge)]),
            "zeros.jsonl": (f", row 2: {too_long}", [ROW + b"\n", (b"\0", huge)]),
            "lists.jsonl": (f", row 2: {too_long}", [ROW + b'\n{"question": [', (b"[],", 5 * MIB), b"0]}"]),
            "value.json": (f", row 1: {too_long}", [b'[{"question": "', (b"x", huge), b'"}]']),
            "lists.json": (f", row 1: {too_long}", [b'[{"question": [', (b"[],", 12 * MIB), b"0]}]"]),
            "quote.csv": (": the record that begins at line 2 is", [b'question,answer\n"', (b"open\n", 5 * MIB)]),
            "cells.csv": (": the record that begins at line 2 is", [b"question,answer\n", (b'"\n",', 6 * MIB)]),
            "line.csv": (": the record that begins at line 2 is", [b"question,answer\n", (b"x", huge)]),
            "columns.csv": (": more than 16,384 columns", [(b"a,", MIB), b"\n1\n"]),
        }
        paths = {write(tmp_path / name, *pieces): f"{name}{end}" for name, (end, pieces) in files.items()}
        space = write(tmp_path / "space.json", b"[", (b" \n", huge // 2), ROW, b"]")
        numbers = write(
            tmp_path / "numbers.jsonl", b'{"question": "q", "answer": "a", "n": [', (b"1.1,", MIB // 2), b"0]}"
        )
        check_apart(paths | {space: "1", numbers: "1"})

    def test_archives_that_unpack_to_too_much_are_refused(self, tmp_path: Path) -> None:
        paths = {
            workbook(tmp_path / f"{name}.xlsx", sheet, texts): f"{name}.xlsx{expected}"
            for name, sheet, texts, expected in (
                ("cells", (b"<row>", (b"<c/>", 10 * MIB), b"</row>"), (), ", row 2: a cell beyond column 16,384"),
                ("tag", (b'<row r="', (b"1", 30 * MIB), b'"/>'), (), ": xl/s.xml holds a tag of more than 16 MiB"),
                ("deep", ((b"<a>", 2000),), (), ": xl/s.xml is nested more than 256 levels deep"),
                (
                    "same",
                    (b"<row>", (b'<c t="s"><v>0</v></c>', 9000), b"</row>"),
                    (b"<si><t>", (b"x", 9 * MIB), b"</t></si>"),
                    ", row 2: the row is longer than 16 MiB",
                ),
            )
        }
        big = archive(tmp_path / "big.docx", {"word/document.xml": (b"<a>", (b'<b c="1"/>', 3 * MIB), b"</a>")})
        # zipfile keeps some 600 bytes for each part of an archive
        entry = b"PK\1\2" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"a"
        end = b"PK\5\6" + bytes(4) + b"\xff" * 4 + (len(entry) * 10**6).to_bytes(4, "little") + bytes(6)
        parts = write(tmp_path / "parts.xlsx", (entry, 10**6), end)
        check_apart(
            paths
            | {big: "big.docx: holds more than 1,000,000 elements of XML"}
            | {parts: "parts.xlsx: an archive of more parts than an XLSX workbook has"}
        )

    def test_tags_that_never_close_are_not_repeated_in_every_paragraph(self, tmp_path: Path) -> None:
        fonts = b"".join(b"<font size=%d><p>" % number for number in range(3000))
        check_apart({write(tmp_path / "fonts.html", fonts, b"end"): "1"})

    def test_a_parquet_text_that_many_rows_share_takes_the_memory_of_one(self, tmp_path: Path) -> None:
        paths = {}
        for name, rows, text_mib, expected in (
            ("shared", 40, 3, "40"),
            ("long", 3, 20, "long.parquet, row 1: the row is longer than 16 MiB"),
            ("bomb", 9, 260, "bomb.parquet: column question unpacks to 260 MiB"),
        ):
            shared = pa.DictionaryArray.from_arrays(
                pa.array([0] * rows, pa.int32()), pa.array(["x" * (text_mib * MIB)])
            )
            table = pa.table({"question": shared, "answer": ["a"] * rows})
            path = tmp_path / f"{name}.parquet"
            pq.write_table(table, path, dictionary_pagesize_limit=2**30, compression="zstd")
            paths[path] = expected
        check_apart(paths)

    def test_more_texts_than_a_workbook_may_have_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("builder.formats.containers.workbook.MAX_TEXTS", 1000)
        monkeypatch.setattr("builder.formats.containers.workbook.MAX_TEXT_BYTES", MIB)
        with pytest.raises(InputFileError, match=r"a\.xlsx: more than 1,000 different texts"):
            open_rows(workbook(tmp_path / "a.xlsx", (TWO,), ((b"<si/>", 1001),)))
        with pytest.raises(InputFileError, match=r"b\.xlsx: more than 1,000 different texts or 1 MiB of them"):
            open_rows(workbook(tmp_path / "b.xlsx", (TWO,), (b"<si><t>", (b"x", MIB + 1), b"</t></si>")))


WORD = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'


def document(path: Path, *body: bytes | tuple[bytes, int]) -> Path:
    return archive(path, {"word/document.xml": (WORD, *body, b"</w:body></w:document>")})


def cell(properties: bytes, text: bytes = b"x") -> bytes:
    return b"<w:tc><w:tcPr>" + properties + b"</w:tcPr><w:p><w:r><w:t>" + text + b"</w:t></w:r></w:p></w:tc>"


def pdf(path: Path, pages: bytes, *more: bytes) -> Path:
    """A PDF by hand: `pages` is what the tree of pages holds, `more` the objects from the fourth on."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages " + pages + b" >>"]
    objects += [b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", *more]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, len(out))
    return write(path, out, b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1), table, trailer)


def stream(content: bytes, more: bytes = b"") -> bytes:
    packed = zlib.compress(content, 9)
    return b"<< /Filter /FlateDecode /Length %d %s >>\nstream\n%s\nendstream" % (len(packed), more, packed)


PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
SHOWN = b"BT /F1 12 Tf 40 700 Td (The lake is forty metres deep.) Tj ET\n"


class TestDocuments:
    """Where the cap was wrong: what the file is made of is counted, and not what is made of the file."""

    def test_a_docx_is_read_without_laying_its_tables_out(self, tmp_path: Path) -> None:
        merged = b"<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc></w:tr>"
        restart = b'<w:vMerge w:val="restart"/>'
        paths = {
            document(
                tmp_path / "span.docx", b"<w:tbl><w:tr>", cell(b'<w:gridSpan w:val="100000000"/>'), b"</w:tr></w:tbl>"
            ): "span.docx: a cell spans 100000000 columns; 16,384 at most are read",
            document(
                tmp_path / "before.docx",
                b'<w:tbl><w:tr><w:trPr><w:gridBefore w:val="100000000"/></w:trPr>',
                cell(b""),
                b"</w:tr></w:tbl>",
            ): "before.docx: a cell spans 100000000 columns; 16,384 at most are read",
            document(
                tmp_path / "rows.docx",
                b"<w:tbl><w:tr>",
                cell(restart, b"long " * 20_000),
                b"</w:tr>",
                (merged, 2000),
                b"</w:tbl>",
            ): "rows.docx: holds more than 20,000,000 characters of text",
            document(
                tmp_path / "many.docx", b"<w:tbl><w:tr>", cell(restart), b"</w:tr>", (merged, 20_000), b"</w:tbl>"
            ): "1",
            document(tmp_path / "deep.docx", (b"<w:tbl><w:tr><w:tc>", 3000)): "deep.docx: word/document.xml is nested",
            document(
                tmp_path / "spans.docx",
                b"<w:tbl>",
                (b"<w:tr>" + cell(b'<w:gridSpan w:val="16000"/>') + b"</w:tr>", 5000),
                b"</w:tbl>",
            ): "1",
        }
        check_apart(paths, 120)

    def test_a_pdf_that_uses_its_parts_again_and_again_is_refused(self, tmp_path: Path) -> None:
        shown = stream(SHOWN * 200)
        paths = {
            pdf(tmp_path / "same.pdf", b"/Kids [%s] /Count 6000" % (b"4 0 R " * 6_000), PAGE, shown): (
                "same.pdf: has more than 5,000 pages"
            ),
            pdf(tmp_path / "some.pdf", b"/Kids [%s] /Count 1" % (b"4 0 R " * 4_900), PAGE, shown): (
                "some.pdf: 4,899 of its pages are pages that it has before"
            ),
            pdf(tmp_path / "loop.pdf", b"/Kids [2 0 R 2 0 R] /Count 2"): "loop.pdf: cannot be read as PDF",
            pdf(tmp_path / "unpacked.pdf", b"/Kids [4 0 R] /Count 1", PAGE, stream(bytes(90 * MIB))): (
                "unpacked.pdf: cannot be read as PDF (LimitReachedError"
            ),
        }
        check_apart(paths)

    def test_a_page_of_which_a_part_would_be_left_out_is_refused(self, tmp_path: Path) -> None:
        """A form that calls itself ten times, seven levels deep: pypdf stops reading after 5,000, and says so in its log alone."""
        form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F1 3 0 R >> /XObject << /X %d 0 R >> >>"
        nested = [stream(b"/X Do " * 10 if level < 6 else SHOWN, form % (level + 7)) for level in range(7)]
        page = PAGE.replace(b">> >>", b">> /XObject << /X 6 0 R >> >>")
        path = pdf(tmp_path / "forms.pdf", b"/Kids [4 0 R] /Count 1", page, stream(b"/X Do " * 10), *nested)
        with pytest.raises(InputFileError, match=r"forms\.pdf: page 1 is too involved to be read \(Exceeded 5000 form"):
            read_documents([path])

    def test_what_takes_too_much_time_or_memory_ends_the_process_that_reads_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kids = b"/Kids [%s] /Count 3000" % b"".join(b"%d 0 R " % (6 + page) for page in range(3000))
        long = pdf(tmp_path / "long.pdf", kids, b"null", stream(SHOWN * 10_000), *[PAGE] * 3000)
        good = write(tmp_path / "good.html", b"<p>The lake is deep.</p>")
        monkeypatch.setattr("builder.documents.apart.SECONDS", 1)
        with pytest.raises(InputFileError, match=r"long\.pdf: takes more than 1 seconds of computing to read"):
            read_documents([long])
        assert read_documents([good])[0].pages[0].text == "The lake is deep."
        large = write(tmp_path / "large.html", b"<p>", (b"word ", 4 * MIB))
        with monkeypatch.context() as patched:
            patched.setattr("builder.documents.apart.MEMORY", 32 * MIB)
            with pytest.raises(InputFileError, match=r"large\.html: takes more than 32 MiB of memory to read"):
                read_documents([large])
        assert read_documents([good])[0].pages[0].text == "The lake is deep."

    def test_html_of_a_million_attributes_or_tags_is_refused(self, tmp_path: Path) -> None:
        many = b"".join(b'a%d="x" ' % number for number in range(10**6))
        huge = write(tmp_path / "huge.html", b'<p title="')
        os.truncate(huge, 100 * MIB)
        paths = {
            write(tmp_path / "attributes.html", b"<p ", many, b">deep</p>"): (
                "attributes.html: a tag <p> with more than 1,000 attributes"
            ),
            write(tmp_path / "tags.html", (b"<br>", 10**6 + 1)): "tags.html: holds more than 1,000,000 tags",
            write(tmp_path / "picture.html", b'<img src="data:', (b"x", 4 * MIB), b'"><p>deep</p>'): "1",
            write(tmp_path / "entities.html", b'<!DOCTYPE html [<!ENTITY a "ha">]><p>', (b"&a;", 10_000)): "1",
            huge: "huge.html: larger than 64 MiB",
        }
        check_apart(paths)

    def test_attributes_behind_what_looks_like_the_end_of_a_tag(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A quoted `>` ends a tag for a quick look at it, and not for the parser: the limit of time is what holds."""
        monkeypatch.setattr("builder.documents.apart.SECONDS", 1)
        many = b"".join(b"a%d " % number for number in range(10**5))
        path = write(tmp_path / "hidden.html", b'<p x=">" ', many, b">deep</p>")
        with pytest.raises(InputFileError, match=r"hidden\.html: takes more than 1 seconds of computing to read"):
            read_documents([path])


class TestEntities:
    def test_a_workbook_that_declares_entities_is_refused(self, tmp_path: Path) -> None:
        path = workbook(tmp_path / "laughs.xlsx", (b'<row r="2"><c t="str"><v>&c;</v></c></row>',), beginning=LAUGHS)
        with pytest.raises(InputFileError, match=r"laughs\.xlsx: xl/s\.xml declares a document type"):
            open_rows(path)

    def test_a_document_that_declares_entities_is_refused(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "laughs.docx", {"word/document.xml": (LAUGHS, b"<x>&c;</x>")})
        with pytest.raises(InputFileError, match=r"laughs\.docx: word/document\.xml declares a document type"):
            read_documents([path])


class TestFiles:
    def test_what_is_no_plain_file_is_named(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jsonl")
        (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
        (tmp_path / "lost.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
        (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
        for name, expected in {
            "pipe.jsonl": "a pipe or a device where a data file was expected",
            "zero.jsonl": "a pipe or a device where a data file was expected",
            "loop.jsonl": "cannot be read (Too many levels of symbolic links)",
            "lost.jsonl": "a link to a file that is not there",
        }.items():
            with pytest.raises(InputFileError) as raised:
                open_rows(tmp_path / name)
            assert raised.value.message == f"{tmp_path / name}: {expected}"

    def test_a_link_to_a_file_is_the_file(self, tmp_path: Path) -> None:
        write(tmp_path / "a.jsonl", ROW)
        (tmp_path / "b.jsonl").symlink_to(tmp_path / "a.jsonl")
        assert open_rows(tmp_path / "b.jsonl").count == 1

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / "a.jsonl", ROW).chmod(0)
        with pytest.raises(InputFileError, match=r"a\.jsonl: cannot be read \(Permission denied\)"):
            open_rows(tmp_path / "a.jsonl")

    @pytest.mark.parametrize("change", ["grows", "shrinks", "is replaced"])
    def test_a_file_that_changes_meanwhile_is_refused(self, tmp_path: Path, change: str) -> None:
        path = write(tmp_path / "a.jsonl", (ROW + b"\n", 3000))
        rows = open_rows(path).rows()
        assert next(rows).number == 1
        if change == "grows":
            with path.open("ab") as file:
                file.write(ROW)
        elif change == "shrinks":
            os.truncate(path, 100_000)
        else:
            write(tmp_path / "b.jsonl", (ROW + b"\n", 3000)).replace(path)
        with pytest.raises(InputFileError, match=r"a\.jsonl: it changed while it was read"):
            list(rows)


class TestTexts:
    @pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    @pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
    def test_every_encoding_of_chinese_windows_is_read(self, tmp_path: Path, suffix: str, codec: str) -> None:
        rows = [{"问题": "湖有多深？", "回答": "四十米𠮷。"}, {"问题": "ਊ 与 上 相邻吗？", "回答": "不。"}]
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        text = {
            ".csv": "问题,回答\n" + "".join(f"{row['问题']},{row['回答']}\n" for row in rows),
            ".json": f"[{','.join(lines)}]",
            ".jsonl": "\n".join(lines),
        }[suffix]
        write(tmp_path / f"a{suffix}", text.encode(codec))
        opened = open_rows(tmp_path / f"a{suffix}")
        assert [row.values for row in opened.rows()] == rows
        assert opened.details.get("encoding") == {"gb18030": "GB18030", "utf-16": "UTF-16"}.get(codec)

    @pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
    @pytest.mark.parametrize(
        ("line", "codec"),
        [
            ("用两句话介绍一下这座湖的历史。", "utf-8"),  # cut off in the middle of its last character
            ("Über die Größe der Bäume läßt sich schön streiten, für Übung müssen Schüler Sätze bilden", "cp1252"),
            ("請用兩句話介紹一下這座湖的歷史，並說明為什麼", "big5"),
            ("Напишите стихотворение о весне", "cp1251"),
        ],
    )
    def test_what_is_not_chinese_is_not_read_as_such(self, tmp_path: Path, suffix: str, line: str, codec: str) -> None:
        data = line.encode(codec)
        write(tmp_path / f"a{suffix}", b'{"q": "a"}\n{"q": "' + (data[:-1] if codec == "utf-8" else data) + b'"}\n')
        with pytest.raises(InputFileError, match=r"a byte in line 2 .* is not UTF-8, and the file is not GB18030"):
            open_rows(tmp_path / f"a{suffix}")

    @pytest.mark.parametrize("suffix", [".json", ".jsonl"])
    def test_a_byte_order_mark_is_no_text(self, tmp_path: Path, suffix: str) -> None:
        write(tmp_path / f"a{suffix}", "\ufeff".encode() + (b"[" + ROW + b"]" if suffix == ".json" else ROW))
        assert [row.values for row in open_rows(tmp_path / f"a{suffix}").rows()] == [json.loads(ROW)]

    @pytest.mark.parametrize("text", ["😀𠮷é", "a\\ud83d\\ude00b", '\\"[{,}]\\\\'])
    def test_a_list_reads_alike_wherever_its_pieces_are_cut(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        document = f' [ {{"question": "{text}", "n": [-1.5e3, true, null, {{}}]}} , {{"question": "b"}}\n]\n'
        write(tmp_path / "a.json", document.encode())
        for size in (1, 2, 3, 5, 8, 13, 64):
            monkeypatch.setattr("builder.formats.containers.json_document._READ_BYTES", size)
            assert [row.values for row in open_rows(tmp_path / "a.json").rows()] == json.loads(document)

    @pytest.mark.parametrize("size", [1, 4, 2**20])
    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ('[{"a": 1},\n {"b" 2}]', "not JSON at line 2, column 7: Expecting ':' delimiter"),
            ('[{"a": 1}\n {"b": 2}]', "not JSON at line 2, column 2: Expecting ',' delimiter"),
            ('[{"a": 1}', "not JSON at line 1, column 10: Expecting ',' delimiter"),
            ('[{"a": "1', "not JSON at line 1, column 8: Unterminated string starting at"),
            ('[{"a": 1}]\n\n]', "not JSON at line 3, column 1: Extra data"),
            ('{"a": [{"b": 1}]', "not JSON at line 1, column 17: Expecting ',' delimiter"),
            ('[{"a": tru}]', "not JSON at line 1, column 8: Expecting value"),
        ],
    )
    def test_the_place_of_an_error_is_that_of_an_editor(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str, expected: str, size: int
    ) -> None:
        monkeypatch.setattr("builder.formats.containers.json_document._READ_BYTES", size)
        write(tmp_path / "a.json", document.encode())
        with pytest.raises(InputFileError) as raised:
            open_rows(tmp_path / "a.json")
        assert raised.value.message == f"{tmp_path / 'a.json'}: {expected}"

    def test_rows_that_share_no_columns_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MAX_COLUMNS", 100)
        write(tmp_path / "a.jsonl", *(b'{"c%d": 1}\n' % number for number in range(200)))
        with pytest.raises(InputFileError, match=r"a\.jsonl, row 101: the rows so far have more than 100 columns"):
            open_rows(tmp_path / "a.jsonl")


class TestWorkbooks:
    def test_every_kind_of_cell_reads_as_excel_shows_it(self, tmp_path: Path) -> None:
        import datetime as dt

        cells: list[Any] = [
            "text", "多行\n文字", " spaces ", 7, -1.25, 1e21, True, dt.datetime(2024, 2, 29, 13, 5), dt.date(1999, 12, 31),
            dt.time(8, 30), dt.timedelta(hours=30), "_x0041_ & <b>", "#N/A",
        ]  # fmt: skip
        book = openpyxl.Workbook()
        book.worksheets[0].append(["value"])
        for cell in cells:
            book.worksheets[0].append([cell])
        book.save(tmp_path / "a.xlsx")
        ours = [row.values["value"] for row in open_rows(tmp_path / "a.xlsx").rows()]
        assert ours == [
            "text", "多行\n文字", " spaces ", "7", "-1.25", "1E+21", "TRUE", "2024-02-29 13:05:00", "1999-12-31",
            "08:30:00", "30:00:00", "A & <b>", "#N/A",
        ]  # fmt: skip

    def test_rich_text_is_whole_and_its_pronunciation_left_out(self, tmp_path: Path) -> None:
        texts = (b"<si><r><t>sh</t></r><r><t>ore</t></r><rPh><t>nope</t></rPh></si>",)
        assert [row.values for row in open_rows(workbook(tmp_path / "a.xlsx", (TWO,), texts)).rows()] == [
            {"question": "q", "answer": "shore"}
        ]

    @pytest.mark.parametrize("damage", [b"<v>9</v>", b"<v>x</v>", b"</c>"])
    def test_a_damaged_sheet_is_named(self, tmp_path: Path, damage: bytes) -> None:
        path = workbook(tmp_path / "a.xlsx", (TWO.replace(b"<v>0</v>", damage),), (b"<si><t>a</t></si>",))
        with pytest.raises(InputFileError, match=r"a\.xlsx: (a damaged XLSX|xl/s\.xml is damaged)"):
            open_rows(path)


class TestStreaming:
    def test_samples_come_one_at_a_time_and_twice_the_same(self, tmp_path: Path) -> None:
        write(tmp_path / "a.jsonl", (ROW + b"\n", 50))
        write(tmp_path / "b.csv", b"question,answer\nDeep?,\n")
        files = open_samples([tmp_path / "a.jsonl", tmp_path / "b.csv"], reporter=QUIET)
        notes: list[RowProblem] = []
        samples = files.samples(first_row=7, note=notes.append)
        assert isinstance(samples, Iterator)
        read: list[Sample] = list(samples)
        assert [sample.row for sample in read] == list(range(7, 58))
        assert [tuple(note) for note in notes] == [(tmp_path / "b.csv", 1, "its answer is empty")]
        assert files.rows == 51
        assert read == list(files.samples(first_row=7, note=lambda problem: None))

    def test_no_sample_follows_a_broken_row_and_all_broken_rows_are_named(self, tmp_path: Path) -> None:
        broken = b'{"question": ["list"], "answer": "a"}'
        write(tmp_path / "a.jsonl", b"\n".join([ROW, broken, ROW, broken]))
        samples = open_samples([tmp_path / "a.jsonl"], reporter=QUIET).samples(note=lambda problem: None)
        assert next(samples).source == "a.jsonl#1"
        with pytest.raises(InputFileError, match=r"row 2: 'instruction' holds a list, expected text\n  row 4: 'instr"):
            next(samples)
