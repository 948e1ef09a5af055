"""The facade against the published package, call by call, on a network of a few milliseconds."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from anymask import segment_anything as facade
from anymask.model.configs import SamConfig, VitConfig
from anymask.model.sam import Sam
from tests.reference.torchvision_standin import import_reference
from tests.unit.predict.networks import picture

SIDE = 64
HEIGHT, WIDTH = 41, 57


@pytest.fixture(scope="module")
def package():
    """The published package."""
    return import_reference()


@pytest.fixture(scope="module")
def published(package):
    """The published network with two blocks on a frame of 64 pixels."""
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
        for name, tensor in sam.state_dict().items():
            if name.endswith(("pos_embed", "rel_pos_h", "rel_pos_w")):
                tensor.normal_(std=0.02)
            if name.endswith("mlps.2.layers.2.weight"):
                tensor.mul_(30)
    return sam.eval()


@pytest.fixture(scope="module")
def ours(published):
    """The same weights in the facade's model, loaded under the published names."""
    vit = VitConfig(width=32, depth=2, num_heads=2, global_blocks=(1,), window=3)
    config = SamConfig(name="small", vit=vit, input_size=SIDE, decoder_mlp_width=64)
    model = facade.SamModel(Sam(config)).eval()
    model.load_state_dict(published.state_dict(), strict=True)
    return model


@pytest.fixture(scope="module")
def predictors(package, published, ours):
    """Both predictors with the same picture."""
    there, here = package.SamPredictor(published), facade.SamPredictor(ours)
    for predictor in (there, here):
        predictor.set_image(picture(HEIGHT, WIDTH))
    return there, here


def assert_same(found, expected, atol=2e-5) -> None:
    assert len(found) == len(expected) == 3
    for one, other in zip(found, expected, strict=True):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        one, other = np.asarray(one), np.asarray(other)
        if one.dtype == np.bool_:
            assert (one != other).mean() <= 1e-4
        else:
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=atol)


def earlier() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 4, (1, 16, 16)).astype(np.float32)


CALLS = {
    "point": {"point_coords": np.array([[20, 10]]), "point_labels": np.array([1])},
    "points": {
        "point_coords": np.array([[20.5, 10], [3, 4]]),
        "point_labels": np.array([1, 0]),
        "multimask_output": False,
    },
    "points of uint16": {
        "point_coords": np.array([[20, 10]], np.uint16),
        "point_labels": np.array([1], np.uint8),
    },
    "padding points": {
        "point_coords": np.array([[20, 10], [0, 0]]),
        "point_labels": np.array([1, -1]),
    },
    "points outside": {
        "point_coords": np.array([[900, -40], [20, 10]]),
        "point_labels": np.array([1, 1]),
    },
    "only removed": {"point_coords": np.array([[20, 10]]), "point_labels": np.array([0])},
    "box": {"box": np.array([5, 6, 40, 30]), "multimask_output": False},
    "box with an axis": {"box": np.array([[5, 6, 40, 30]]), "multimask_output": False},
    "box turned round": {"box": np.array([40, 30, 5, 6])},
    "box outside": {"box": np.array([-20.5, -6, 400, 300])},
    "box without area": {"box": np.array([5, 6, 5, 6])},
    "box and point": {
        "point_coords": np.array([[20, 10]]),
        "point_labels": np.array([0]),
        "box": np.array([5, 6, 40, 30]),
        "multimask_output": False,
    },
    "mask": {"mask_input": earlier()},
    "mask of float64": {"mask_input": earlier().astype(np.float64)},
    "mask and point": {
        "point_coords": np.array([[20, 10]]),
        "point_labels": np.array([1]),
        "mask_input": earlier(),
        "multimask_output": False,
    },
    "nothing": {},
}


@pytest.mark.parametrize("return_logits", [False, True])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_predict(predictors, call, return_logits):
    there, here = (p.predict(**call, return_logits=return_logits) for p in predictors)
    assert_same(here, there)


