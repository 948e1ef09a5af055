"""True masks are shown where they can be seen, and people's keep their share beside a model's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from anymask.data.picture import AnnotatedPicture
from anymask.data.samples import SampleSettings
from anymask.data.targets import target_of, visible_targets
from anymask.data.windows import View

WHOLE = View(window=(0, 0, 64, 64), used_hw=(64, 64))


def square(side: int, x: int = 8, y: int = 8) -> NDArray[np.bool_]:
    mask = np.zeros((64, 64), np.bool_)
    mask[y : y + side, x : x + side] = True
    return mask


def with_columns(pseudo: str) -> AnnotatedPicture:
    """Give a picture whose mask i is the four columns from 4 i on, by people or by a model."""
    runs = tuple(np.array([64 * 4 * i, 64 * 4, 64 * (60 - 4 * i)]) for i in range(len(pseudo)))
    makers = tuple(maker == "m" for maker in pseudo)
    return AnnotatedPicture(
        set_name="s", name="n", encoded=b"", size_hw=(64, 64), runs=runs, pseudo=makers
    )


def drawn(picture: AnnotatedPicture, settings: SampleSettings, seed: int) -> list[int]:
    """Give which masks of a picture a sample shows."""
    targets = visible_targets(picture, WHOLE, 64, settings, np.random.default_rng(seed))
    return [int(target.any(0).argmax()) for target in targets]


def test_target_is_the_share_of_each_cell() -> None:
    target = target_of(square(10, x=8, y=10), WHOLE, 64, SampleSettings())
    assert target is not None
    assert target[2:6, 1:6].tolist() == [
        [0, 128, 128, 64, 0],
        [0, 255, 255, 128, 0],
        [0, 255, 255, 128, 0],
        [0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("side", "smallest", "is_shown"), [(8, 6, False), (8, 4, True), (12, 6, True)]
)
def test_smallest_masks_fill_so_many_cells(*, side: int, smallest: int, is_shown: bool) -> None:
    settings = SampleSettings(smallest_cells=smallest)
    assert (target_of(square(side), WHOLE, 64, settings) is not None) == is_shown


def test_turned_target_lies_where_the_turned_mask_does() -> None:
    view = View(window=(0, 0, 64, 64), used_hw=(64, 64), degrees=90.0)
    target = target_of(square(12, x=48, y=8), view, 64, SampleSettings())
    expected = target_of(np.rot90(square(12, x=48, y=8)), WHOLE, 64, SampleSettings())
    np.testing.assert_array_equal(target, expected)


def test_masks_turned_out_of_the_window_are_left_out() -> None:
    corner = View(window=(0, 0, 64, 64), used_hw=(64, 64), degrees=45.0)
    assert target_of(square(10, x=0, y=0), corner, 64, SampleSettings()) is None
    assert target_of(square(16, x=24, y=24), corner, 64, SampleSettings()) is not None


def test_masks_by_a_model_are_drawn_as_often_as_asked() -> None:
    picture = with_columns("p" + "m" * 12)
    for share in (0.0, 0.3, 1.0):
        settings = SampleSettings(prompts=4, pseudo_share=share)
        shown = [drawn(picture, settings, seed) for seed in range(200)]
        assert {len(one) for one in shown} == {4}
        by_model = np.mean([index > 0 for one in shown for index in one])
        # The only mask by people is shown again rather than replaced.
        assert by_model == pytest.approx(min(share, 12 / 13), abs=0.05)


def test_few_masks_by_a_model_are_asked_for_no_more_than_the_others() -> None:
    settings = SampleSettings(prompts=4, pseudo_share=0.5)
    shown = [drawn(with_columns("p" * 11 + "m"), settings, seed) for seed in range(300)]
    assert np.mean([index == 11 for one in shown for index in one]) == pytest.approx(
        1 / 12, abs=0.03
    )


@pytest.mark.parametrize("makers", ["mmmm", "pppp"])
def test_pictures_of_one_maker_show_all_masks_whatever_the_share(makers: str) -> None:
    for share in (0.0, 1.0):
        settings = SampleSettings(prompts=4, pseudo_share=share)
        assert sorted(drawn(with_columns(makers), settings, 0)) == [0, 1, 2, 3]


def test_masks_by_people_that_cannot_be_seen_leave_their_place() -> None:
    left = View(window=(4, 0, 64, 64), used_hw=(64, 60))
    settings = SampleSettings(prompts=3, pseudo_share=0.5)
    rng = np.random.default_rng(0)
    shown = visible_targets(with_columns("pmmmm"), left, 64, settings, rng)
    assert sorted(int(target.any(0).argmax()) for target in shown) == [0, 2, 3]
