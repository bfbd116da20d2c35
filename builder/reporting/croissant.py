"""croissant.json of `publish/`: what the files and their rows are, as the MLCommons Croissant 1.0 format says it (JSON-LD).

It stands beside the files and is in the manifest with them, so it holds nothing that only a place on the web has: its address, who
published it there and when (`completed`).
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from builder.language.labels import lead_sentence
from builder.reporting.card import FIELDS, LANGUAGE_CODES, SPLITS

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"

# Terms of the format, each with the vocabulary it is from: the specification's first appendix.
_CROISSANT_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in _CROISSANT_TERMS},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
# Licences as the hub names them → as SPDX does, whose list the specification recommends.
_SPDX: Mapping[str, str] = {
    **{name: name.upper() for name in ("mit", "cc0-1.0", "mpl-2.0", "cdla-permissive-1.0", "cdla-permissive-2.0")},
    **{
        f"cc-by{kind}-{version}": f"CC-BY{kind.upper()}-{version}"
        for kind in ("", "-sa", "-nc", "-nd", "-nc-sa", "-nc-nd")
        for version in ("2.0", "2.5", "3.0", "4.0")
    },
    **{name: name.upper() + "-only" for name in ("gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0")},
    "apache-2.0": "Apache-2.0",
    "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0",
    "pddl": "PDDL-1.0",
    "cdla-permissive-1.0": "CDLA-Permissive-1.0",
    "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
}


def croissant(
    report: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]], schema: pa.Schema, licence: str | None
) -> dict[str, Any]:
    """The metadata of a published dataset.

    Args:
        report: the content of report.json.
        files: of rows, by their path in `publish/`, each with its `sha256` and `bytes`.
        schema: of the published rows.
        licence: as the hub names it, or None.
    """
    spoken = {cell["language"] for cell in report["mix"]["cells"] if cell["after"]}
    described: dict[str, Any] = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": report["name"],
        "description": lead_sentence(report, "en"),
    }
    if licence is not None:
        described["license"] = f"https://spdx.org/licenses/{_SPDX[licence]}" if licence in _SPDX else licence
    if languages := sorted(spoken.intersection(LANGUAGE_CODES)):
        described["inLanguage"] = languages
    described["keywords"] = ["seedbed", "instruction-tuning"]
    described["distribution"], described["recordSet"] = [], []
    for split in SPLITS:
        of_split = {name: file for name, file in files.items() if name.startswith(f"data/{split}-")}
        if of_split:
            described["distribution"] += _distribution(split, of_split)
            described["recordSet"].append(_record_set(split, of_split, schema))
    return described


def completed(
    described: Mapping[str, Any], *, address: str, revision: str, publisher: str, published: str
) -> dict[str, Any]:
    """With what only a place on the web has, most of which Croissant requires.

    Args:
        address: of the dataset's page.
        revision: the branch.
        publisher: the user or organisation whose page it is.
        published: the day, such as 2026-03-01.
    """
    creator = {
        "@type": "sc:Organization",
        "name": publisher,
        "url": address.rpartition("/datasets/")[0] + f"/{publisher}",
    }
    of_web = {"url": address, "creator": creator, "datePublished": published}
    files = [dict(one) for one in described["distribution"]]
    sets = [one for one in files if one["@type"] == "cr:FileSet"]
    for one in files:
        if one in sets:
            one["containedIn"] = {"@id": "repository"}
        else:
            one["contentUrl"] = f"{address}/resolve/{quote(revision, safe='')}/{one['contentUrl']}"
    if sets:
        files.insert(0, _repository(address))
    return {**described, **of_web, "distribution": files, "recordSet": described["recordSet"]}


def as_text(described: Mapping[str, Any]) -> str:
    """The text of croissant.json."""
    return json.dumps(described, ensure_ascii=False, indent=1) + "\n"


def _distribution(split: str, files: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    parquet = "application/x-parquet"
    found: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{file['bytes']} B",
            "encodingFormat": parquet,
            "sha256": file["sha256"],
        }
        for name, file in files.items()
    ]
    if len(files) > 1:
        found.append(
            {
                "@type": "cr:FileSet",
                "@id": f"{split}-files",
                "name": f"{split}-files",
                "encodingFormat": parquet,
                "includes": f"data/{split}-*.parquet",
            }
        )
    return found


def _repository(address: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": "repository",
        "name": "repository",
        "contentUrl": address,
        "encodingFormat": "git+https",
        # A repository has no hash of its own: what stands in its place by the format's readers' convention.
        "sha256": "https://github.com/mlcommons/croissant/issues/80",
    }


def _record_set(split: str, files: Mapping[str, Any], schema: pa.Schema) -> dict[str, Any]:
    place = {"fileObject": {"@id": next(iter(files))}} if len(files) == 1 else {"fileSet": {"@id": f"{split}-files"}}
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "key": {"@id": f"{split}/row"},
        "field": [_field(f"{split}/{column.name}", column, place) for column in schema],
    }


def _field(name: str, column: pa.Field, place: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name}
    if column.name in FIELDS:
        described["description"] = FIELDS[column.name][0]
    listed = pa.types.is_list(column.type)
    value = column.type.value_type if listed else column.type
    if listed:
        described["repeated"] = True
    source = {**place, "extract": {"column": column.name}}
    if not pa.types.is_struct(value):
        return {**described, "dataType": _data_type(value), "source": source}
    described["subField"] = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{member.name}",
            "name": f"{name}/{member.name}",
            "dataType": _data_type(member.type),
            "source": {**source, "transform": {"jsonPath": member.name}},
        }
        for member in value
    ]
    return described


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
