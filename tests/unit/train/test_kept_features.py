"""Features of a frozen encoder are kept in files, and the decoder learns as if they were not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anymask.data.mixing import Mixture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.model.configs import SamConfig, VitConfig, tiny
from anymask.model.sam import Sam
from anymask.train.kept_features import SegmentingKept, keeps_features, kept_bytes
from anymask.train.parameters import freeze
from anymask.train.recipes import finetune
from anymask.train.task import Samples, Segmenting
from tests.scenes import write_shard

SMALL = SamConfig(
    name="small",
    vit=VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,), window=2),
    input_size=64,
    embedding_dim=32,
    decoder_mlp_width=64,
)


@pytest.fixture
def tasks(tmp_path):
    """The same task twice: with kept features, and without."""
    mixture = Mixture(read_shards([write_shard(tmp_path / "discs.tar", 2)]))
    settings = finetune(tmp_path / "base", SMALL, "decoder").settings
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        models.append(Sam(SMALL).train())
        freeze(models[-1], "encoder")
    source = Samples(mixture, settings.sample)
    folder = tmp_path / "features"
    kept = SegmentingKept(model=models[0], settings=settings, source=source, folder=folder)
    return kept, Segmenting(model=models[1], settings=settings, source=source)


def draw(task, number):
    return [task.source.draw(64, np.random.default_rng(number))]


def gradients(task):
    found = [p.grad for p in task.model.mask_decoder.parameters() if p.grad is not None]
    return torch.cat([gradient.flatten() for gradient in found])


def test_the_decoder_learns_the_same_with_kept_features(tasks):
    kept, plain = tasks
    drawn = draw(kept, 0)
    made, read = (kept.learn(drawn, np.random.default_rng(1), 1.0) for _ in range(2))
    first, again = (plain.learn(drawn, np.random.default_rng(1), 1.0) for _ in range(2))
    assert made.keys() == read.keys() == first.keys() == again.keys()
    difference = (gradients(kept) - gradients(plain)).norm() / gradients(plain).norm()
    assert float(difference) < 0.01
    assert all(p.grad is None for p in kept.model.image_encoder.parameters())


def test_a_picture_and_its_mirror_image_are_encoded_once_each(tasks, monkeypatch):
    kept, _ = tasks
    encode, encoded = Sam.encode, []

    def counted(self, pixels):
        encoded.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(Sam, "encode", counted)
    for number in range(40):
        kept.learn(draw(kept, number), np.random.default_rng(number), 1.0)
    assert encoded == [1] * 4
    files = list(kept.folder.iterdir())
    assert {path.suffix for path in files} == {".npy"}
    arrays = sum(np.load(path).nbytes for path in files)
    recipe = finetune(kept.folder, SMALL, "decoder")
    assert arrays == kept_bytes(recipe, 2) == 4 * 32 * 4 * 4 * 2


def test_kept_features_are_those_of_the_frame(tasks):
    kept, plain = tasks
    (sample,) = draw(kept, 3)
    pixels = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    made = kept.features_of(sample, pixels)
    read = kept.features_of(sample, torch.zeros(3, 64, 64))
    torch.testing.assert_close(made, read)
    with torch.no_grad():
        (right,) = plain.model.encode(pixels[None]).embedding
    torch.testing.assert_close(made, right, rtol=1e-3, atol=1e-3)


def test_features_are_kept_only_where_frames_come_again(tmp_path):
    recipe = finetune(tmp_path, SMALL, "decoder")
    assert keeps_features(recipe)
    shown = SampleSettings(zoom_share=0.1, whole_share=1.0, recolour=False)
    for other in (
        finetune(tmp_path, SMALL, "decoder_and_lora"),
        finetune(tmp_path, SMALL, "all"),
        finetune(tmp_path, tiny(64), "decoder"),
        replace(recipe, settings=replace(recipe.settings, sample=shown)),
        replace(recipe, settings=replace(recipe.settings, sample=SampleSettings())),
    ):
        assert not keeps_features(other)
        assert kept_bytes(other, 2) == 0
