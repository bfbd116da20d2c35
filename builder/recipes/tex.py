r"""TeX in JSON strings whose backslashes a model forgot to escape: "$3 \times 4$" is JSON for a tab and "imes".

    "$3 \times 4$"        →  "$3 \\times 4$"         no text has a tab before "imes"
    "$h\nu = 1$"          →  "$h\\nu = 1$"           inside a formula
    "first\nu is next"    →  "first\nu is next"      a line break: nothing here shows TeX
    "\begin{cases} 1 \\ 2 …"  →  "\\begin{cases} 1 \\\\ 2 …"   rows, and no backslash is escaped

Only whole names of commands count. A name that is an English word, or half of one, without its first letter (`\tan`, `\nu`,
`\ne`) needs a formula around it, or another command in the same string that was not escaped either.
"""

import bisect
import itertools
import re

# No text goes on so after a tab, a line end and the like: by the escape that eats the first letter.
_CERTAIN_NAMES = """
    backepsilon backsim backslash bar barwedge because begin beta beth between bf bibitem big bigcap bigcirc bigcup
    bigg biggl biggr bigl bigm bigodot bigoplus bigotimes bigr bigsqcup bigstar bigtriangledown bigtriangleup
    biguplus bigvee bigwedge binom blacklozenge blacksquare blacktriangle bm bmod bold boldsymbol bot bowtie box
    boxdot boxed boxminus boxplus boxtimes bra braket breve bullet bumpeq
    fallingdotseq fbox fcolorbox flat flushleft flushright footnote footnotesize forall frac frak framebox frown
    nLeftarrow nLeftrightarrow nRightarrow nabla natural nearrow newcommand newline ngeq ngtr nicefrac nleftarrow
    nleftrightarrow nleq nobreak noindent nolimits nonumber normalsize not notag notin nrightarrow nsubseteq
    nsupseteq ntriangleleft ntriangleright nvdash nwarrow
    rVert raggedright raisebox rangle rbrace rbrack rceil ref renewcommand restriction rfloor rgroup rhd rho right
    rightarrow rightarrowtail rightharpoondown rightharpoonup rightleftarrows rightleftharpoons rightrightarrows
    rightsquigarrow risingdotseq rlap rm root rtimes rule rvert
    tableofcontents tbinom textasciitilde textbackslash textbf textcolor textit textmd textnormal textrm textsc
    textsf textstyle textsubscript textsuperscript texttt textup textwidth tfrac therefore theta thickapprox
    thicksim thinspace tilde times tiny triangle triangledown triangleleft trianglelefteq triangleq triangleright
    trianglerighteq twoheadleftarrow twoheadrightarrow
"""
_CERTAIN = frozenset(_CERTAIN_NAMES.split())
_CERTAIN_BEFORE_A_BRACE = frozenset(("tag", "text", "title"))
_AMBIGUOUS_NAMES = "ncong ne neg neq nexists ni nless nmid norm nparallel nprec nsim nsucc nu tan tanh tau text to top"
_AMBIGUOUS = frozenset(_AMBIGUOUS_NAMES.split())

_SUSPECT = re.compile(r"\\(?:[bf]|[nrt][a-zA-Z])")
# Between two quotation marks that are not escaped, whichever of the two is the opening one.
_SEGMENT = re.compile(r'(?:[^"\\]|\\.)+', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([bfnrt][A-Za-z]*)|.)", re.DOTALL)
# A command that JSON has no escape for, and one with the second backslash that it should have; \\\\[2pt] ends a row.
_NOT_ESCAPED = re.compile(r"(?<!\\)\\(?![bfnrtu])[A-Za-z]{2}")
_ESCAPED = re.compile(r"(?<!\\)\\\\(?:[A-Za-z]{2}|[()\]]|\[(?!-?[\d.]+[a-z]+\]))")
_MARK = re.compile(r"\$\$?|\\{1,2}[()\[\]]")
_CLOSERS = {"$": "$", "$$": "$$", "(": ")", "[": "]"}
_SCRIPT = re.compile(r"[_^](?:\{[^{}]*)?\Z")
_SCRIPT_LENGTH = 40
# The end of a row in \begin{…} that was not escaped either.
_ROW_END = re.compile(r"(?<!\\)\\\\(?!\\\\)")
_LIST_MARK = re.compile(r"\s*[.)、．）:：]")  # e) and i. begin a line of a list


