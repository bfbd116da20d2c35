"""report.html: one self-contained page made from the content of report.json."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from builder.config import Novelty, Settings
from builder.language import Language, labels
from builder.language.notes import Note
from builder.language.reasons import reason_for
from builder.reporting import charts
from builder.reporting.dominant import dominant_remedy, dominant_sentence
from builder.reporting.funnel import build_report
from builder.reporting.novelty_curve import curve_lines, read_curves
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_json, write_text

_CATEGORIES_SHOWN = 30
_LANGUAGES_SHOWN = 4
_NAME_CHARACTERS = 40
# A language with less than this share of the rows gets no column of its own.
_LANGUAGE_SHARE = 0.01

# Marks that reorder or hide the text around them; shown by their code so that a row cannot disguise itself.
_HIDDEN = re.compile(
    "[\u0080-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}


def write_report(
    folder: DatasetFolder,
    settings: Settings,
    *,
    notes: Sequence[Note],
    spending: Mapping[str, int | float | str] | None,
    checks: Mapping[str, Any] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write report.json and report.html; arguments, result and errors as for `build_report`."""
    report = build_report(folder, settings, notes=notes, spending=spending, checks=checks, figures=figures)
    write_json(folder.report_json, report)
    write_text(folder.report_html, render_page(report))
    return report


def render_page(report: Mapping[str, Any]) -> str:
    """The page for the content of a report.json, in the report's language; refers to no address outside itself."""
    language: Language = report["language"]
    words = _Words(language)
    return _template().render(
        report=report,
        language=language,
        w=words,
        lead=labels.lead_sentence(report, language),
        warnings=[note for note in report["notes"] if note["level"] == "warning"],
        infos=[note for note in report["notes"] if note["level"] != "warning"],
        stages=funnel_stages(report, language),
        losses=[
            (words(key), report[stage]["total"] - report[stage][kept], losses(report[stage], language))
            for key, stage, kept in (("why_rejected", "candidates", "admitted"), ("why_dropped", "rows", "kept"))
            if report[stage]["by_reason"]
        ],
        dominant=[
            (one, dominant_sentence(one, language), dominant_remedy(one, language)) for one in report["dominant"]
        ],
        mix=_mix_table(report, words),
        curve=curve_lines(Novelty(**report["settings"]["novelty"]).thresholds),
        curve_pairs={mode: one.pairs for mode, one in read_curves().items()},
        panels=_panels,
        limits=_limits(report["settings"]),
        histogram=charts.histogram,
        share_bar=charts.share_bar,
        settings_text=yaml.safe_dump(report["settings"], allow_unicode=True, sort_keys=False, width=100),
    )


