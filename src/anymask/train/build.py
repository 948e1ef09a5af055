"""A recipe → the model it trains, the same in every process."""

import torch
from torch import nn

from anymask.data.mixing import Mixture, PictureSet
from anymask.data.picture import AnnotatedPicture
from anymask.errors import ConfigError, KeysMismatch
from anymask.masks.atomic import shown_name
from anymask.model.configs import MaskedAutoencoderConfig, SamConfig
from anymask.model.masked_autoencoder import MaskedAutoencoder
from anymask.model.sam import Sam
from anymask.model.score_calibration import without_calibration
from anymask.train.initialise import initialise, initialise_autoencoder
from anymask.train.low_rank import add_low_rank
from anymask.train.parameters import freeze, num_learning, set_drop_path, set_recompute
from anymask.train.pretrain import Crops
from anymask.train.pretrained import PREFIX, start_from_pretrained
from anymask.train.recipes import Recipe
from anymask.train.run import Task
from anymask.train.task import Reconstructing, Samples, Segmenting
from anymask.weights.load import ARCHITECTURES, load_model
from anymask.weights.read import read_checkpoint


def build_task(
    recipe: Recipe,
    sets: tuple[PictureSet, ...],
    held_back: tuple[AnnotatedPicture, ...],
    device: torch.device,
) -> Task:
    """Give a recipe's task: model with first values, and where its samples come from.

    Args:
        recipe: The recipe.
        sets: Training pictures.
        held_back: Pictures to measure on.
        device: Where the model lies.

    Raises:
        ConfigError: If nothing would learn, or a weight is for no data set.
        WeightsError: If the recipe's start cannot be used.
        MissingExtra: If the backbone's ImageNet weights are not installed.
    """
    settings = recipe.settings
    model = build_model(recipe).to(device)
    mixture = Mixture(sets, settings.set_power, settings.set_weights)
    if isinstance(model, MaskedAutoencoder):
        return Reconstructing(
            model=model, settings=settings, source=Crops(mixture), held_back=held_back
        )
    return Segmenting(
        model=model,
        settings=settings,
        source=Samples(mixture, settings.sample),
        held_back=held_back,
    )


def build_model(recipe: Recipe) -> Sam | MaskedAutoencoder:
    """Give a recipe's model with its first values.

    Raises:
        ConfigError: If nothing would learn.
        WeightsError: If the recipe's start cannot be used.
        MissingExtra: If the backbone's ImageNet weights are not installed.
    """
    settings = recipe.settings
    torch.manual_seed(settings.seed)
    if isinstance(recipe.architecture, MaskedAutoencoderConfig):
        autoencoder = MaskedAutoencoder(recipe.architecture)
        initialise_autoencoder(autoencoder, settings.seed)
        set_recompute(autoencoder, is_on=settings.recompute)
        return autoencoder
    model = _with_first_values(recipe, recipe.architecture)
    freeze(model, recipe.frozen)
    if recipe.low_rank is not None:
        add_low_rank(model.image_encoder, recipe.low_rank, settings.seed)
    if recipe.architecture.vit is not None:
        set_drop_path(model, settings.drop_path)
        set_recompute(model, is_on=settings.recompute)
    elif settings.drop_path > 0 or settings.recompute:
        raise ConfigError(
            "drop_path and recompute are for ViT encoders", hint="leave them out for this model"
        )
    if settings.compile:
        model.image_encoder.compile()
    num_learning(model)
    return model


def _with_first_values(recipe: Recipe, architecture: SamConfig) -> Sam:
    model = Sam(architecture)
    if recipe.start is None:
        initialise(model, recipe.settings.seed)
    elif architecture.vit is not None and _is_encoder_alone(recipe):
        initialise(model, recipe.settings.seed)
        start_from_pretrained(model, recipe.start)
    else:
        # A size that nobody published has a name of its own, which nobody can ask for.
        asked = architecture.name if architecture.name in ARCHITECTURES else None
        loaded = load_model(recipe.start, device="cpu", architecture=asked)
        # A calibration is of finished weights; what learns from here on gets its own.
        started = _new_parts(model) | without_calibration(loaded.sam.state_dict())
        if started.keys() != model.state_dict().keys():
            odd = min(started.keys() ^ model.state_dict().keys())
            raise KeysMismatch(
                f"{shown_name(recipe.start)}: its parts are not those of the architecture that is "
                f"to be trained, first {odd}",
                hint="start from weights of that architecture",
            )
        model.load_state_dict(started)
    if architecture.lite is not None:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _new_parts(model: Sam) -> dict[str, torch.Tensor]:
    """Give the first values of what older weights of the default model lack; it changes nothing."""
    parts = ("image_encoder.fuse", "mask_decoder.mixing.")
    return {name: value for name, value in model.state_dict().items() if name.startswith(parts)}


def _is_encoder_alone(recipe: Recipe) -> bool:
    if recipe.start is None or recipe.name == "finetune":
        return False
    return all(name.startswith(PREFIX) for name in read_checkpoint(recipe.start).tensors)


def architecture_of(model: nn.Module) -> SamConfig | MaskedAutoencoderConfig:
    """Give the settings that fix a model's shapes."""
    config: SamConfig | MaskedAutoencoderConfig = model.config  # type: ignore[assignment]
    return config
