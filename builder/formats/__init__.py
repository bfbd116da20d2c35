"""The row formats that Seedbed reads and writes: to add one, add a file and a line here."""

from collections.abc import Mapping

from builder.formats.alpaca import ALPACA
from builder.formats.chatgpt import CHATGPT
from builder.formats.claude import CLAUDE
from builder.formats.dialogue import DIALOGUE
from builder.formats.firefly import FIREFLY
from builder.formats.messages import MESSAGES
from builder.formats.multiple_choice import MULTIPLE_CHOICE
from builder.formats.numbered import NUMBERED
from builder.formats.oasst import OASST
from builder.formats.openai_preference import OPENAI_PREFERENCE
from builder.formats.pairs import PAIRS
from builder.formats.prompt_completion import PROMPT_COMPLETION
from builder.formats.published import PUBLISHED
from builder.formats.rounds import ROUNDS
from builder.formats.row_format import RowFormat
from builder.formats.self_instruct import SELF_INSTRUCT
from builder.formats.sharegpt import SHAREGPT
from builder.formats.squad import SQUAD, SQUAD_DOCUMENTS
from builder.formats.xlam import XLAM

__all__ = ["FORMATS"]

# In the order of detection: what says more about its rows comes first.
FORMATS: Mapping[str, RowFormat] = {
    row_format.name: row_format
    for row_format in (
        *(
            PUBLISHED,
            DIALOGUE,
            SELF_INSTRUCT,
            CHATGPT,
            CLAUDE,
            OASST,
            ROUNDS,
            MESSAGES,
            SHAREGPT,
            MULTIPLE_CHOICE,
            XLAM,
            SQUAD,
        ),
        *(SQUAD_DOCUMENTS, FIREFLY, OPENAI_PREFERENCE, PROMPT_COMPLETION, NUMBERED, ALPACA, PAIRS),
    )
}
