"""What is pasted is whole, is where its mask says, and hides what lies under it."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anymask.data.copy_paste import Piece, cut_out, paste_all, without
from anymask.data.mixing import Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import Sample, SampleSettings
from anymask.data.shards import read_shards
from anymask.data.targets import Shown
from anymask.errors import DataError
from tests.scenes import disc, write_shard

PASTING = SampleSettings(copy_paste_share=1.0, mirror=False, recolour=False)
PURPLE = (200, 0, 200)


@pytest.fixture
def pictures(tmp_path: Path) -> list[AnnotatedPicture]:
    return list(read_shards([write_shard(tmp_path / "discs.tar", 4)]))


def purple_disc(share: float = 0.25) -> Piece:
    """Give a disc 32 pixels wide, and what is around it in its box as loud as can be."""
    mask = disc(40, 40, 16)[24:57, 24:57]
    pixels = np.full((*mask.shape, 3), (0, 255, 0), np.uint8)
    pixels[mask] = PURPLE
    return Piece(pixels=pixels, mask=mask, share=share)


def filled(value: int, cells: int = 32) -> NDArray[np.uint8]:
    return np.full((cells, cells), value, np.uint8)


def test_cut_out_is_a_mask_in_its_box(pictures: list[AnnotatedPicture]) -> None:
    rng = np.random.default_rng(0)
    piece = cut_out(pictures[0], rng)
    assert piece is not None
    boxes = [cv2.boundingRect(pictures[0].mask(i).astype(np.uint8)) for i in range(3)]
    assert piece.mask.shape in {(h, w) for _, _, w, h in boxes}
    assert piece.share == max(piece.mask.shape) / 128
    assert piece.pixels[piece.mask].max(1).mean() > 110  # a bright disc
    assert np.abs(piece.pixels[~piece.mask].astype(int) - 60).mean() < 12  # on dark ground


def cut_from(mask: NDArray[np.bool_], pictures: list[AnnotatedPicture]) -> Piece | None:
    flat = mask.T.reshape(-1).astype(np.int8)
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]]))
    runs = np.concatenate([[0], runs]) if flat[0] else runs
    return cut_out(replace(pictures[0], runs=(runs,)), np.random.default_rng(0))


def test_masks_that_make_no_whole_object_are_not_cut_out(
    pictures: list[AnnotatedPicture],
) -> None:
    assert cut_from(disc(64, 48, 20), pictures) is not None
    assert cut_from(disc(5, 48, 20), pictures) is None  # the picture's edge cuts it off
    assert cut_from(disc(64, 48, 5), pictures) is None
    assert cut_from(disc(64, 48, 45), pictures) is None  # over two fifths of the picture
    assert cut_from(disc(64, 48, 30) & ~disc(64, 48, 28), pictures) is None  # a thin ring
    one = replace(pictures[0], pseudo=(True, True, True))
    assert cut_out(one, np.random.default_rng(0)) is None


def test_pasted_pixels_and_mask_agree_and_the_rim_is_soft() -> None:
    ground = np.full((128, 128, 3), 60, np.uint8)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        pixels, shown = paste_all(
            ground, [Shown(target=filled(255))], [purple_disc()], 128, PASTING, rng
        )
        target = shown[0].target
        large = cv2.resize(target, (128, 128), interpolation=cv2.INTER_NEAREST)
        assert np.abs(pixels[large == 255].astype(int) - PURPLE).max(1).mean() < 25
        assert np.abs(pixels[large == 0].astype(int) - 60).mean() < 3
        # No halo: of the green around the disc in its own picture hardly anything is seen.
        assert pixels[..., 1].max() <= 60 + 0.2 * (255 - 60)
        assert len(np.unique(pixels[..., 0])) > 5
    assert (ground == 60).all()


def test_what_is_pasted_hides_what_lies_under_it() -> None:
    ground = np.full((128, 128, 3), 60, np.uint8)
    pixels, shown = paste_all(
        ground,
        [Shown(target=filled(255)), Shown(target=filled(255), pair=2)],
        [purple_disc(), purple_disc()],
        128,
        PASTING,
        np.random.default_rng(3),
    )
    assert [one.pair for one in shown] == [0, 0, 0, 2]
    first, last, under, _ = (one.target.astype(int) for one in shown)
    np.testing.assert_allclose(first + last + under, 255, atol=2)
    np.testing.assert_array_equal(shown[2].target, shown[3].target)
    area = (pixels[..., 0] > 130).mean()
    assert (first + last).mean() / 255 == pytest.approx(area, rel=0.06)


def test_masks_of_which_too_little_is_left_are_dropped() -> None:
    settings = SampleSettings(smallest_cells=6)
    target, hiding = filled(0), filled(0)
    target[:4, :8], hiding[:4, :5] = 255, 255
    left = without(target, hiding, settings)
    assert left is not None
    assert int((left == 255).sum()) == 12
    hiding[:4, :7] = 255  # 4 of 32 cells
    assert without(target, hiding, SampleSettings(smallest_cells=1)) is None
    target[:, :], hiding[:, :], hiding[0, :5] = 255, 255, 0
    assert without(target, hiding, settings) is None
    ground = np.full((128, 128, 3), 60, np.uint8)
    small = filled(0)
    small[15:17, 15:18] = 255
    shown = [
        paste_all(
            ground,
            [Shown(target=small)],
            [purple_disc(0.6)],
            128,
            settings,
            np.random.default_rng(n),
        )[1]
        for n in range(40)
    ]
    assert {len(one) for one in shown} == {1, 2}


def test_pasted_things_take_half_of_the_prompts_at_most() -> None:
    ground = np.full((128, 128, 3), 60, np.uint8)
    under = [Shown(target=filled(255), pair=number) for number in (1, 2, 3, 4)]
    for prompts, most in ((4, 2), (1, 1)):
        settings, numbers = replace(PASTING, prompts=prompts), set()
        for seed in range(30):
            rng = np.random.default_rng(seed)
            _, shown = paste_all(ground, under, [purple_disc(0.15)] * 3, 128, settings, rng)
            pasted = [one.pair for one in shown].count(0)
            assert [one.pair for one in shown] == [*[0] * pasted, 1, 2, 3, 4][:prompts]
            numbers.add(pasted)
        assert max(numbers) == most


def test_scale_varies_around_the_share_of_the_picture() -> None:
    ground = np.full((256, 256, 3), 60, np.uint8)
    widths = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        pixels, _ = paste_all(
            ground, [Shown(target=filled(255, 64))], [purple_disc(0.125)], 256, PASTING, rng
        )
        columns = np.flatnonzero((pixels[..., 0] > 130).any(0))
        rows = np.flatnonzero((pixels[..., 0] > 130).any(1))
        if len(columns) and min(*columns, *rows) > 0 and max(*columns, *rows) < 255:
            widths.append(np.ptp(columns) + 1)
    assert min(widths) == pytest.approx(16, abs=3)
    assert max(widths) == pytest.approx(64, abs=3)


def drawn(pictures: list[AnnotatedPicture], settings: SampleSettings) -> list[Sample]:
    return [Mixture(pictures).draw(128, settings, np.random.default_rng((1, n))) for n in range(30)]


def test_samples_with_pasted_things_are_the_same_for_the_same_generator(
    pictures: list[AnnotatedPicture],
) -> None:
    settings = replace(PASTING, recolour=True, mirror=True)
    for one, two in zip(drawn(pictures, settings), drawn(pictures, settings), strict=True):
        np.testing.assert_array_equal(one.frame, two.frame)
        np.testing.assert_array_equal(one.targets, two.targets)


def test_samples_have_more_bright_discs_than_their_pictures(
    pictures: list[AnnotatedPicture],
) -> None:
    whole = replace(PASTING, zoom_share=0.0, whole_share=1.0)
    bright = [
        np.mean([(sample.frame.max(2) > 110).mean() for sample in drawn(pictures, settings)])
        for settings in (whole, replace(whole, copy_paste_share=0.0))
    ]
    assert bright[0] > 1.15 * bright[1]
    # Every disc that is asked for is bright, whether it was pasted or lay there.
    for sample in drawn(pictures, whole):
        for target in sample.targets:
            large = cv2.resize(target, (128, 128), interpolation=cv2.INTER_NEAREST)
            assert sample.frame.max(2)[large == 255].min(initial=255) > 90


def test_nothing_is_cut_out_of_sets_of_regions(pictures: list[AnnotatedPicture]) -> None:
    without_any = replace(PASTING, region_sets=("discs",), zoom_share=0.0, whole_share=1.0)
    for sample in drawn(pictures, without_any):
        name = sample.name.rpartition("_")[2]
        encoded = pictures[int(name)].encoded
        plain = np.asarray(Image.open(io.BytesIO(encoded)), np.int16)
        assert np.abs(sample.frame[:96].astype(np.int16) - plain).max() <= 3


def test_picture_to_cut_from_that_cannot_be_read_is_named_and_passed_over(
    pictures: list[AnnotatedPicture],
) -> None:
    broken = [replace(pictures[0], set_name="broken", encoded=b"no picture")]
    with pytest.raises(DataError, match="'discs_000': is not a readable picture; check the shard"):
        cut_out(broken[0], np.random.default_rng(0))
    mixture = Mixture([*pictures, *broken], weights={"broken": 1.0})
    samples = [mixture.draw(64, PASTING, np.random.default_rng(n)) for n in range(40)]
    assert any("broken/0" in sample.bad for sample in samples)
    assert not any(sample.redraws for sample in samples)
