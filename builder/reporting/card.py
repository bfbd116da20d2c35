"""The dataset card: README.md of `publish/`, whose front matter `datasets.load_dataset` reads.

The English card comes alone; where the report is Chinese, the Chinese card comes first and the English one after it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from builder.config import Settings
from builder.language import Language, labels
from builder.language.reasons import reason_for

SPLITS = ("train", "validation")

# The size classes that the Hugging Face hub knows: upper bounds and names.
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
_LARGEST_SIZE = "100M<n<1B"

# ISO codes only: the hub refuses `other` and `und`.
LANGUAGE_CODES = ("en", "ja", "ko", "zh")

_NAME_CHARACTERS = 80

# Markdown and HTML that a name from somebody's data must not start.
_MARKUP = re.compile(r"[\\`*_\[\]<>|&#~]")

FIELDS: Mapping[str, tuple[str, str]] = {
    "row": ("number of the row in the dataset folder", "该行在数据集文件夹中的编号"),
    "id": ("hash of the conversation; equal conversations share it", "对话的哈希值，相同的对话取值相同"),
    "task_id": ("shared by instances and phrasings of one task", "同一任务的各实例与各种说法共用"),
    "messages": (
        "the conversation: role, content; where rows have them tool_calls, name, reasoning_content and weight (0: not to be "
        "trained on)",
        "对话：role、content；有时还有 tool_calls、name、reasoning_content 与 weight（0 表示不参与训练）",
    ),
    "images": (
        'the pictures of the row in the order of its `{"type": "image"}` parts, each a path or an address',
        '该行的图片，按 `{"type": "image"}` 片段的先后排列，每项为路径或网址',
    ),
    "tools": ("tools on offer, a JSON array, or null", "可用工具，JSON 数组或空"),
    "rejected_answer": ("the worse last answer of a preference pair, or null", "偏好对中较差的最后回答，或空"),
    "instruction": ("the instruction where the source had one, or null", "来源自带的指令，或空"),
    "input": ("what the instruction is applied to, or null", "指令所针对的输入，或空"),
    "category": ("kind of task, or null", "任务类别，或空"),
    "language": ("zh, en, …, by script", "语言，按文字判定：zh、en 等"),
    "origin": ("seed, generated or imported", "来源：seed（种子）、generated（生成）、imported（导入）"),
    "source": ("seed file, imported file, or recipe and teacher", "种子文件、导入文件，或配方与教师"),
    "parents": ("ids of the tasks that it was grown from", "生成所依据的任务 id"),
    "request_id": ("key of the request in the ledger, or null", "账本中对应请求的键，或空"),
    "answer_key": ("how the answer can be checked, or null", "核对答案的方法，或空"),
    "kind": (
        "classification, generation, dialogue, or null",
        "类型：classification（分类）、generation（生成）、dialogue（对话），或空",
    ),
}


def dataset_card(
    report: Mapping[str, Any], settings: Settings, *, content: str = "", columns: Sequence[str] | None = None
) -> str:
    """The card of a published dataset.

    Args:
        report: the content of report.json.
        settings: as run.
        content: a hash of the published files. It stands in the front matter because `load_dataset` (5.2) names its cache
            by that and by the folder's last name alone: two folders called `publish`, or one before and after a change,
            would give the rows that were loaded first.
        columns: of the published rows; None is all of a sample's.

    Returns:
        Markdown with YAML front matter. Where the settings name no licence, a comment asks for one.
    """
    shown = list((name for name in FIELDS if name != "images") if columns is None else columns)
    languages: tuple[Language, ...] = ("zh", "en") if report["language"] == "zh" else ("en",)
    return _front_matter(report, settings, content) + "\n---\n\n".join(
        _body(report, settings, shown, language) for language in languages
    )


def _front_matter(report: Mapping[str, Any], settings: Settings, content: str) -> str:
    kept = report["splits"]["train"] + report["splits"]["validation"]
    spoken = {cell["language"] for cell in report["mix"]["cells"] if cell["after"]}
    splits = [split for split in SPLITS if report["splits"][split]]
    front: dict[str, Any] = {
        "pretty_name": _one_line(report["name"]),
        **_licence(settings.license),
        "language": sorted(spoken.intersection(LANGUAGE_CODES)),
        "task_categories": ["text-generation"],
        "size_categories": [next((name for bound, name in _SIZES if kept < bound), _LARGEST_SIZE)],
        "tags": ["seedbed", "instruction-tuning", *(["synthetic"] if _grown(report) else [])],
        "configs": [
            {
                "config_name": "default",
                "description": f"rows {content}",
                "data_files": [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits],
            }
        ],
    }
    if not splits:
        del front["configs"]
    if not front["language"]:
        del front["language"]
    text = yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=1000)
    missing = "# license: name one before you share this: --set license=cc-by-4.0\n" if settings.license is None else ""
    return f"---\n{missing}{text}---\n\n"


def _licence(name: str | None) -> dict[str, str]:
    """As the hub reads it: one of its own names, or a link."""
    if name is None:
        return {}
    return {"license": "other", "license_link": name} if "://" in name else {"license": name}


def _body(report: Mapping[str, Any], settings: Settings, columns: Sequence[str], language: Language) -> str:
    native = 1 if language == "zh" else 0
    headings = (
        ("How it was made", "How to load it", "Fields", "Mix", "Why rows and candidates went", "Limitations"),
        ("制作方式", "加载方法", "字段", "构成", "未保留的原因", "局限"),
    )[native]
    parts = (
        _making(report, settings, native),
        _loading(columns, native),
        _fields(columns, native),
        _mix(report, language),
        _reasons(report, language),
        _limitations(report, native),
    )
    sections = "\n".join(f"## {heading}\n\n{part}\n" for heading, part in zip(headings, parts, strict=True))
    return f"# {_plain(report['name'])}\n\n{labels.lead_sentence(report, language)}\n\n{sections}"


def _making(report: Mapping[str, Any], settings: Settings, native: int) -> str:
    grown, given = _grown(report), [o for o in report["origins"] if o["origin"] != "generated" and o["after"]]
    teacher, sentences = _plain(report["teacher"]["name"]), []
    if grown and report["teacher"]["procedural"]:
        sentences.append(
            (
                f"The {grown:,} grown rows are **procedural**: Seedbed's task families computed them ({teacher}); "
                "no language model wrote them.",
                f"其中 {grown:,} 条生成的行属于**程序化数据**，由 Seedbed 的任务族（{teacher}）计算得出，并非语言模型所写。",
            )[native]
        )
    elif grown:
        sentences.append(
            (
                f"{grown:,} rows were written by the language model {teacher}, starting from human-written seed tasks.",
                f"其中 {grown:,} 行由语言模型 {teacher} 以人工编写的种子任务为起点写成。",
            )[native]
        )
    for origin in given:
        mended = report.get("mended") if origin["origin"] == "imported" else None
        sentences.append(_given_sentence(origin["origin"], origin["after"], mended, native))
    novelty, split = settings.novelty, settings.split
    if novelty.threshold < 1:
        sentences.append(
            (
                "A row was dropped if a kept one asked for the same; of grown rows, if it was more similar than ROUGE-L "
                f"{novelty.threshold:g} (words) or {novelty.thresholds.characters:g} (characters, for Chinese).",
                "若某个已保留的行问的是同一件事，则剔除该行；生成的行，若与已保留的行 ROUGE-L 高于 "
                f"{novelty.threshold:g}（按词）或 {novelty.thresholds.characters:g}（中文按字），则予以剔除。",
            )[native]
        )
    if report["splits"]["validation"]:
        sentences.append(
            (
                "Validation rows were chosen by whole tasks and are no closer to the training rows than ROUGE-L "
                f"{split.max_similarity:g}.",
                f"验证集按整个任务划分，与训练集的 ROUGE-L 不高于 {split.max_similarity:g}。",
            )[native]
        )
    if settings.contamination.against:
        sentences.append(
            (
                f"Rows that overlap {len(settings.contamination.against)} held-out file(s) were removed "
                f"(runs of {settings.contamination.ngram} tokens).",
                f"已去除与 {len(settings.contamination.against)} 个评测文件重叠的行"
                f"（连续 {settings.contamination.ngram} 个词元）。",
            )[native]
        )
    return "".join(sentences) if native else " ".join(sentences)


def _given_sentence(origin: str, count: int, mended: Mapping[str, Any] | None, native: int) -> str:
    if origin == "seed":
        return (f"Human-written seed tasks among them: {count:,}.", f"另有 {count:,} 行是人工编写的种子任务。")[native]
    if mended:
        kinds = labels.named_mends(mended["by_kind"], "zh" if native else "en")
        return (
            f"Imported rows: {count:,}. Faults of form were put right in {mended['kept']:,} of them "
            f"(of all rows that were read: {kinds}).",
            f"{count:,} 行为导入数据，其中 {mended['kept']:,} 行修正过形式问题（读入的全部行：{kinds}）。",
        )[native]
    return (f"Imported rows, kept as they came: {count:,}.", f"{count:,} 行为导入数据，内容未作改动。")[native]


def _loading(columns: Sequence[str], native: int) -> str:
    words = (
        "`folder` is the folder that holds this card. Where rows call tools or hold pictures, it takes `datasets` 4.7 or later.",
        "`folder` 为本文件所在的文件夹。若有数据行调用工具或含有图片，需要 `datasets` 4.7 或更新的版本。",
    )[native]
    if "images" in columns:
        words += (
            " Pictures are named, not held: paths of the machine that this was made on, or addresses. A processor takes the turns and"
            " `images` together, as TRL's trainers do.",
            "图片只记位置，不含内容：或为制作本数据集的机器上的路径，或为网址。处理器（processor）需要同时取用各轮对话与 `images`，TRL "
            "的训练器即是如此。",
        )[native]
    return f'```python\nfrom datasets import load_dataset\n\ndataset = load_dataset("folder")\n```\n\n{words}'


def _fields(columns: Sequence[str], native: int) -> str:
    rows = [(f"`{column}`", FIELDS[column][native] if column in FIELDS else "") for column in columns]
    return _table((("Field", "Meaning"), ("字段", "含义"))[native], rows, ":--|:--")


def _mix(report: Mapping[str, Any], language: Language) -> str:
    rows = [
        (
            _plain(
                labels.pick(labels.WORDS["uncategorised"], language)
                if cell["category"] is None
                else labels.label(labels.CATEGORY_LABELS, cell["category"], language)
            ),
            _plain(labels.label(labels.LANGUAGE_LABELS, cell["language"], language)),
            f"{cell['after']:,}",
        )
        for cell in report["mix"]["cells"]
        if cell["after"]
    ]
    rest = report["mix"]["rest"]
    if rest["after"]:
        rows.append(("…", "…", f"{rest['after']:,}"))
    heads = (("Category", "Language", "Rows"), ("类别", "语言", "行数"))
    return _table(heads[language == "zh"], rows, ":--|:--|--:")


def _reasons(report: Mapping[str, Any], language: Language) -> str:
    candidates, rows = report["candidates"]["by_reason"], report["rows"]["by_reason"]
    lines = [
        (
            _plain(reason_for(key).label(language)),
            reason_for(key).meaning(language),
            _count(candidates, key),
            _count(rows, key),
        )
        for key in dict.fromkeys((*candidates, *rows))
    ]
    if not lines:
        return ("Every row was kept.", "所有行均已保留。")[language == "zh"]
    heads = (("Reason", "Meaning", "Candidates", "Rows"), ("原因", "含义", "候选", "行"))
    return _table(heads[language == "zh"], lines, ":--|:--|--:|--:")


def _count(counts: Mapping[str, int], key: str) -> str:
    return f"{counts[key]:,}" if key in counts else ""


def _limitations(report: Mapping[str, Any], native: int) -> str:
    lines = []
    if _grown(report) and report["teacher"]["procedural"]:
        lines.append(
            (
                "Procedural rows follow a limited set of operations and phrasings; they do not show how people write.",
                "程序化数据只涵盖有限的操作与说法，不能代表人们真实的表达方式。",
            )
        )
    elif _grown(report):
        lines.append(
            (
                "Answers by a language model can be wrong; only those with an answer key were checked.",
                "语言模型给出的回答可能有误，只有带答案要点的行经过核对。",
            )
        )
    lines += [
        (
            "Novelty is judged by wording: two rows that say the same in other words may both be here.",
            "新颖性按字面判断，意思相同而说法不同的行可能同时保留。",
        ),
        (
            "The language is read from the script, so text in French or German counts as English.",
            "语言按文字判定，法文、德文等拉丁字母文本也计为英文。",
        ),
    ]
    return "\n".join(f"- {line[native]}" for line in lines)


def _grown(report: Mapping[str, Any]) -> int:
    return next((int(o["after"]) for o in report["origins"] if o["origin"] == "generated"), 0)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], alignment: str) -> str:
    lines = [" | ".join(heads), alignment.replace("|", " | "), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _plain(text: str) -> str:
    """Somebody's text as one line that Markdown shows as it is."""
    line = _one_line(text)
    line = line if len(line) <= _NAME_CHARACTERS else line[: _NAME_CHARACTERS - 1] + "…"
    return _MARKUP.sub(lambda match: f"\\{match.group()}", line)