def test_predict_takes_its_arguments_in_the_published_order(predictors):
    given = (np.array([[20, 10]]), np.array([1]), np.array([5, 6, 40, 30]), earlier(), False, True)
    there, here = (p.predict(*given) for p in predictors)
    assert_same(here, there)


def boxes(predictor) -> torch.Tensor:
    rows = torch.tensor([[5, 6, 40, 30], [1, 1, 9, 9], [0, 0, 57, 41]], device=predictor.device)
    return predictor.transform.apply_boxes_torch(rows, (HEIGHT, WIDTH))


def points(predictor) -> torch.Tensor:
    rows = torch.tensor([[[5, 6], [40, 30]], [[1, 1], [9, 9]], [[0, 0], [57, 41]]])
    return predictor.transform.apply_coords_torch(rows, (HEIGHT, WIDTH))


LABELS = torch.tensor([[1, 0], [1, 1], [1, -1]])


@pytest.mark.parametrize("return_logits", [False, True])
@pytest.mark.parametrize("multimask_output", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        lambda p: (None, None, boxes(p)),
        lambda p: (points(p), LABELS),
        lambda p: (points(p), LABELS.float(), None, None),
        lambda p: (points(p), LABELS, boxes(p)),
        lambda p: (points(p), LABELS, None, torch.from_numpy(np.stack([earlier()] * 3))),
        lambda p: (points(p), LABELS, None, torch.from_numpy(earlier())[None]),
        lambda p: (None, None, None, torch.from_numpy(np.stack([earlier(), -earlier()]))),
        lambda p: (None, None),
    ],
    ids=["boxes", "points", "float labels", "both", "masks", "one mask", "masks alone", "nothing"],
)
def test_predict_torch(predictors, given, multimask_output, return_logits):
    there, here = (
        p.predict_torch(*given(p), multimask_output=multimask_output, return_logits=return_logits)
        for p in predictors
    )
    assert_same(here, there)


def test_what_a_predictor_remembers(predictors):
    there, here = predictors
    for name in ("original_size", "input_size", "is_image_set", "device"):
        assert getattr(here, name) == getattr(there, name), name
    torch.testing.assert_close(here.features, there.features, rtol=0, atol=1e-5)
    assert here.get_image_embedding() is here.features
    assert not here.features.requires_grad
    assert not here.features.is_inference()


@pytest.mark.parametrize("size", [(40, 56), (64, 64), (90, 31), (200, 301), (2, 3)])
@pytest.mark.parametrize("image_format", ["RGB", "BGR"])
def test_set_image(package, published, ours, size, image_format):
    there, here = package.SamPredictor(published), facade.SamPredictor(ours)
    for predictor in (there, here):
        predictor.set_image(picture(*size), image_format=image_format)
    torch.testing.assert_close(here.features, there.features, rtol=0, atol=1e-5)
    assert here.input_size == there.input_size
    assert here.original_size == there.original_size == size


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_set_torch_image(package, published, ours, dtype):
    image = torch.from_numpy(picture(46, 64)).permute(2, 0, 1)[None].to(dtype)
    there, here = package.SamPredictor(published), facade.SamPredictor(ours)
    for predictor in (there, here):
        predictor.set_torch_image(image, (400, 560))
    torch.testing.assert_close(here.features, there.features, rtol=0, atol=1e-5)
    point, label = np.array([[200, 100]]), np.array([1])
    assert_same(here.predict(point, label), there.predict(point, label))


