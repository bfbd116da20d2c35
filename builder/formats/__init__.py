"""The row formats that Seedbed reads and writes: to add one, add a file and a line here."""

from collections.abc import Mapping

from builder.formats.alpaca import ALPACA
from builder.formats.messages import MESSAGES
from builder.formats.pairs import PAIRS
from builder.formats.prompt_completion import PROMPT_COMPLETION
from builder.formats.published import PUBLISHED
from builder.formats.row_format import RowFormat
from builder.formats.self_instruct import SELF_INSTRUCT
from builder.formats.sharegpt import SHAREGPT

__all__ = ["FORMATS"]

# In the order of detection: what says more about its rows comes first.
FORMATS: Mapping[str, RowFormat] = {
    row_format.name: row_format
    for row_format in (PUBLISHED, SELF_INSTRUCT, MESSAGES, SHAREGPT, PROMPT_COMPLETION, ALPACA, PAIRS)
}
