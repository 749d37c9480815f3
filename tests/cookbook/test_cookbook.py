"""Follow every recipe of docs/cookbook.md in a copy of the project."""

from pathlib import Path

import pytest

from .recipes import Kitchen, Recipe, Step, is_in_its_file, recipes

RECIPES = recipes()
SHOWN = [step for recipe in RECIPES for step in recipe.steps if step.action == "shows"]


@pytest.mark.parametrize("step", SHOWN, ids=str)
def test_what_is_shown_is_the_code(step: Step) -> None:
    assert is_in_its_file(step), step.block


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_recipe(recipe: Recipe, tmp_path: Path) -> None:
    kitchen = Kitchen.in_folder(tmp_path)
    for step in recipe.steps:
        kitchen.take(step)
    assert recipe.steps[-1].action == "run", "a recipe ends with its tests"
