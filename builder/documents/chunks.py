"""Texts cut into chunks that overlap nowhere: whole paragraphs where they fit, else whole sentences.

cut("One. Two.\\n\\nThree.", words=2)  →  [(0, 9), (11, 17)]        # character spans
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.documents.document import Document
from builder.documents.reading import read_documents
from builder.errors import UsageError
from builder.language.messages import worded
from builder.text import count_words, detect_language

# A page number, a running title or a caption is nothing that tasks can be asked about.
FEWEST_WORDS = 20
_LONGEST_WORD = 60  # characters; a longer run (a key, an address) counts as several words

_BLANK = re.compile(r"\n[ \t\u3000]*(?:\n[ \t\u3000]*)+")
# Ends after its mark and closing quotes; a Latin full stop needs a space after it, so that 3.5 and e.g. hold together mostly.
_SENTENCE_END = re.compile(r"[。！？；…]+[”’」』）\"')]*|(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s)|\n")
_STEP = re.compile(
    "[\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff]"
    rf"|[^\s\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]{{1,{_LONGEST_WORD}}}"
)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document.

    Attributes:
        name: the document's.
        page: from 1, or None where the document has no pages; a chunk never crosses pages.
        start: first character in the page's text.
        end: after its last character.
        language: `zh` or `en`.
    """

    name: str
    page: int | None
    start: int
    end: int
    text: str
    language: str

    @property
    def source(self) -> str:
        """Such as `manual.pdf#page=3&chars=120-980`; `#` and `%` in a file's name are written as in an address."""
        page = f"page={self.page}&" if self.page is not None else ""
        return f"{self.name.replace('%', '%25').replace('#', '%23')}#{page}chars={self.start}-{self.end}"


def load_chunks(paths: Sequence[str | Path], *, words: int, languages: Collection[str]) -> tuple[Chunk, ...]:
    """Read documents and cut them, in their order.

    Args:
        words: the longest chunk, as `builder.text.count_words` counts.
        languages: chunks in other languages are left out.

    Raises:
        UsageError: a file cannot be read, or no chunk remains.
    """
    chunks = tuple(chunk for document in read_documents(paths) for chunk in cut_document(document, words))
    wanted = tuple(chunk for chunk in chunks if chunk.language in languages)
    if not wanted:
        found = ", ".join(sorted({chunk.language for chunk in chunks})) or "—"
        raise UsageError(
            worded(
                "growth.documents: no text of at least {fewest_words} words in {languages} (found: {found})",
                fewest_words=FEWEST_WORDS,
                languages=", ".join(sorted(languages)),
                found=found,
            ),
            worded("Add documents in the languages of growth.languages, or name theirs there."),
        )
    return wanted


def cut_document(document: Document, words: int) -> Iterator[Chunk]:
    """The chunks of all pages that hold at least `FEWEST_WORDS` words."""
    for page in document.pages:
        for start, end in cut(page.text, words):
            text = page.text[start:end]
            if count_words(text) >= FEWEST_WORDS:
                yield Chunk(document.name, page.number, start, end, text, detect_language(text))


def cut(text: str, words: int) -> list[Span]:
    """Spans in order that share no character and leave out only white space, each of at most `words` words.

    The spans are about equally long, so that no page ends in a crumb.
    """
    units = [unit for paragraph in _paragraphs(text) for unit in _units(text, paragraph, words)]
    weights = [_weight(text[start:end]) for start, end in units]
    total = sum(weights)
    target = total / max(1, math.ceil(total / words))
    spans: list[Span] = []
    filled = 0.0
    for (start, end), weight in zip(units, weights, strict=True):
        if spans and filled < target and filled + weight <= words:
            spans[-1] = spans[-1][0], end
            filled += weight
        else:
            spans.append((start, end))
            filled = weight
    return spans


def _weight(text: str) -> int:
    return max(count_words(text), len(text) // _LONGEST_WORD)


def _paragraphs(text: str) -> Iterator[Span]:
    yield from _between(text, (0, len(text)), ((m.start(), m.end()) for m in _BLANK.finditer(text)))


def _units(text: str, paragraph: Span, words: int) -> Iterator[Span]:
    """A paragraph whole, or its sentences, or runs of words where a sentence alone is too long."""
    if _weight(text[slice(*paragraph)]) <= words:
        yield paragraph
        return
    ends = ((m.end(), m.end()) for m in _SENTENCE_END.finditer(text, *paragraph))
    for sentence in _between(text, paragraph, ends):
        if _weight(text[slice(*sentence)]) <= words:
            yield sentence
        else:
            steps = list(_STEP.finditer(text, *sentence))
            for first in range(0, len(steps), words):
                run = steps[first : first + words]
                yield run[0].start(), run[-1].end()


def _between(text: str, span: Span, gaps: Iterator[Span]) -> Iterator[Span]:
    """What lies between gaps, without white space at its ends."""
    start = span[0]
    for gap_start, gap_end in (*gaps, (span[1], span[1])):
        part = text[start:gap_start]
        if part.strip():
            yield start + len(part) - len(part.lstrip()), gap_start - len(part) + len(part.rstrip())
        start = gap_end
