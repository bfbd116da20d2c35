"""The catalogue of recipes: how requests are made and replies read."""

from collections.abc import Mapping

from builder.recipes.alpaca import ALPACA
from builder.recipes.dialogue import DIALOGUE
from builder.recipes.documents import DOCUMENTS
from builder.recipes.evolve import EVOLVE
from builder.recipes.persona import PERSONA
from builder.recipes.phrasings import PHRASINGS
from builder.recipes.procedural import PROCEDURAL
from builder.recipes.recipe import Recipe, dropping_cut_replies
from builder.recipes.self_instruct import SELF_INSTRUCT
from builder.recipes.topic import TOPIC

_ALL = (
    SELF_INSTRUCT,
    ALPACA,
    TOPIC,
    EVOLVE,
    PHRASINGS,
    DIALOGUE,
    DOCUMENTS,
    PERSONA,
    PROCEDURAL,
)
RECIPES: Mapping[str, Recipe] = {recipe.name: dropping_cut_replies(recipe) for recipe in _ALL}
