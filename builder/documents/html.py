"""HTML: what a reader of the page reads, without scripts, styles and navigation. Nothing is loaded or run."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from builder.documents.document import MAX_NODES, Page, check_length, parsing, read_bytes
from builder.documents.plain import decode
from builder.errors import InputFileError
from builder.language.messages import worded

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_REMOVED = (
    "head, script, style, noscript, template, nav, footer, aside, form, button, select, textarea, svg, iframe, object, "
    "[role=navigation], [role=banner], [role=contentinfo], [hidden], [aria-hidden=true]"
)
_BLOCKS = frozenset(
    {
        "address", "article", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p",
        "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
_TIGHT = frozenset({"li", "tr", "dt", "dd"})  # their lines belong together
_DEEPEST = 64  # ancestors looked at: deeper nesting carries no layout, and 100,000 levels must not cost their square
MAX_ATTRIBUTES = 1_000  # of a tag; for each, the parser looks through all before it
_LEVELS = 512  # as in browsers; for a tag the parser looks through all that are open: 100,000 levels took it 10 s
# Tags that hold nothing, that end where the next one of their kind begins, or that go with all they hold: never left out.
_UNNESTED = frozenset(
    {
        "area", "aside", "base", "body", "br", "button", "col", "colgroup", "dd", "dt", "embed", "footer", "form", "head",
        "hr", "html", "iframe", "img", "input", "li", "link", "meta", "nav", "noscript", "object", "optgroup", "option", "p",
        "param", "rp", "rt", "script", "select", "source", "style", "svg", "tbody", "td", "template", "textarea", "tfoot",
        "th", "thead", "tr", "track", "wbr",
    }
)  # fmt: skip
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)[^<>]*+>")
_QUOTED = re.compile(r"=\s*(?:\"[^\"]*\"|'[^']*')")
_DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_ROOM = re.compile(r"\n{3,}")


def read_html(path: Path) -> tuple[Page, ...]:
    """Blocks as paragraphs, items and rows as lines, cells separated by ` | `.

    Raises:
        InputFileError: the file is no text, or larger than the caps.
        UsageError: the extra `documents` is not installed.
    """
    data = read_bytes(path)
    declared = _DECLARED.search(data[:4096])
    text = decode(path, data, declared.group(1).decode("ascii") if declared else None)
    with parsing(path, "HTML"):
        extracted = _extract(_shallow(path, text))
    check_length(path, len(extracted))
    return (Page(None, extracted),)


def _extract(html: str) -> str:
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(html)
    except SelectolaxError as error:  # no page is too wrong to be read: the one thing that fails is to get memory
        raise MemoryError from error
    for node in tree.css(_REMOVED):
        node.decompose()
    parts: list[str] = []
    before: LexborNode | None = None
    for node in tree.root.traverse(include_text=True) if tree.root is not None else ():
        if node.tag == "br":
            parts.append("\n")
        elif node.is_text_node:
            block = _block(node)
            content = node.text_content or ""
            content = content if block is not None and block.tag == "pre" else _SPACE.sub(" ", content)
            if not content.strip():
                parts.append(" " if parts and content else "")
                continue
            if before is not None and block is not None and block.mem_id != before.mem_id:
                parts.append(_separator(before, block))
            parts.append(content)
            before = block
    lines = (line.strip(" ") if "  " not in line else line.rstrip() for line in "".join(parts).split("\n"))
    return _ROOM.sub("\n\n", "\n".join(lines)).strip()


def _shallow(path: Path, html: str) -> str:
    """The page without the tags that are nested deeper than `_LEVELS`; a line begins where one of them began a block."""
    depth = tags = 0
    left_out: Counter[str] = Counter()

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth, tags
        name = tag[2].lower()
        tags += 1
        if tags > MAX_NODES:
            raise InputFileError(
                path,
                worded("holds more than {max_nodes:,} tags", max_nodes=MAX_NODES),
                remedy=worded("Split the file."),
            )
        if len(tag[0]) > MAX_ATTRIBUTES and _attributes(tag[0]) > MAX_ATTRIBUTES:
            raise InputFileError(
                path,
                worded(
                    "a tag <{name}> with more than {max_attributes:,} attributes",
                    name=name[:20],
                    max_attributes=MAX_ATTRIBUTES,
                ),
                remedy=worded("Save it again."),
            )
        if name in _UNNESTED or (tag[0].endswith("/>") and name not in _BLOCKS):
            return tag[0]
        if not tag[1] and depth < _LEVELS:
            depth += 1
            return tag[0]
        if tag[1] and not left_out[name]:
            depth = max(0, depth - 1)
            return tag[0]
        left_out[name] += -1 if tag[1] else 1
        return "<br>" if name in _BLOCKS else ""

    return _TAG.sub(keep, html)


def _attributes(tag: str) -> int:
    """About how many attributes a tag has: an attribute may hold a whole picture, which counts as one."""
    return len(_QUOTED.sub("", tag).split())


def _block(node: "LexborNode") -> "LexborNode | None":
    """The nearest ancestor that begins a line of its own."""
    for _ in range(_DEEPEST):
        parent = node.parent
        if parent is None or parent.tag in _BLOCKS:
            return parent
        node = parent
    return None


def _separator(before: "LexborNode", block: "LexborNode") -> str:
    if block.tag in _CELLS and before.tag in _CELLS:
        row, row_before = block.parent, before.parent
        return " | " if row is not None and row_before is not None and row.mem_id == row_before.mem_id else "\n"
    return "\n" if block.tag in _TIGHT and before.tag in _TIGHT else "\n\n"
