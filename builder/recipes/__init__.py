"""The catalogue of recipes: how requests are made and replies read."""

from collections.abc import Mapping

from builder.recipes.alpaca import ALPACA
from builder.recipes.recipe import Recipe

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (ALPACA,)}
