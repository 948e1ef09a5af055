"""The mean of several runs' weights: often better than each, at the cost of one.

Runs that began from the same weights end near enough to each other that the mean of their weights
is a model too, as a running average is within one run.

Source: Model soups (Wortsman et al., 2022), the uniform soup.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from anymask.errors import ConfigError, WeightsError
from anymask.masks.atomic import shown_name
from anymask.model.sam import Sam
from anymask.model.score_calibration import without_calibration
from anymask.weights.load import load_model
from anymask.weights.loaded import LoadedModel
from anymask.weights.save import save_model

SUMMED = ("steps", "picture_visits", "minutes")

Recipe = Mapping[str, Any]


def average_models(paths: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write the mean of several models' weights; maps that calibrate scores are left out.

    Args:
        paths: Weights files of one architecture and frame, two or more, best of runs that began
            from the same weights.
        out: File to write.

    Returns:
        The recipe that went into the file.

    Raises:
        ConfigError: If there are fewer than two, they are of different shapes, or one is what
            another began from.
        WeightsError: If one cannot be read, or does not say how it was trained.
        OutputError: If the file cannot be written.
    """
    if len(paths) < 2:
        raise ConfigError(
            f"a mean needs two models or more, got {len(paths)}", hint="name more weights files"
        )
    first, *others = (load_model(path, device="cpu") for path in paths)
    for path, other in zip(paths[1:], others, strict=True):
        if other.sam.config != first.sam.config:
            raise ConfigError(
                f"{shown_name(path)}: its architecture or frame is not that of "
                f"{shown_name(paths[0])}",
                hint="take the mean of models of one kind",
            )
    states = [without_calibration(one.sam.state_dict()) for one in (first, *others)]
    sam = Sam(first.sam.config)
    sam.load_state_dict(
        {name: _mean([state[name] for state in states]) for name in states[0]}, assign=True
    )
    named = zip(paths, (first, *others), strict=True)
    recipe = averaged_recipe([_recipe_of(one, path) for path, one in named])
    if not all(recipe["of"]):
        raise ConfigError(
            f"of {', '.join(map(shown_name, paths))} one is where another began, or the same",
            hint="take the mean of the ends of runs",
        )
    cards = {one.metadata.get("card", "") for one in (first, *others)}
    save_model(sam, out, recipe=recipe, card=cards.pop() if len(cards) == 1 else "")
    return recipe


def averaged_recipe(recipes: Sequence[Recipe]) -> dict[str, Any]:
    """Say how a mean came to be: steps, visits and minutes are sums over the runs' own parts.

    Args:
        recipes: Of the models, each with the runs it went on from under "after".

    Returns:
        A recipe with the runs that they do not share under "of", the last of each first, and those
        that they share under "after".
    """
    chains = [_chain(recipe) for recipe in recipes]
    shared = 0
    while all(
        len(chain) > shared and chain[-1 - shared] == chains[0][-1 - shared] for chain in chains
    ):
        shared += 1
    own = [chain[: len(chain) - shared] for chain in chains]
    parts = [[{k: v for k, v in run.items() if k != "after"} for run in runs] for runs in own]
    recipe: dict[str, Any] = {"recipe": "average", "of": parts}
    for key in ("data", "hardware"):
        told = {run[key] for runs in parts for run in runs if key in run}
        if told:
            recipe[key] = ", ".join(sorted(told))
    for key in SUMMED:
        recipe[key] = round(sum(run.get(key, 0) for runs in parts for run in runs), 1)
    if shared:
        recipe["after"] = chains[0][-shared]
    return recipe


def _recipe_of(loaded: LoadedModel, path: Path) -> Recipe:
    try:
        recipe = json.loads(loaded.metadata.get("recipe", "{}"))
    except ValueError:
        recipe = None
    if not isinstance(recipe, dict) or not recipe:
        raise WeightsError(
            f"{shown_name(path)}: does not say how it was trained",
            hint="give files that anymask train export wrote",
        )
    return recipe


def _chain(recipe: Recipe) -> list[Recipe]:
    """Give a run and those it went on from, the last one first."""
    chain: list[Recipe] = []
    run: Recipe | None = recipe
    while run:
        chain.append(run)
        run = run.get("after")
    return chain


def _mean(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    if not tensors[0].is_floating_point():
        return tensors[0].clone()
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[0].dtype)
