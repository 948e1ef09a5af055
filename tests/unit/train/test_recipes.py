"""A second run begins with the weights it is given."""

from pathlib import Path

import pytest
import torch

from anymask.errors import KeysMismatch
from anymask.model.configs import vit_b
from anymask.model.sam import Sam
from anymask.train.loop import TrainSettings
from anymask.train.recipes import default_model, finishing_settings
from anymask.weights.save import save_model
from tests.scenes import write_shard


def test_finishing_run_starts_from_the_given_weights(
    tmp_path: Path, model: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "discs.tar")
    save_model(model, tmp_path / "start.safetensors", recipe={}, card="", half=False)
    seen: list[Sam] = []
    monkeypatch.setattr("anymask.train.recipes.train", lambda given, *_, **__: seen.append(given))
    settings = finishing_settings(1.0, 1)
    start = tmp_path / "start.safetensors"
    default_model(tmp_path, tmp_path / "run", settings, processes=1, start=start)
    expected = model.state_dict()
    for name, tensor in seen[0].state_dict().items():
        torch.testing.assert_close(tensor, expected[name])
    assert all(parameter.requires_grad for parameter in seen[0].parameters())


def test_finishing_run_is_slower_and_larger() -> None:
    first, second = TrainSettings(), finishing_settings(15.0, 1)
    assert second.head_rate == first.head_rate / 2
    assert min(size for phase in second.phases for size in phase.sizes) == 256
    assert (second.minutes, second.seed, second.box_share) == (15.0, 1, 0.5)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "discs.tar")
    with torch.device("meta"):
        published = {name: tuple(t.shape) for name, t in Sam(vit_b(64)).state_dict().items()}
    torch.save({n: torch.zeros(shape) for n, shape in published.items()}, tmp_path / "b.pth")
    with pytest.raises(KeysMismatch, match="is a ViT-B"):
        default_model(
            tmp_path,
            tmp_path / "run",
            TrainSettings(steps=1),
            processes=1,
            start=tmp_path / "b.pth",
        )
