"""The commands about quality: its weights, learnt from a dataset's own marks."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from builder.cli.options import AsJson, LocalFolder, Quiet, print_json, reporter, say
from builder.cli.places import shown
from builder.language.chinese import spoken

if TYPE_CHECKING:
    from builder.curation.weighing import Agreement
    from builder.pipeline.weights import Fitted


def fit(
    folder: LocalFolder,
    marks: Annotated[
        Literal["judge", "reviews"] | None,
        typer.Option("--from", help="Whose marks; those of seedbed judge where there are any, else reviews."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the weights into the folder's settings, and decide its rows by them.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Learn the weights of quality from marks, and say whether they are worth using.

    A few hundred marks do: seedbed judge DIR --sample 500. How often the better of two rows is preferred is measured on rows that the
    weights were not learnt from, beside the weights there are and the answer's length.
    """
    from builder.pipeline.weights import fit_folder

    fitted = fit_folder(folder, marks, reporter(quiet), write=write)
    if as_json:
        print_json(fitted.as_record())
    else:
        _print(fitted)


def _print(fitted: "Fitted") -> None:
    from builder.language.labels import COMPONENT_LABELS, label

    chinese, learnt = spoken() == "zh", fitted.learnt
    words = _ZH if chinese else _EN
    say(words["learnt"].format(shown(fitted.path), learnt.rows, words[fitted.source], learnt.pairs))
    for name in ("learnt_weights", "current", "length"):
        own: Agreement = getattr(learnt, name.removesuffix("_weights"))
        say(words["line"].format(words[name], own.accuracy, own.low, own.high, own.correlation))
    say(words["worth" if learnt.worth_using else "not_worth"].format(*learnt.gain))
    for name, weight in learnt.weights.items():
        title = label(COMPONENT_LABELS, name, "zh" if chinese else "en")
        say(words["weight"].format(name, fitted.before[name], weight, title))
    say(words["written" if fitted.written else "unwritten"].format(shown(fitted.path)))


_EN = {
    "learnt": "{}: {:,} rows with {}, {:,} pairs of one language and form of answer",
    "judge": "marks of the judge",
    "reviews": "reviews",
    "line": "  {:16} prefers the better row {:.3f} of the time [{:.3f} to {:.3f}], rank correlation {:+.2f}",
    "learnt_weights": "learnt weights",
    "current": "current weights",
    "length": "answer's length",
    "worth": "Worth using: {:+.3f} [{:+.3f} to {:+.3f}] over the current weights, on rows they were not learnt from.",
    "not_worth": "Not worth using: {:+.3f} [{:+.3f} to {:+.3f}] over the current weights is within chance.",
    "weight": "  quality.weights.{:14} {:4g} → {:<5g} {}",
    "written": "The settings of {} hold the learnt weights, and its rows are decided by them.",
    "unwritten": "Nothing was written; --write puts the learnt weights into the settings of {}.",
}
_ZH = {
    "learnt": "{}：{:,} 行有{}，同语言、同回答形式的行组成 {:,} 对",
    "judge": "评审打分",
    "reviews": "人工审核结果",
    "line": "  {}：更好的一行排在前面的比例 {:.3f}（95% 区间 {:.3f} 到 {:.3f}），秩相关 {:+.2f}",
    "learnt_weights": "学得的权重",
    "current": "现有的权重",
    "length": "回答的长度",
    "worth": "值得使用：在没有参与学习的行上比现有权重高 {:+.3f}（95% 区间 {:+.3f} 到 {:+.3f}）。",
    "not_worth": "不值得使用：比现有权重高 {:+.3f}（95% 区间 {:+.3f} 到 {:+.3f}），在偶然范围之内。",
    "weight": "  quality.weights.{:14} {:4g} → {:<5g} {}",
    "written": "{} 的设置已改用学得的权重，各行也已按此重新判定。",
    "unwritten": "没有写入任何内容；加上 --write 可把学得的权重写入 {} 的设置。",
}
