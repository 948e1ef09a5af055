"""A run that does not fit is refused before it begins, with a batch that does."""

from dataclasses import replace

import pytest
import torch

from anymask.errors import ConfigError
from anymask.train.memory import check_memory, memory_free, memory_needed, weights_bytes
from anymask.train.settings import TrainSettings
from anymask.train.task import Segmenting


def test_memory_grows_with_the_picture_and_leaves_the_model_as_it_was(
    task: Segmenting, settings: TrainSettings
) -> None:
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    fixed, small = memory_needed(task, settings)
    _, large = memory_needed(
        task, replace(settings, phases=(replace(settings.phases[0], sizes=(192,)),))
    )
    assert 2 * small < large < 16 * small
    assert fixed > weights_bytes(task.model) > 0
    assert all(p.grad is None for p in task.model.parameters())
    for name, tensor in task.model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_more_masks_need_more(task: Segmenting, settings: TrainSettings) -> None:
    _, two = memory_needed(task, settings)
    many = replace(settings, sample=replace(settings.sample, prompts=16))
    task.settings, task.source = many, replace(task.source, settings=many.sample)  # type: ignore[type-var]
    assert memory_needed(task, many)[1] > 2 * two


def test_frozen_weights_need_less(task: Segmenting) -> None:
    whole = weights_bytes(task.model)
    task.model.image_encoder.requires_grad_(requires_grad=False)
    assert weights_bytes(task.model) < whole


def test_sentence_names_a_batch_that_fits(settings: TrainSettings) -> None:
    settings = replace(settings, batch=8)
    with pytest.raises(
        ConfigError,
        match=r"needs about 18.0 GB, 10.0 GB are free; use --set batch=4 --set accumulate=2",
    ):
        check_memory(10**9, 10**9, 10 * 10**9, settings, 2)
    check_memory(10**9, 10**9, 18 * 10**9, settings, 2)
    check_memory(10**9, 10**9, None, settings, 2)


def test_nothing_fits(settings: TrainSettings) -> None:
    with pytest.raises(ConfigError, match=r"5.0 GB, 1.5 GB are free; use fewer processes, smaller"):
        check_memory(10**9, 2 * 10**9, 15 * 10**8, settings, 1)


def test_free_memory_is_less_than_a_machine_has() -> None:
    free = memory_free(torch.device("cpu"))
    assert free is not None
    assert 10**8 < free < 10**14
