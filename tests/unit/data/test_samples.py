"""A training sample shows what its masks say, at every size and window."""

import io
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings, make_sample
from anymask.data.shards import read_shards
from anymask.data.splits import is_validation
from anymask.data.targets import visible_targets
from anymask.data.windows import View, choose_window, runs_box
from anymask.errors import ConfigError, DataError
from tests.scenes import write_shard

# Of targets and boxes of twenty draws, as they were before jitter and weights came.
DIGEST = 1244312796


@pytest.fixture
def pictures(tmp_path: Path) -> list[AnnotatedPicture]:
    return list(read_shards([write_shard(tmp_path / "discs.tar", 4)]))


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


def test_same_generator_gives_the_same_sample(pictures: list[AnnotatedPicture]) -> None:
    mixture = Mixture(pictures)
    one, two = (
        mixture.draw(128, SampleSettings(), np.random.default_rng((0, 7, 1))) for _ in range(2)
    )
    np.testing.assert_array_equal(one.frame, two.frame)
    np.testing.assert_array_equal(one.clicks, two.clicks)


def test_default_draws_are_those_of_the_recorded_runs(pictures: list[AnnotatedPicture]) -> None:
    rng, digest = np.random.default_rng(0), zlib.crc32(b"")
    for _ in range(20):
        sample = Mixture(pictures).draw(96, SampleSettings(), rng)
        digest = zlib.crc32(sample.targets.tobytes(), digest)
        digest = zlib.crc32(np.round(sample.boxes).astype(np.int32).tobytes(), digest)
    assert digest == DIGEST


def test_sample_says_what_it_shows(pictures: list[AnnotatedPicture]) -> None:
    whole = SampleSettings(zoom_share=0, whole_share=1)
    sample = make_sample(pictures[1], 64, whole, np.random.default_rng(0))
    assert sample is not None
    assert sample.name == "discs/discs_001"
    assert sample.used_hw == (48, 64)
    assert (sample.frame[48:] == 127).all()
    assert (sample.redraws, sample.bad) == (0, ())


def test_as_published_shows_the_whole_picture_unchanged(pictures: list[AnnotatedPicture]) -> None:
    published = SampleSettings(
        prompts=64, zoom_share=0, whole_share=1, recolour=False, mirror=False
    )
    sample = make_sample(pictures[0], 128, published, np.random.default_rng(0))
    assert sample is not None
    expected = np.asarray(Image.open(io.BytesIO(pictures[0].encoded)), np.int16)
    assert np.abs(sample.frame[:96].astype(np.int16) - expected).max() <= 3  # two JPEG decoders
    assert sample.targets.shape == (64, 32, 32)
    assert len(np.unique(sample.targets, axis=0)) == 3


def one_mask(area_px: int, pictures: list[AnnotatedPicture]) -> AnnotatedPicture:
    runs = (np.array([0, area_px, 96 * 128 - area_px]),)
    return replace(pictures[0], runs=runs)


def test_masks_over_nine_tenths_of_the_picture_are_left_out(
    pictures: list[AnnotatedPicture],
) -> None:
    whole = SampleSettings(zoom_share=0, whole_share=1)
    rng = np.random.default_rng(0)
    # Whole columns of 96 pixels: 114 of 128 are 89 %, 116 are 90.6 %.
    assert make_sample(one_mask(114 * 96, pictures), 64, whole, rng) is not None
    assert make_sample(one_mask(116 * 96, pictures), 64, whole, rng) is None
    assert make_sample(one_mask(116 * 96, pictures), 64, replace(whole, largest_share=1), rng)
    # Also where the right half alone is seen, which is 78 % and 81 % object.
    for columns, number in ((114, 1), (116, 0)):
        picture = one_mask(columns * 96, pictures)
        view = View(window=(64, 0, 128, 96), used_hw=(64, 43))
        assert len(visible_targets(picture, view, 64, whole, rng)) == number


