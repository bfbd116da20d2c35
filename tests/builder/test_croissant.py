"""croissant.json: every rule of the Croissant 1.0 format that it falls under, and the files and columns as they are."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from builder import pipeline
from builder.config import Settings
from builder.errors import UsageError
from builder.progress import Reporter
from builder.reporting.croissant import completed
from builder.settings_file import load_settings

QUIET = Reporter(quiet=True)
# Of the specification's tables: what every dataset must say.
REQUIRED = {"@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "datePublished"}
ADDRESS = "https://huggingface.co/datasets/ada/lakes"
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Suzhou"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
ROWS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
    for question, answer in (
        ("How deep is the lake at its northern end?", "It is forty metres deep there, says the survey."),
        ("请用一句话介绍苏州的园林。", "苏州园林以小巧精致、移步换景著称。"),
        ("Name three rivers of Germany.", "The Rhine, the Elbe and the Danube."),
    )
]
CALLING = {
    "messages": [
        {"role": "user", "content": "Weather in Suzhou today, please?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "name": "weather", "content": "rain"},
        {"role": "assistant", "content": "It rains in Suzhou."},
    ],
    "tools": TOOLS,
}


def publish(tmp_path: Path, rows: list[dict[str, Any]], settings: Settings) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pipeline.curate_files([file], settings, tmp_path / "out", QUIET)
    return tmp_path / "out" / "publish"


def described(publish: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((publish / "croissant.json").read_text(encoding="utf-8"))
    return read


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from nodes(inner)


def check_rules(found: dict[str, Any]) -> None:
    """The rules of the specification that hold for any dataset."""
    assert (found["@type"], found["conformsTo"]) == ("sc:Dataset", "http://mlcommons.org/croissant/1.0")
    named = [node for node in nodes({**found, "@context": None}) if "@id" in node and "@type" in node]
    ids = [node["@id"] for node in named]
    assert len(set(ids)) == len(ids)
    references = {node["@id"] for node in nodes({**found, "@context": None}) if set(node) == {"@id"}}
    assert references <= set(ids)
    for resource in found["distribution"]:
        assert resource["encodingFormat"] in ("application/x-parquet", "git+https")
        if resource["@type"] == "cr:FileObject":
            assert resource["contentUrl"]
            assert resource["sha256"]
        else:
            assert (resource["@type"], bool(resource["includes"])) == ("cr:FileSet", True)
    for records in found["recordSet"]:
        for field in (node for node in nodes(records) if node.get("@type") == "cr:Field"):
            assert field["@id"].startswith(records["@id"] + "/")
            assert ("subField" in field) != ("dataType" in field and "source" in field)
            assert field.get("dataType", "sc:Text") in {"sc:Text", "sc:Integer", "sc:Float", "sc:Boolean"}
    terms = set(found["@context"])
    used = {key for node in nodes({**found, "@context": None}) for key in node if not key.startswith("@")}
    of_schema = {
        *("name", "description", "license", "inLanguage", "keywords", "distribution", "contentUrl", "contentSize"),
        *("encodingFormat", "sha256", "url", "creator", "datePublished", "containedIn"),
    }
    assert used - of_schema <= terms


def test_it_says_what_the_files_and_their_columns_are(tmp_path: Path) -> None:
    folder = publish(tmp_path, ROWS, Settings(license="cc-by-4.0"))
    found = described(folder)
    check_rules(found)
    data = (folder / "data" / "train-00000-of-00001.parquet").read_bytes()
    assert found["distribution"] == [
        {
            "@type": "cr:FileObject",
            "@id": "data/train-00000-of-00001.parquet",
            "name": "data/train-00000-of-00001.parquet",
            "contentUrl": "data/train-00000-of-00001.parquet",
            "contentSize": f"{len(data)} B",
            "encodingFormat": "application/x-parquet",
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    ]
    (records,) = found["recordSet"]
    columns = pq.read_schema(folder / "data" / "train-00000-of-00001.parquet").names
    assert [field["@id"] for field in records["field"]] == [f"train/{column}" for column in columns]
    messages = next(field for field in records["field"] if field["@id"] == "train/messages")
    assert messages["repeated"]
    assert [(one["@id"], one["dataType"], one["source"]["transform"]) for one in messages["subField"]] == [
        ("train/messages/role", "sc:Text", {"jsonPath": "role"}),
        ("train/messages/content", "sc:Text", {"jsonPath": "content"}),
    ]
    assert (found["license"], found["inLanguage"]) == ("https://spdx.org/licenses/CC-BY-4.0", ["en", "zh"])


def test_with_its_place_on_the_web_nothing_that_is_required_is_missing(tmp_path: Path) -> None:
    found = described(publish(tmp_path, ROWS, Settings(license="cc-by-4.0")))
    place = {"address": ADDRESS, "revision": "a/b", "publisher": "ada", "published": "2026-03-01"}
    whole = completed(found, **place)
    check_rules(whole)
    assert set(whole) >= REQUIRED
    assert whole["creator"] == {"@type": "sc:Organization", "name": "ada", "url": "https://huggingface.co/ada"}
    (file,) = whole["distribution"]
    assert file["contentUrl"] == f"{ADDRESS}/resolve/a%2Fb/data/train-00000-of-00001.parquet"


def test_rows_in_several_files_are_one_record_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.pipeline.publishing.ROWS_PER_PART", 2)
    found = described(publish(tmp_path, [*ROWS, CALLING], Settings()))
    check_rules(found)
    assert [(one["@type"], one["@id"]) for one in found["distribution"]] == [
        ("cr:FileObject", "data/train-00000-of-00002.parquet"),
        ("cr:FileObject", "data/train-00001-of-00002.parquet"),
        ("cr:FileSet", "train-files"),
    ]
    (records,) = found["recordSet"]
    assert {field["source"]["fileSet"]["@id"] for field in records["field"]} == {"train-files"}
    # Turns of rows that call tools are JSON texts, which have no members of their own.
    messages = next(field for field in records["field"] if field["@id"] == "train/messages")
    assert (messages["dataType"], messages["repeated"]) == ("sc:Text", True)
    whole = completed(found, address=ADDRESS, revision="main", publisher="ada", published="2026-03-01")
    check_rules(whole)
    assert whole["distribution"][0]["contentUrl"] == ADDRESS
    assert whole["distribution"][3]["containedIn"] == {"@id": "repository"}


def test_it_is_in_the_manifest_and_goes_with_the_rows(tmp_path: Path) -> None:
    folder = publish(tmp_path, ROWS, Settings())
    assert pipeline.verify(tmp_path / "out") == []
    (folder / "croissant.json").write_text("{}", encoding="utf-8")
    assert [problem.path for problem in pipeline.verify(tmp_path / "out")] == ["publish/croissant.json"]
    pipeline.curate_folder(tmp_path / "out", None, ["filters.min_answer_words=999"], QUIET)
    assert not (folder / "croissant.json").exists()
    assert pipeline.verify(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("licence", "card", "url"),
    [
        ("apache-2.0", {"license": "apache-2.0"}, "https://spdx.org/licenses/Apache-2.0"),
        ("cc-by-nc-sa-4.0", {"license": "cc-by-nc-sa-4.0"}, "https://spdx.org/licenses/CC-BY-NC-SA-4.0"),
        ("openrail", {"license": "openrail"}, "openrail"),
        (
            "https://example.org/terms",
            {"license": "other", "license_link": "https://example.org/terms"},
            "https://example.org/terms",
        ),
        (None, {}, None),
    ],
)
def test_the_licence_stands_in_the_card_and_in_croissant(
    tmp_path: Path, licence: str | None, card: dict[str, str], url: str | None
) -> None:
    folder = publish(tmp_path, ROWS[:1], Settings(license=licence))
    text = (folder / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert {key: value for key, value in front.items() if key.startswith("license")} == card
    assert ("# license: name one" in text) is (licence is None)
    assert described(folder).get("license") == url


@pytest.mark.parametrize("licence", ["CC BY 4.0", "ftp://example.org/terms", "https://me:secret@example.org/terms", ""])
def test_what_is_no_licence_is_refused(licence: str) -> None:
    with pytest.raises(UsageError, match=r"license \(--set\): must be a name in small letters, such as cc-by-4"):
        load_settings(None, [f"license={json.dumps(licence)}"], {})