@cache
def _template() -> Template:
    """Compiled once: that takes longer than a page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "number": labels.number}
    return environment.get_template("report.html.jinja")


def visible(text: object) -> str:
    """A text in which control characters and marks that reorder or hide text can be seen; line ends and tabs stay."""
    shown = str(text).replace("\r\n", "\n").translate(_CONTROLS)
    shown = _HIDDEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", shown)
    return shown.encode("utf-8", "replace").decode("utf-8")


class _Words:
    """The page's words in one language; called with a key and the numbers that its text names."""

    def __init__(self, language: Language) -> None:
        self._language: Language = language

    def __call__(self, key: str, numbers: Mapping[str, int | float | str] | None = None) -> str:
        shown = {k: v if isinstance(v, str) else labels.number(v) for k, v in (numbers or {}).items()}
        return labels.pick(labels.WORDS[key], self._language).format(**shown)

    def reason(self, key: str) -> str:
        return reason_for(key).label(self._language)

    def category(self, key: str | None) -> str:
        if key is None:
            return self("uncategorised")
        name = labels.label(labels.CATEGORY_LABELS, key, self._language)
        return name if len(name) <= _NAME_CHARACTERS else name[: _NAME_CHARACTERS - 1] + "…"

    def language(self, key: str) -> str:
        return labels.label(labels.LANGUAGE_LABELS, key, self._language)

    def origin(self, key: str) -> str:
        return labels.label(labels.ORIGIN_LABELS, key, self._language)

    def column(self, key: str) -> str:
        return labels.label(labels.COLUMN_LABELS, key, self._language)

    def spending(self, key: str) -> str:
        return labels.label(labels.SPENDING_LABELS, key, self._language)

    def mend(self, key: str) -> str:
        return labels.label(labels.MEND_LABELS, key, self._language)

    def check(self, key: str) -> str:
        return labels.label(labels.CHECK_LABELS, key, self._language)

    def component(self, key: str) -> str:
        return labels.label(labels.COMPONENT_LABELS, key, self._language)

    def value(self, column: str, value: str | bool) -> str:
        if column.endswith("language"):
            return self.language(str(value))
        return labels.label(labels.VALUE_LABELS, str(value).lower(), self._language)

    def share(self, part: int, whole: int) -> str:
        return labels.share(part, whole)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the funnel: its count, what it is a count of, a line about it, its bar and what flows on below."""

    count: int
    label: str
    note: str
    bar: Markup
    link: Markup | None


def funnel_stages(report: Mapping[str, Any], language: Language) -> list[Stage]:
    """Candidates (where there are any), rows and kept rows on one scale."""
    candidates, rows, splits = report["candidates"], report["rows"], report["splits"]
    words = _Words(language)
    read, admitted, total, kept = candidates["total"], candidates["admitted"], rows["total"], rows["kept"]
    whole = max(read, total)
    stages = []
    if read:
        note = words("admitted_share", {"share": labels.share(admitted, read), "n": candidates["rejected"]})
        given = [origin for origin in report["origins"] if origin["origin"] != "generated"]
        note += "".join(words("joins", {"n": o["before"], "origin": words.origin(o["origin"])}) for o in given)
        bar = charts.stage_bar([charts.Span(0, admitted, "total"), charts.Span(admitted, read, "loss")], whole)
        stages.append(
            Stage(read, words("stage_candidates"), note, bar, charts.stage_link(admitted, total - admitted, whole))
        )
    unpublished = rows["by_reason"].get("seed", 0)
    judged = total - unpublished
    note = words("kept_share", {"share": labels.share(kept, judged), "n": judged - kept})
    note += words("unpublished", {"n": unpublished}) if unpublished else ""
    pictures = report["pictures"]
    note += words("with_pictures", {"n": pictures["before"], "kept": pictures["after"]}) if pictures["before"] else ""
    spans = [charts.Span(0, kept, "total"), charts.Span(kept, judged, "loss"), charts.Span(judged, total, "rest")]
    bar = charts.stage_bar(spans, whole)
    stages.append(Stage(total, words("stage_rows"), note, bar, charts.stage_link(kept, 0, whole)))
    train, validation = splits["train"], splits["train"] + splits["validation"]
    spans = [
        charts.Span(0, train, "train"),
        charts.Span(train, validation, "validation"),
        charts.Span(validation, kept, "rest"),
    ]
    parts = (
        f"{labels.number(n)} {labels.label(labels.SPLIT_LABELS, split, language)}" for split, n in splits.items() if n
    )
    stages.append(Stage(kept, words("stage_kept"), " · ".join(parts), charts.stage_bar(spans, whole), None))
    return stages


@dataclass(frozen=True, slots=True)
class Loss:
    """One reason with its count, share of the stage, bar, and what it means and what to change."""

    label: str
    count: int
    share: str
    bar: Markup
    texts: tuple[str, ...]


def losses(stage: Mapping[str, Any], language: Language) -> list[Loss]:
    """The reasons of one stage (`candidates` or `rows` of the report), the most frequent first."""
    failed = stage.get("failed_checks", {})
    # Seeds kept out by setting are no loss: they neither set the scale nor take its colour.
    largest = max((count for key, count in stage["by_reason"].items() if key != "seed"), default=0)
    found = []
    for key, count in stage["by_reason"].items():
        reason = reason_for(key)
        texts = [reason.meaning(language), reason.remedy(language)]
        if failed.get(key, count) > count:
            texts.append(_Words(language)("also_failed", {"n": failed[key]}))
        bar = charts.reason_bar(min(count, largest or count), largest or count, "rest" if key == "seed" else "loss")
        share = labels.share(count, stage["total"])
        found.append(Loss(reason.label(language), count, share, bar, tuple(text for text in texts if text)))
    return found


def _mix_table(report: Mapping[str, Any], words: _Words) -> dict[str, Any]:
    """Categories as lines and languages as columns; what is beyond the shown ones is summed."""
    cells = report["mix"]["cells"]
    languages = _largest(cells, "language")
    categories = _largest(cells, "category")
    all_rows = sum(languages.values())
    columns = [name for name, before in languages.items() if before >= _LANGUAGE_SHARE * all_rows][:_LANGUAGES_SHOWN]
    lines = list(categories)[:_CATEGORIES_SHOWN] if len(categories) > _CATEGORIES_SHOWN + 1 else list(categories)
    sums: dict[tuple[int, int], list[int]] = {}
    for cell in cells:
        line = lines.index(cell["category"]) if cell["category"] in lines else len(lines)
        column = columns.index(cell["language"]) if cell["language"] in columns else len(columns)
        for place in ((line, column), (line, -1)):
            before, after = sums.get(place, (0, 0))
            sums[place] = [before + cell["before"], after + cell["after"]]
    names = [words.category(line) for line in lines]
    names += [words("other_categories", {"n": len(categories) - len(lines)})] if len(categories) > len(lines) else []
    plain = [*([len(columns)] if len(languages) > len(columns) else []), -1]

    def cells_of(line: int, order: Iterable[int]) -> list[list[int]]:
        return [sums.get((line, column), [0, 0]) for column in order]

    return {
        "headings": [words.language(str(column)) for column in columns],
        "plain_headings": [*([words("other_languages")] if len(plain) > 1 else []), words("total")],
        "lines": [(name, cells_of(i, range(len(columns))), cells_of(i, plain)) for i, name in enumerate(names)],
        "largest": max((before for (_, column), (before, _) in sums.items() if column >= 0), default=0),
        "rest": report["mix"]["rest"],
    }


def _largest(cells: Iterable[Mapping[str, Any]], key: str) -> dict[str | None, int]:
    """Row counts by name, falling; cells without a name come last."""
    sums: dict[str | None, int] = {}
    for cell in cells:
        sums[cell[key]] = sums.get(cell[key], 0) + cell["before"]
    return dict(sorted(sums.items(), key=lambda item: (item[0] is None, -item[1], item[0] or "")))


def _panels(columns: Mapping[str, Mapping[str, Any]], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The columns of one kind that have something to draw."""
    drawn = "edges" if kind == "histogram" else "values"
    return [(name, column) for name, column in columns.items() if column["kind"] == kind and column[drawn]]


def _limits(settings: Mapping[str, Any]) -> dict[str, list[float]]:
    filters = settings["filters"]
    return {
        "instruction_words": [filters["min_instruction_words"], filters["max_instruction_words"]],
        "prompt_words": [filters["max_prompt_words"]],
        "answer_words": [filters["min_answer_words"], filters["max_answer_words"]],
        "repetition": [filters["max_repetition"]],
    }
