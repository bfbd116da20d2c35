"""HTML: what a reader of the page reads, without scripts, styles and navigation. Nothing is loaded or run."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from builder.documents.document import Page, check_length, parsing, read_bytes
from builder.documents.plain import decode

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
        extracted = _extract(text)
    check_length(path, len(extracted))
    return (Page(None, extracted),)


def _extract(html: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
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
