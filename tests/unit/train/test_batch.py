"""Samples become tensors as the model is used: normalised, zeros in the padding."""

import numpy as np
import pytest
import torch

from anymask.data.samples import Sample
from anymask.image.frame import frame_for
from anymask.image.prepare import to_model_input
from anymask.model.configs import IMAGENET_MEAN, IMAGENET_STD, LiteConfig, SamConfig, tiny
from anymask.model.sam import Sam
from anymask.train.batch import collate


def sample(height: int, width: int, size: int) -> Sample:
    rng = np.random.default_rng(height)
    frame = np.full((size, size, 3), 127, np.uint8)
    frame[:height, :width] = rng.integers(0, 256, (height, width, 3))
    targets = rng.integers(0, 256, (2, size // 4, size // 4)).astype(np.uint8)
    return Sample(
        frame=frame,
        targets=targets,
        clicks=np.array([[1, 2], [3, 4]], np.float32),
        boxes=np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32),
        name=f"set/{height}",
        used_hw=(height, width),
    )


@pytest.mark.parametrize("mean_std", [(IMAGENET_MEAN, IMAGENET_STD), ((127.0,) * 3, (128.0,) * 3)])
def test_pixels_are_those_of_the_predictor(mean_std: tuple[tuple[float, ...], ...]) -> None:
    mean, std = mean_std
    config = SamConfig(
        name="small",
        lite=LiteConfig(),
        input_size=64,
        pixel_mean=mean,  # type: ignore[arg-type]
        pixel_std=std,  # type: ignore[arg-type]
    )
    samples = [sample(48, 64, 64), sample(64, 40, 64)]
    batch = collate(samples, Sam(config))
    for pixels, one in zip(batch.pixels, samples, strict=True):
        height, width = one.used_hw
        picture = np.ascontiguousarray(one.frame[:height, :width])
        frame = frame_for((height, width), 64)
        expected = torch.from_numpy(to_model_input(picture, frame, mean, std))  # type: ignore[arg-type]
        torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-6)
        assert not pixels[:, height:].any()
        assert not pixels[:, :, width:].any()


def test_everything_else_is_kept() -> None:
    samples = [sample(48, 64, 64), sample(64, 40, 64)]
    batch = collate(samples, Sam(tiny(64)))
    assert batch.targets.shape == (2, 2, 16, 16)
    np.testing.assert_allclose(batch.targets[1].numpy(), samples[1].targets / 255, rtol=1e-6)
    assert batch.clicks[0].tolist() == [[1, 2], [3, 4]]
    assert batch.boxes[1, 1].tolist() == [5, 6, 7, 8]
    assert batch.names == ("set/48", "set/64")
    assert batch.used_hw == ((48, 64), (64, 40))
