"""The catalogue of document formats: a user's own texts in, chunks with their place out.

    load_chunks(["manuals/"], words=400, languages=("en", "zh"))
    → (Chunk("manuals/pump.pdf", page=3, start=120, end=980, text="Before the first start …", language="en"), …)

To add a format, write its reader into a file of its own and add its endings to `reading.READERS`.
"""

from builder.documents.chunks import Chunk, load_chunks
from builder.documents.document import Document, Page
from builder.documents.reading import READERS, read_documents

__all__ = ["READERS", "Chunk", "Document", "Page", "load_chunks", "read_documents"]
