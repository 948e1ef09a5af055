"""Views are cut out of picture and masks alike, turned or not; squares show enough around."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings
from anymask.data.shards import read_shards
from anymask.data.windows import View, by_maker, choose_window, cut, runs_box
from tests.scenes import write_shard


def runs_of(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give a mask's column-major run lengths, starting with zeros."""
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return np.concatenate([[0], lengths]) if flat[0] else lengths


def with_boxes(*boxes: tuple[int, int, int, int], pseudo: str = "") -> AnnotatedPicture:
    """Give a picture of 400 × 300 whose masks are boxes x0, y0, x1, y1."""
    masks = []
    for x0, y0, x1, y1 in boxes:
        mask = np.zeros((300, 400), np.bool_)
        mask[y0:y1, x0:x1] = True
        masks.append(runs_of(mask))
    makers = tuple(maker == "m" for maker in pseudo) or None
    return AnnotatedPicture(
        set_name="s", name="n", encoded=b"", size_hw=(300, 400), runs=tuple(masks), pseudo=makers
    )


def test_unturned_view_is_the_window() -> None:
    plane = np.arange(48, dtype=np.uint8).reshape(6, 8)
    view = View(window=(2, 1, 7, 5), used_hw=(4, 5))
    np.testing.assert_array_equal(cut(plane, view), plane[1:5, 2:7])


def test_quarter_turn_is_numpys() -> None:
    plane = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    whole = View(window=(0, 0, 20, 20), used_hw=(20, 20), degrees=90.0)
    np.testing.assert_array_equal(cut(plane, whole), np.rot90(plane))
    # A window of a larger picture turns around its own centre.
    larger = np.zeros((50, 60), np.uint8)
    larger[11:31, 23:43] = plane
    inner = View(window=(23, 11, 43, 31), used_hw=(20, 20), degrees=90.0)
    np.testing.assert_array_equal(cut(larger, inner), np.rot90(plane))


def test_turned_window_shows_what_lies_beside_it_and_grey_beyond_the_picture() -> None:
    plane = np.full((100, 100, 3), 200, np.uint8)
    inside = View(window=(40, 40, 60, 60), used_hw=(20, 20), degrees=15.0)
    assert (cut(plane, inside, 127) == 200).all()
    whole = cut(plane, View(window=(0, 0, 100, 100), used_hw=(100, 100), degrees=15.0), 127)
    assert whole[0, 0].tolist() == [127, 127, 127]
    assert whole[50, 50].tolist() == [200, 200, 200]


def test_picture_and_mask_turn_alike() -> None:
    mask = np.zeros((90, 120), np.bool_)
    cv2_box = np.zeros((90, 120), np.uint8)
    cv2.rectangle(cv2_box, (30, 20), (80, 40), 255, -1)
    mask[20:41, 30:81] = True
    view = View(window=(10, 5, 110, 85), used_hw=(80, 100), degrees=-12.0)
    turned = cut(mask.astype(np.uint8) * np.uint8(255), view)
    np.testing.assert_array_equal(turned, cut(cv2_box, view))
    assert int((turned > 127).sum()) == pytest.approx(int(mask.sum()), rel=0.02)


@pytest.mark.parametrize(
    ("natural", "widest", "narrowest"), [(False, 5.0, 80.0), (True, 12.0, 192)]
)
def test_squares_show_so_much_around_a_small_thing(
    *, natural: bool, widest: float, narrowest: float
) -> None:
    # At 384 pixels a square five times enlarged is 76.8 pixels wide, twice enlarged 192.
    small = with_boxes((190, 140, 210, 160))
    settings = SampleSettings(zoom_share=1.0, natural_size=natural)
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(300):
        x0, y0, x1, y1 = choose_window(small, 384, settings, rng)
        assert x0 <= 190
        assert x1 >= 210
        sides.append(max(x1 - x0, y1 - y0))
    assert max(sides) == pytest.approx(20 * widest, rel=0.05)
    assert min(sides) == pytest.approx(narrowest, rel=0.05)


def test_squares_lie_around_masks_of_both_makers() -> None:
    picture = with_boxes((0, 0, 20, 20), *[(380, 280, 400, 300)] * 9, pseudo="pmmmmmmmmm")
    assert by_maker(picture) == ([0], list(range(1, 10)))
    rng = np.random.default_rng(0)
    for share in (0.0, 0.25, 1.0):
        settings = SampleSettings(zoom_share=1.0, pseudo_share=share)
        windows = [choose_window(picture, 64, settings, rng) for _ in range(400)]
        assert np.mean([x0 > 200 for x0, *_ in windows]) == pytest.approx(min(share, 0.9), abs=0.07)


def test_box_from_runs_is_opencvs(tmp_path: Path) -> None:
    for picture in read_shards([write_shard(tmp_path / "discs.tar", 4)]):
        for index in range(3):
            expected = cv2.boundingRect(picture.mask(index).astype(np.uint8))
            assert runs_box(picture, index) == expected


def test_box_from_runs_of_a_full_height_mask() -> None:
    picture = AnnotatedPicture(
        set_name="s", name="n", encoded=b"", size_hw=(10, 8), runs=(np.array([20, 30, 30]),)
    )
    assert runs_box(picture, 0) == (2, 0, 3, 10)
