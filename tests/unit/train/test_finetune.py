"""Where fine-tuning begins, and what it lets learn."""

import pytest

from anymask.errors import ConfigError, WeightsNotFound
from anymask.model.configs import tiny, vit_b
from anymask.train.finetune import base_path, load_base
from anymask.train.recipes import finetune


def test_the_default_base_is_the_file_in_the_package():
    path = base_path("default")
    assert (path.name, path.is_file()) == ("default.safetensors", True)


def test_a_published_base_lies_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path))
    assert base_path("sam_vit_b") == tmp_path / "weights" / "sam_vit_b_01ec64.pth"
    with pytest.raises(WeightsNotFound, match=r"sam_vit_b: sam_vit_b_01ec64.pth is not in"):
        load_base("sam_vit_b", "cpu")


@pytest.mark.parametrize(
    ("part", "frozen", "has_low_rank"),
    [
        ("decoder", "encoder", False),
        ("decoder_and_lora", "encoder", True),
        ("all", "nothing", False),
    ],
)
def test_a_part_says_what_learns(tmp_path, part, frozen, has_low_rank):
    for architecture in (tiny(), vit_b()):
        recipe = finetune(tmp_path / "base", architecture, part)
        assert (recipe.frozen, recipe.low_rank is not None) == (frozen, has_low_rank)
        assert recipe.settings.largest_size == architecture.input_size
        assert recipe.settings.minutes == 5


def test_no_other_part_is_known(tmp_path):
    with pytest.raises(ConfigError, match="part must be decoder, decoder_and_lora or all"):
        finetune(tmp_path / "base", tiny(), "encoder")  # type: ignore[arg-type]