def keep_tex(text: str) -> str:
    """JSON text with a second backslash where JSON would take the first letter of a TeX command for an escape."""
    return _SEGMENT.sub(_kept, text) if _SUSPECT.search(text) else text


def _kept(match: re.Match[str]) -> str:
    segment = match.group()
    escapes = [found for found in _ESCAPE.finditer(segment) if found.group(1)]
    commands = [found.start() for found in escapes if _is_certain(segment, found)]
    unsure = [found for found in escapes if found.group(1) in _AMBIGUOUS and not _is_certain(segment, found)]
    shown = bool(commands or _NOT_ESCAPED.search(segment)) and not _ESCAPED.search(segment)
    if unsure:
        formulas = _formulas(segment)
        commands += [found.start() for found in unsure if _is_command(segment, found, formulas, shown=shown)]
    commands += _never_meant(escapes, commands)
    places = [0, *sorted(commands), len(segment)]
    parts = [segment[start:end] for start, end in itertools.pairwise(places)]
    if shown and "\\begin{" in segment:
        parts = [_ROW_END.sub(r"\g<0>\g<0>", part) for part in parts]
    return "\\".join(parts)


def _never_meant(escapes: list[re.Match[str]], commands: list[int]) -> list[int]:
    """Backspaces and form feeds, which no text has: a backslash and a letter of a command, path or pattern of any name.

    None where a tab or line end before a small letter may have lost its backslash too, as in C:\\new\\bin.
    """
    known = set(commands)
    others = [found for found in escapes if found.start() not in known]
    if any(found.group(1)[0] in "nrt" and found.group(1)[1:2].islower() for found in others):
        return []
    return [found.start() for found in others if found.group(1)[0] in "bf"]


def _is_certain(segment: str, escape: re.Match[str]) -> bool:
    name = escape.group(1)
    return name in _CERTAIN or (name in _CERTAIN_BEFORE_A_BRACE and segment.startswith("{", escape.end()))


def _is_command(segment: str, escape: re.Match[str], formulas: list[tuple[int, int]], *, shown: bool) -> bool:
    """Whether an escape that could be meant begins a command.

    Args:
        formulas: where they begin and end, without their marks.
        shown: another command of the string was not escaped, and none was.
    """
    at, end, name = escape.start(), escape.end(), escape.group(1)
    if _SCRIPT.search(segment[max(0, at - _SCRIPT_LENGTH) : at]):
        return True
    begun = bisect.bisect(formulas, (at, len(segment)))
    around = formulas[begun - 1] if begun and at < formulas[begun - 1][1] else None
    if name in ("to", "neq") and segment[at - 1 : at] == segment[end : end + 1] == " ":
        return True
    if name[0] != "n":
        return bool(around) or shown or segment[end : end + 1] in ("^", "_")
    if around:
        on_lines_of_its_own = at == around[0] and segment.endswith("\\n", 0, around[1])
        return not on_lines_of_its_own and (segment[at - 2 : at] != "\\\\")
    return shown and not formulas and name != "ni" and not _LIST_MARK.match(segment, end)


def _formulas(segment: str) -> list[tuple[int, int]]:
    r"""Where formulas between $, $$, \( and \[ begin and end.

    $ as Pandoc reads it: no space inside the marks, and neither a digit nor a letter after the second, as prices have.
    """
    formulas: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for mark in _MARK.finditer(segment):
        kind = mark.group().strip("\\")
        before, after = segment[mark.start() - 1 : mark.start()], segment[mark.end() : mark.end() + 1]
        closes = opened is not None and kind == _CLOSERS[opened.group().strip("\\")]
        if closes and (kind != "$" or not (before.isspace() or (after.isascii() and after.isalnum()))):
            assert opened is not None
            formulas.append((opened.end(), mark.start()))
            opened = None
        elif kind in _CLOSERS and not (kind == "$" and (not after or after.isspace())):
            opened = mark
    return formulas
