"""A training sample shows what its masks say, at every size and window."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings, choose_window, fitted, make_sample, runs_box
from anymask.data.shards import read_shards
from anymask.data.splits import is_validation
from anymask.errors import DataError
from tests.scenes import write_shard


@pytest.fixture
def pictures(tmp_path: Path) -> list[AnnotatedPicture]:
    return list(read_shards([write_shard(tmp_path / "discs.tar", 4)]))


def test_box_from_runs_is_opencvs(pictures: list[AnnotatedPicture]) -> None:
    for picture in pictures:
        for index in range(3):
            expected = cv2.boundingRect(picture.mask(index).astype(np.uint8))
            assert runs_box(picture, index) == expected


def test_box_from_runs_of_a_full_height_mask() -> None:
    picture = AnnotatedPicture(
        set_name="s", name="n", encoded=b"", size_hw=(10, 8), runs=(np.array([20, 30, 30]),)
    )
    assert runs_box(picture, 0) == (2, 0, 3, 10)


@pytest.mark.parametrize("size", [64, 128, 192])
def test_targets_lie_on_the_bright_discs(pictures: list[AnnotatedPicture], size: int) -> None:
    rng, settings = np.random.default_rng(1), SampleSettings(prompts=3)
    for picture in pictures * 5:
        sample = make_sample(picture, size, settings, rng)
        if sample is None:
            continue
        assert sample.frame.shape == (size, size, 3)
        assert sample.targets.shape == (3, size // 4, size // 4)
        grey = cv2.resize(sample.frame.max(2), (size // 4, size // 4), interpolation=cv2.INTER_AREA)
        for target, click, box in zip(sample.targets, sample.clicks, sample.boxes, strict=True):
            inside = target > 250
            if inside.any():
                ground = grey[(sample.targets.max(0) == 0)].min()
                assert grey[inside].mean() > ground
            x, y = (int(side // 4) for side in click)
            assert target[y, x] > 127
            assert box[0] < box[2] <= size
            assert box[1] < box[3] <= size


def test_window_around_an_object_holds_it(pictures: list[AnnotatedPicture]) -> None:
    rng, settings = np.random.default_rng(2), SampleSettings(zoom_share=1.0)
    for _ in range(100):
        x0, y0, x1, y1 = choose_window(pictures[0], 128, settings, rng)
        assert 0 <= x0 < x1 <= 128
        assert 0 <= y0 < y1 <= 96
        held = []
        for index in range(3):
            x, y, w, h = runs_box(pictures[0], index)
            held.append(x0 <= x + 1 and y0 <= y + 1 and x + w <= x1 + 1 and y + h <= y1 + 1)
        assert any(held)


def test_longer_side_fills_the_frame() -> None:
    assert fitted(96, 128, 64) == (48, 64)
    assert fitted(1, 40000, 128) == (1, 128)


def test_same_generator_gives_the_same_sample(pictures: list[AnnotatedPicture]) -> None:
    mixture = Mixture(pictures)
    one, two = (
        mixture.draw(128, SampleSettings(), np.random.default_rng((0, 7, 1))) for _ in range(2)
    )
    np.testing.assert_array_equal(one.frame, two.frame)
    np.testing.assert_array_equal(one.clicks, two.clicks)


def test_large_sets_are_seen_more_often_but_not_in_proportion(tmp_path: Path) -> None:
    shards = [write_shard(tmp_path / "a.tar", 16), write_shard(tmp_path / "b.tar", 4)]
    mixture = Mixture(read_shards(shards))
    np.testing.assert_allclose(mixture.chances, [4 / 6, 2 / 6])


def test_no_masks_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="the training data holds no mask; check the folder"):
        Mixture([])


def test_masks_too_small_for_the_size_are_said_so(pictures: list[AnnotatedPicture]) -> None:
    settings = SampleSettings(zoom_share=0.0, whole_share=1.0)
    dot = np.array([500, 4, 96 * 128 - 504])
    encoded = pictures[0].encoded
    small = AnnotatedPicture(
        set_name="s", name="n", encoded=encoded, size_hw=(96, 128), runs=(dot,)
    )
    with pytest.raises(DataError, match="none of 1000 pictures shows a mask at 32 pixels"):
        Mixture([small]).draw(32, settings, np.random.default_rng(0))


def test_a_tenth_is_held_back_by_name() -> None:
    held = [is_validation(f"pets_{number:05d}.jpg") for number in range(5000)]
    assert 0.08 < np.mean(held) < 0.12
    assert is_validation("pets_00001.jpg") == (zlib.crc32(b"pets_00001.jpg") % 10 == 0)