def test_features_kept_by_the_program_are_used(predictors, package, published, ours):
    """Programs store embeddings and put them back by hand."""
    answers = []
    fresh = package.SamPredictor(published), facade.SamPredictor(ours)
    for kept, predictor in zip(predictors, fresh, strict=True):
        predictor.features = kept.get_image_embedding().clone()
        predictor.original_size, predictor.input_size = kept.original_size, kept.input_size
        predictor.is_image_set = True
        answers.append(predictor.predict(np.array([[20, 10]]), np.array([1])))
    assert_same(answers[1], answers[0])


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1200, 1800), (333, 500), (500, 333)])
@pytest.mark.parametrize("target", [64, 1024])
def test_the_transform(package, size, target):
    transforms = import_reference("segment_anything.utils.transforms")
    there, here = transforms.ResizeLongestSide(target), facade.ResizeLongestSide(target)
    assert here.target_length == there.target_length
    shapes = [t.get_preprocess_shape(size[0], size[1], target) for t in (here, there)]
    assert shapes[0] == shapes[1]
    coords = np.random.default_rng(0).uniform(-50, 600, (3, 2, 2))
    for rows in (coords, coords.astype(np.int64), coords[0], coords[0, 0]):
        expected, found = there.apply_coords(rows, size), here.apply_coords(rows, size)
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        assert found.dtype == expected.dtype
    rows = coords.reshape(3, 4)
    np.testing.assert_allclose(here.apply_boxes(rows, size), there.apply_boxes(rows, size), 1e-15)
    np.testing.assert_array_equal(coords, np.random.default_rng(0).uniform(-50, 600, (3, 2, 2)))
    for name, given in (("apply_coords_torch", coords), ("apply_boxes_torch", rows)):
        for tensor in (torch.from_numpy(given), torch.from_numpy(given).int()):
            before = tensor.clone()
            expected, found = (getattr(t, name)(tensor, size) for t in (there, here))
            assert torch.equal(found, expected)
            assert found.dtype == expected.dtype
            assert torch.equal(tensor, before)
    image = picture(*size)
    np.testing.assert_array_equal(here.apply_image(image), there.apply_image(image))


def test_the_whole_model_call(published, ours):
    """Two pictures of different shape in one batch, each with other prompts."""
    transform = facade.ResizeLongestSide(SIDE)
    records = []
    for size, prompts in (
        ((HEIGHT, WIDTH), {"boxes": boxes}),
        ((60, 30), {"point_coords": points, "point_labels": lambda _: LABELS}),
        ((64, 64), {}),
    ):
        resized = transform.apply_image(picture(*size)).transpose(2, 0, 1).copy()
        holder = facade.SamPredictor(ours)
        given = {name: make(holder) for name, make in prompts.items()}
        records.append({"image": torch.from_numpy(resized), "original_size": size, **given})
    for multimask_output in (True, False):
        expected = published(records, multimask_output=multimask_output)
        found = ours(records, multimask_output=multimask_output)
        for one, other in zip(found, expected, strict=True):
            assert set(one) == set(other)
            names = ("masks", "iou_predictions", "low_res_logits")
            assert_same([one[name] for name in names], [other[name] for name in names])


@pytest.mark.parametrize(
    ("do", "error"),
    [
        (lambda p: p.predict(np.array([[1, 1]])), AssertionError),
        (lambda p: p.set_image(picture(), "GBR"), AssertionError),
        (lambda p: p.set_image(np.zeros((8, 8, 4), np.uint8)), AssertionError),
        (lambda p: p.set_torch_image(torch.zeros(1, 3, 63, 40), (63, 40)), AssertionError),
        (lambda p: p.set_torch_image(torch.zeros(3, 64, 40), (64, 40)), AssertionError),
        (lambda p: p.set_torch_image(torch.zeros(1, 1, 64, 40), (64, 40)), AssertionError),
        (lambda p: (p.reset_image(), p.predict())[1], RuntimeError),
        (lambda p: (p.reset_image(), p.predict_torch(None, None))[1], RuntimeError),
        (lambda p: (p.reset_image(), p.get_image_embedding())[1], RuntimeError),
    ],
)
def test_the_same_kinds_of_errors(package, published, ours, do, error):
    for predictor in (package.SamPredictor(published), facade.SamPredictor(ours)):
        predictor.set_image(picture())
        with pytest.raises(error):
            do(predictor)


def test_the_registries_have_the_same_names_and_more(package):
    assert set(package.sam_model_registry) < set(facade.sam_model_registry)
    public = {name for name in vars(package) if not name.startswith("_")}
    assert public - set(vars(facade)) == {"modeling", "utils"}
