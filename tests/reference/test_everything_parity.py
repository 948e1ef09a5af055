"""All masks of a picture: the published generator and the facade's, record by record.

Both networks have the same weights and do their work; then both answer with the same seeded scene,
so that every filter has something to drop. Masks must be identical but for pixels whose logit is
within rounding of the cutoff.
"""

import copy
import inspect
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask as coco
from torch import nn

from anymask import segment_anything as facade
from anymask.everything.fate import Filter
from anymask.image.frame import frame_for, points_to_frame
from anymask.masks.resize import full_resolution_logits
from anymask.model.configs import SamConfig, VitConfig
from anymask.model.sam import Sam
from tests.everything_scene import Scene, answer_ours, answer_published
from tests.reference.torchvision_standin import import_reference

SIDE = 256
SIZE_HW = (161, 240)
ROUNDING_LOGIT = 1e-4
NOTHING_DROPPED = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}
LENIENT = {"pred_iou_thresh": 0.8, "stability_score_thresh": 0.7}
SLIDES = {
    "points_per_side": 12,
    "pred_iou_thresh": 0.9,
    "stability_score_thresh": 0.9,
    "crop_n_layers": 1,
    "crop_n_points_downscale_factor": 2,
    "min_mask_region_area": 30,
}


@pytest.fixture(scope="module")
def package():
    """The published package."""
    return import_reference()


@pytest.fixture(scope="module")
def published():
    """The published network with two blocks on a frame of 256 pixels."""
    modeling = import_reference("segment_anything.modeling")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sam = modeling.Sam(
            modeling.ImageEncoderViT(
                img_size=SIDE,
                embed_dim=32,
                depth=2,
                num_heads=2,
                global_attn_indexes=(1,),
                window_size=3,
                out_chans=256,
                qkv_bias=True,
                norm_layer=partial(nn.LayerNorm, eps=1e-6),
                use_rel_pos=True,
            ),
            modeling.PromptEncoder(256, (SIDE // 16, SIDE // 16), (SIDE, SIDE), 16),
            modeling.MaskDecoder(
                transformer_dim=256, transformer=modeling.TwoWayTransformer(2, 256, 8, 64)
            ),
        )
    return sam.eval()


@pytest.fixture(scope="module")
def ours(published):
    """The same weights in the facade's model."""
    vit = VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,), window=3)
    config = SamConfig(name="small", vit=vit, input_size=SIDE, decoder_mlp_width=64)
    model = facade.SamModel(Sam(config)).eval()
    model.load_state_dict(published.state_dict(), strict=True)
    return model


def generator_of(model, scene: Scene, options: dict):
    """The generator here, on a model that answers with a scene."""
    here = copy.deepcopy(model)  # the scene's hooks stay on what they were hung on
    answer_ours(here.network, scene)
    return facade.SamAutomaticMaskGenerator(here, **options)


@pytest.fixture(scope="module")
def both(package, published, ours):
    """Give a scene and the records of both generators, the published one first."""

    def generate(options: dict, size_hw: tuple[int, int] = SIZE_HW):
        layers, overlap = (
            options.get("crop_n_layers", 0),
            options.get("crop_overlap_ratio", 512 / 1500),
        )
        crop_boxes = import_reference("segment_anything.utils.amg").generate_crop_boxes
        crops, _ = crop_boxes(size_hw, layers, overlap)
        scene = Scene(size_hw=size_hw, crops=crops, side=SIDE, num_objects=60, slopes=(5, 24))
        there = copy.deepcopy(published)
        answer_published(there, scene, does_work=False)
        expected = package.SamAutomaticMaskGenerator(there, **options).generate(scene.picture())
        return scene, expected, generator_of(ours, scene, options).generate(scene.picture())

    return generate


# --- the same records ---