def test_jitter_makes_objects_larger_and_smaller(pictures: list[AnnotatedPicture]) -> None:
    settings = SampleSettings(jitter=(0.25, 2.0), recolour=False, mirror=False)
    rng = np.random.default_rng(0)
    samples = [make_sample(pictures[0], 128, settings, rng) for _ in range(60)]
    shown = [sample for sample in samples if sample is not None]
    longest = [max(sample.used_hw) for sample in shown]
    areas = [float(sample.targets.max(0).mean()) / 255 for sample in shown]
    assert min(longest) < 48
    assert longest.count(128) > 20  # all scales above 1, more than half
    assert max(areas) > 6 * min(areas)
    for sample in shown:
        height, width = sample.used_hw
        assert (sample.frame[height:] == 127).all()
        assert (sample.frame[:, width:] == 127).all()
        assert not sample.targets[:, -(-height // 4) :].any()


def test_distorted_samples_are_turned_and_no_longer_clean(
    pictures: list[AnnotatedPicture],
) -> None:
    plain = SampleSettings(zoom_share=0, whole_share=1, recolour=False, mirror=False)
    rng = np.random.default_rng(0)
    clean = make_sample(pictures[0], 128, plain, rng)
    assert clean is not None
    turned, faulty = 0, 0
    for _ in range(60):
        sample = make_sample(pictures[0], 128, replace(plain, distort=True), rng)
        assert sample is not None
        # Beyond the corners of a turned picture it is grey, where the discs' ground is darker.
        is_turned = sample.frame[0, 0].min() > 90
        turned += is_turned
        faulty += not is_turned and not np.array_equal(sample.frame, clean.frame)
        for target in sample.targets:
            large = cv2.resize(target, (128, 128), interpolation=cv2.INTER_NEAREST)
            assert sample.frame.max(2)[large == 255].mean() > 110
    assert 15 < turned < 45
    assert 5 < faulty < 30


@pytest.mark.parametrize("size", [32, 64, 160])
@pytest.mark.parametrize("jitter", [None, (0.1, 2.0)])
def test_with_everything_on_each_click_lies_in_its_mask(
    pictures: list[AnnotatedPicture], size: int, jitter: tuple[float, float] | None
) -> None:
    everything = SampleSettings(
        jitter=jitter,
        smallest_cells=1,
        natural_size=True,
        distort=True,
        copy_paste_share=0.7,
        part_whole_share=0.7,
        region_sets=("others",),
    )
    mixed = [replace(picture, pseudo=(True, False, False)) for picture in pictures]
    for number in range(40):
        sample = Mixture(mixed).draw(size, everything, np.random.default_rng(number))
        assert sample.targets.shape == (4, size // 4, size // 4)
        for target, (x, y), box in zip(sample.targets, sample.clicks, sample.boxes, strict=True):
            assert target[int(y // 4), int(x // 4)] > 127
            assert (box[:2] < box[2:]).all()


def test_undecodable_picture_is_named(pictures: list[AnnotatedPicture]) -> None:
    rng = np.random.default_rng(0)
    for encoded in (b"", b"not a picture"):
        broken = replace(pictures[0], encoded=encoded)
        with pytest.raises(DataError, match="'discs_000': is not a readable picture; check"):
            make_sample(broken, 64, SampleSettings(), rng)


def test_picture_of_another_size_than_its_masks_is_named(
    pictures: list[AnnotatedPicture],
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 96)).save(buffer, "PNG")
    other = replace(pictures[0], encoded=buffer.getvalue())
    with pytest.raises(DataError, match="picture is 64×96, its masks are for 128×96"):
        make_sample(other, 64, SampleSettings(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"prompts": 0}, r"sample.prompts must be 1 to 1024, got 0"),
        ({"zoom_share": 30.0}, r"sample.zoom_share must be in \[0, 1\], got 30"),
        ({"largest_share": -0.1}, r"sample.largest_share must be in"),
        ({"jitter": (2.0, 0.1)}, r"sample.jitter must be two scales"),
        ({"jitter": (0.0, 1.0)}, r"sample.jitter must be two scales"),
        ({"smallest_cells": 0}, r"sample.smallest_cells must be 1 or more, got 0; use 6"),
        ({"pseudo_share": 1.5}, r"sample.pseudo_share must be in \[0, 1\], got 1.5"),
        ({"copy_paste_share": -1.0}, r"sample.copy_paste_share must be in"),
        ({"part_whole_share": 2.0}, r"sample.part_whole_share must be in"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SampleSettings(**setting)  # type: ignore[arg-type]


def test_a_tenth_is_held_back_by_name() -> None:
    held = [is_validation(f"pets_{number:05d}.jpg") for number in range(5000)]
    assert 0.08 < np.mean(held) < 0.12
    assert is_validation("pets_00001.jpg") == (zlib.crc32(b"pets_00001.jpg") % 10 == 0)
