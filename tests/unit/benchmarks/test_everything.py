"""What becomes of everything mode's figures, and that both sides answer with the same scene."""

from typing import Any

import everything
import gpu
import gpu_everything
import numpy as np
import pytest
import torch

from anymask.segment_anything import SamAutomaticMaskGenerator, SamModel
from tests.everything_scene import Scene
from tests.unit.predict.networks import small_vit

SIZE_HW = (60, 90)


def record(*boxes: tuple[int, int, int, int]) -> dict:
    mask = np.zeros((20, 20), np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return {"segmentation": mask}


ONE, OTHER, THIRD = record((0, 0, 10, 10)), record((10, 10, 20, 20)), record((0, 0, 10, 9))


def test_masks_are_counted_that_are_the_same_at_their_place():
    assert everything.identical([ONE, OTHER], [ONE, OTHER]) == 2
    assert everything.identical([OTHER, ONE], [ONE, OTHER]) == 0
    assert everything.identical([ONE, THIRD], [ONE, OTHER, ONE]) == 1
    assert everything.most_pixels_differ([ONE, THIRD], [ONE, ONE, OTHER]) == 10
    assert everything.most_pixels_differ([], [ONE]) == 0


def test_recall_is_by_overlap_and_not_by_place():
    assert everything.recall([OTHER, ONE], [ONE, OTHER]) == 1
    assert everything.recall([THIRD], [ONE, OTHER]) == 0.5  # IoU 0.9 with the first
    assert everything.recall([], [ONE]) == 0
    assert everything.recall([ONE], []) is None


def test_rows_tell_each_mode_and_whether_masks_are_the_same():
    one = {"seconds": 2.0, "ratio": 5.0, "spread": (4.0, 6.04), "masks": 3, "identical": 3}
    other = {"seconds": 0.25, "ratio": 40.0, "spread": (40, 40), "masks": 2, "identical": 1}
    found: dict[str, Any] = {
        "title": "all",
        "rounds": 5,
        "published_s": 10.0,
        "published_masks": 3,
        "modes": {"exact": {**one, "recall": 1.0}, "adaptive": {**other, "recall": 0.667}},
    }
    assert everything.rows(found) == [
        ["all", "10.0 s", "2.0 s", "5.0× (4.0–6.0)", "3", "all, pixel by pixel"],
        ["all, adaptive", "10.0 s", "250 ms", "40.0× (40.0–40.0)", "2", "67 %"],
    ]
    assert len(everything.rows(found)[0]) == len(everything.COLUMNS)
    found["modes"]["exact"]["identical"] = 2
    assert everything.rows(found)[0][-1] == "2 of 3, pixel by pixel"
    row = everything.memory_row({"published": 4000.0, "exact": 250.0})
    assert row[1:] == ["4000 MB", "250 MB", "16.0×"]
    assert len(row) == len(everything.MEMORY_COLUMNS)


def test_the_clock_leaves_out_what_it_is_told_to(monkeypatch):
    now = 0.0

    class Worker:
        def work(self, seconds: float) -> str:
            nonlocal now
            now += seconds
            return "done"

    monkeypatch.setattr("time.process_time", lambda: now)
    clock, counted, left_out = everything.Clock(), Worker(), Worker()
    clock.leave_out(left_out, "work")
    assert (counted.work(3), left_out.work(5)) == ("done", "done")
    assert (now, clock()) == (8, 3)


def test_every_case_has_its_own_name():
    for names in zip(*((one.key, one.title) for one in everything.CASES), strict=True):
        assert len(set(names)) == len(names)


def test_a_scene_answers_the_same_click_alike_and_differs_elsewhere():
    scene = Scene(size_hw=SIZE_HW, side=64, num_objects=20)
    again = Scene(size_hw=SIZE_HW, side=64, num_objects=20)
    clicks = np.array([[30.0, 20.0], [31.0, 20.0]])
    logits, scores = scene.answer(0, clicks)
    assert logits.shape == (2, 3, 16, 16)
    for one, other in zip(again.answer(0, clicks), (logits, scores), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(scene.answer(0, clicks[1:])[0], logits[1:])
    assert not np.array_equal(scores[0], scores[1])


def test_a_scene_knows_its_crops_by_their_colours():
    crops = [(0, 0, 90, 60), (0, 0, 55, 40), (35, 20, 90, 60)]
    scene = Scene(size_hw=SIZE_HW, crops=crops, side=64, num_objects=5)
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    for number, (x0, y0, x1, y1) in enumerate(crops):
        part = torch.from_numpy(scene.picture()[y0:y1, x0:x1]).permute(2, 0, 1)[None].float()
        scale = 64 / max(x1 - x0, y1 - y0)
        size = (int((y1 - y0) * scale + 0.5), int((x1 - x0) * scale + 0.5))
        resized = torch.nn.functional.interpolate(part, size, mode="bilinear")[0]
        pixels = torch.zeros(3, 64, 64)
        normal = (resized - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        pixels[:, : size[0], : size[1]] = normal
        assert scene.crop_of(pixels) == number


def test_what_a_gpu_is_asked_runs_on_a_cpu_too(monkeypatch):
    monkeypatch.setattr(gpu_everything, "POINTS_AT_ONCE", (4, 2))
    network, cpu = gpu.random_network(small_vit()), torch.device("cpu")
    ((name, at_once, _, speed, memory),) = gpu_everything.everything_rows(
        network, cpu, 1, gpu.measured, points_per_side=2
    )
    assert (name, at_once, memory) == ("small", "4", "–")
    assert float(speed) > 0


def test_points_at_once_are_halved_until_they_fit():
    asked = []

    def call(at_once: int) -> None:
        asked.append(at_once)
        if at_once > 100:
            raise torch.cuda.OutOfMemoryError("out of memory")

    assert gpu_everything.most_points(call) == 64
    assert asked == [512, 256, 128, 64]


@pytest.mark.parametrize("mode", ["fast", "adaptive"])
def test_a_generator_can_be_put_into_our_modes(mode):
    case = everything.Case(key="x", title="x", points=None, depth=1)
    assert case.modes == ("exact",)
    generator = SamAutomaticMaskGenerator(
        SamModel(gpu.random_network(small_vit())), pred_iou_thresh=0.5
    )
    everything.put_into(generator, mode, is_regular=True)
    settings = generator._settings()
    assert (settings.mode, settings.points_per_side) == (mode, 32)
    assert (settings.pred_iou_thresh, settings.point_grids) == (0.5, None)