OPTIONS = {
    "default thresholds": {"points_per_side": 12},
    "the slides": SLIDES,
    "two layers of crops": {
        "points_per_side": 8,
        "crop_n_layers": 2,
        "crop_n_points_downscale_factor": 2,
        "crop_overlap_ratio": 0.5,
        "crop_nms_thresh": 0.4,
        "pred_iou_thresh": 0.8,
        "stability_score_thresh": 0.8,
    },
    "own grids": {
        "points_per_side": None,
        "point_grids": [
            np.random.default_rng(n).uniform(0, 1, (m, 2)) for n, m in ((0, 90), (1, 9))
        ],
        "crop_n_layers": 1,
        "pred_iou_thresh": 0.8,
    },
    "larger regions removed": {"points_per_side": 10, "min_mask_region_area": 120, **LENIENT},
    "another offset, odd batches": {
        "points_per_side": 9,
        "points_per_batch": 7,
        "stability_score_offset": 2.5,
        "stability_score_thresh": 0.8,
        "box_nms_thresh": 0.3,
    },
    "nothing dropped, empty masks too": {"points_per_side": 7, **NOTHING_DROPPED},
}


def assert_same(scene: Scene, found: list[dict], expected: list[dict]) -> None:
    """Compare records; pixels may differ where the logit is next to nothing."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        differs = one["segmentation"] != other["segmentation"]
        near = nearest_logit(scene, other, differs) if differs.any() else np.zeros(0)
        assert (np.abs(near) <= ROUNDING_LOGIT).all()
        for name in set(one) - {"segmentation"}:
            room = differs.sum() if name == "area" else 0
            np.testing.assert_allclose(one[name], other[name], rtol=0, atol=room, err_msg=name)
            assert type(one[name]) is type(other[name]), name


def nearest_logit(scene: Scene, record: dict, where: np.ndarray) -> np.ndarray:
    """Give the logits at some pixels of the answer that a record is nearest to."""
    x0, y0, width, height = map(int, record["crop_box"])
    crop = scene.crops.index((x0, y0, x0 + width, y0 + height))
    frame = frame_for((height, width), SIDE)
    xy = points_to_frame(np.array(record["point_coords"]) - (x0, y0), frame)
    planes = full_resolution_logits(scene.logits(crop, xy)[0], frame)
    inside = (slice(y0, y0 + height), slice(x0, x0 + width))
    wrong = [((plane > 0) != record["segmentation"][inside]).sum() for plane in planes]
    return planes[np.argmin(wrong)][where[inside]]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_records_are_the_published_ones(both, options):
    scene, expected, found = both(options)
    assert len(expected) >= 5, "few masks prove little"
    assert_same(scene, found, expected)


@pytest.mark.parametrize("size_hw", [(240, 150), (64, 64), (23, 40), (300, 9)])
def test_pictures_of_other_shapes(both, size_hw):
    scene, expected, found = both({"points_per_side": 6, **LENIENT}, size_hw)
    assert len(expected) >= 1
    assert_same(scene, found, expected)


def test_every_filter_has_something_to_drop(both, ours):
    """Else the tests above would not see one that is missing."""
    scene, _, _ = both({**SLIDES, "points_per_side": 4})
    found = generator_of(ours, scene, SLIDES)._find(scene.picture())
    dropped = {**found.candidates.left_out, **found.selection.counts()}
    for name in (
        Filter.PRED_IOU,
        Filter.STABILITY,
        Filter.CROP_EDGE,
        Filter.BOX_NMS,
        Filter.CROP_NMS,
    ):
        assert dropped[name] >= 5, name
    assert len(found.selection.codes) >= 3, "masks with small regions"


@pytest.mark.parametrize("mode", ["uncompressed_rle", "coco_rle"])
def test_run_lengths_are_the_published_ones(both, mode):
    _, expected, found = both({"points_per_side": 8, "output_mode": mode, **LENIENT})
    assert len(expected) >= 5
    assert [one["segmentation"] for one in found] == [one["segmentation"] for one in expected]
    for one in found:
        code = one["segmentation"]
        coded = code if mode == "coco_rle" else coco.frPyObjects(code, *code["size"])
        assert coco.area(coded) == one["area"]


def test_a_model_of_pictures_in_bgr_is_given_bgr(package, published, ours):
    """The encoder sees the same picture on both sides, and each crop of it."""
    seen = []
    for module, network in ((package, published), (facade, ours)):
        model = copy.deepcopy(network)
        inputs: list[torch.Tensor] = []
        model.image_format = "BGR"
        model.image_encoder.register_forward_pre_hook(
            lambda _, given, inputs=inputs: inputs.append(given[0])
        )
        options = {"points_per_side": 1, "crop_n_layers": 1, "points_per_batch": 1}
        generator = module.SamAutomaticMaskGenerator(model, **options, **NOTHING_DROPPED)
        generator.generate(Scene(size_hw=SIZE_HW).picture())
        seen.append(torch.cat(inputs))
    assert seen[1].shape == (5, 3, SIDE, SIDE)
    torch.testing.assert_close(seen[1], seen[0], rtol=0, atol=1e-5)
    assert (seen[1][0, 0] - seen[1][0, 2]).abs().max() > 1


def test_the_networks_own_masks(package, published, ours):
    """Without the scene: what the decoder itself says of each point."""
    options: dict[str, Any] = {"points_per_side": 4, **NOTHING_DROPPED}
    picture = Scene(size_hw=SIZE_HW).picture()
    expected = package.SamAutomaticMaskGenerator(published, **options).generate(picture)
    found = facade.SamAutomaticMaskGenerator(ours, **options).generate(picture)
    assert len(found) == len(expected) == 48
    shares = [one["segmentation"].mean() for one in expected]
    assert max(shares) - min(shares) > 0.1
    for one, other in zip(found, expected, strict=True):
        assert one["point_coords"] == other["point_coords"]
        assert (one["segmentation"] != other["segmentation"]).mean() <= 1e-4
        for name in ("predicted_iou", "stability_score"):
            assert one[name] == pytest.approx(other[name], abs=1e-4), name


# --- the same objects ---


def test_the_constructor_is_the_published_one(package, published, ours):
    there, here = (
        module.SamAutomaticMaskGenerator(model, crop_n_layers=2, crop_n_points_downscale_factor=3)
        for module, model in ((package, published), (facade, ours))
    )
    signatures = [inspect.signature(type(one).__init__).parameters for one in (there, here)]
    expected, found = ([(p.name, p.default) for p in s.values()] for s in signatures)
    assert found == expected
    assert set(vars(there)) == set(vars(here))
    for name in set(vars(there)) - {"predictor", "point_grids"}:
        assert getattr(here, name) == getattr(there, name), name
    for one, other in zip(here.point_grids, there.point_grids, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "options",
    [
        {"points_per_side": None},
        {"point_grids": [np.zeros((1, 2))]},
        {"output_mode": "polygons"},
    ],
)
def test_the_same_kinds_of_errors(package, published, ours, options):
    for module, model in ((package, published), (facade, ours)):
        with pytest.raises(AssertionError):
            module.SamAutomaticMaskGenerator(model, **options)


def test_small_regions_alone(package):
    """Programs call it on tables of their own."""
    amg = import_reference("segment_anything.utils.amg")
    rng = np.random.default_rng(0)
    masks = torch.from_numpy(rng.uniform(size=(12, 40, 60)) > 0.55)
    masks[6:] = masks[:6]
    masks[3] = False
    tables = []
    for module in (package, facade):
        table = amg.MaskData(
            rles=amg.mask_to_rle_pytorch(masks),
            boxes=amg.batched_mask_to_box(masks),
            number=np.arange(len(masks)),
        )
        clean = module.SamAutomaticMaskGenerator.postprocess_small_regions
        assert clean(table, 9, 0.7) is table
        tables.append(dict(table.items()))
    there, here = tables
    assert 0 < len(there["rles"]) < len(masks)
    assert here["rles"] == there["rles"]
    for name in ("boxes", "number"):
        np.testing.assert_array_equal(here[name], there[name])
    empty = amg.MaskData(rles=[], boxes=torch.zeros(0, 4))
    assert facade.SamAutomaticMaskGenerator.postprocess_small_regions(empty, 9, 0.7) is empty
