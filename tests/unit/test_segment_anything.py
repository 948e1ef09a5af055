"""The facade by itself: building models, sentences, and the same answers as `predict`."""

import copy

import numpy as np
import pytest
import torch

from anymask import segment_anything as facade
from anymask.errors import ImageError, InputError, KeysMismatch, PromptError, StateError
from anymask.model.configs import vit_b
from anymask.model.sam import Sam
from anymask.predict import decode, tensor_prompts
from anymask.segment_anything import models
from anymask.vocabulary import Prompt
from anymask.weights.save import save_model
from tests.unit.predict import networks


@pytest.fixture(scope="module", params=["small_vit", "small_lite"])
def config(request):
    """A small network of each architecture."""
    return getattr(networks, request.param)()


@pytest.fixture(scope="module")
def model(config):
    """The facade's model."""
    return facade.SamModel(networks.seeded_sam(config))


@pytest.fixture
def predictor(model):
    """A predictor with a picture of 56 × 40 pixels."""
    predictor = facade.SamPredictor(model)
    predictor.set_image(networks.picture())
    return predictor


# --- the same path as predict ---


def test_answers_are_those_of_predict_without_further_care(config, predictor):
    model = networks.model(config)
    embedding = model.embed(networks.picture())
    np.testing.assert_array_equal(predictor.features, embedding.features.embedding)
    points, labels, box = [(20, 10), (40, 30)], [1, 0], (5, 6, 50, 35)
    (masks,) = decode.predict(
        model.loaded,
        embedding,
        [Prompt(points=tuple(points), labels=tuple(labels), box=box)],
        multimask=True,
    )
    found, scores, low_res = predictor.predict(np.array(points), np.array(labels), np.array(box))
    assert low_res.tobytes() == masks.low_res_logits.tobytes()
    assert scores.tobytes() == masks.scores.tobytes()
    np.testing.assert_array_equal(found, masks.arrays)


def test_three_masks_or_one(predictor):
    point, label = np.array([[20, 10]]), np.array([1])
    three = predictor.predict(point, label)
    one = predictor.predict(point, label, multimask_output=False)
    for part, single, shape in zip(three, one, [(40, 56), (), (16, 16)], strict=True):
        assert part.shape == (3, *shape)
        assert single.shape == (1, *shape)
    assert [part.dtype for part in three] == [np.bool_, np.float32, np.float32]
    logits, _, _ = predictor.predict(point, label, return_logits=True)
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits > 0, three[0])


def test_the_threshold_is_the_models(model):
    predictor = facade.SamPredictor(copy.copy(model))
    predictor.set_image(networks.picture())
    predictor.model.mask_threshold = 2.5
    point, label = np.array([[20, 10]]), np.array([1])
    logits, _, _ = predictor.predict(point, label, return_logits=True)
    np.testing.assert_array_equal(predictor.predict(point, label)[0], logits > 2.5)
    assert facade.SamModel.mask_threshold == 0


def test_no_boxes_have_no_masks(predictor):
    masks, scores, low_res = predictor.predict_torch(None, None, torch.zeros(0, 4))
    assert masks.shape == (0, 3, 40, 56)
    assert masks.dtype == torch.bool
    assert scores.shape == (0, 3)
    assert low_res.shape == (0, 3, 16, 16)


def test_odd_pictures_work(model):
    for size in [(1, 1), (2, 3), (1, 5000)]:
        predictor = facade.SamPredictor(model)
        predictor.set_image(networks.picture(*size))
        masks, _, _ = predictor.predict(np.array([[0, 0]]), np.array([1]))
        assert masks.shape == (3, *size)


def test_one_predictor_takes_one_picture_after_another(model, predictor):
    predictor.set_image(networks.picture(90, 31, seed=1))
    assert predictor.original_size == (90, 31)
    fresh = facade.SamPredictor(model)
    fresh.set_image(networks.picture(90, 31, seed=1))
    box = np.array([2, 3, 20, 60])
    for one, other in zip(predictor.predict(box=box), fresh.predict(box=box), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_picture_that_fails_does_not_leave_the_one_before(predictor, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(predictor.model.network, "encode", fail)
    with pytest.raises(MemoryError):
        predictor.set_image(networks.picture(90, 31))
    with pytest.raises(StateError, match="no picture is set"):
        predictor.predict(np.array([[20, 10]]), np.array([1]))


def test_neither_modes_nor_arguments_are_changed(predictor):
    point, label, box = np.array([[20, 10]]), np.array([1]), np.array([5, 6, 50, 35])
    with torch.enable_grad():
        masks = predictor.predict(point, label, box)[0]
        torch_masks = predictor.predict_torch(
            torch.tensor([[[20, 10]]]), torch.tensor([[1]]), torch.tensor([[5, 6, 50, 35]])
        )
        assert torch.is_grad_enabled()
    assert not any(part.requires_grad for part in torch_masks)
    assert (point.tolist(), label.tolist(), box.tolist()) == ([[20, 10]], [1], [5, 6, 50, 35])
    masks[:] = True  # its own memory


# --- models ---


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_random_models_have_the_published_shapes(name, monkeypatch):
    monkeypatch.setattr(models, "Sam", lambda config: _on_meta(config))
    model = facade.sam_model_registry[name](checkpoint=None)
    assert model.network.config.name == name
    assert model.network.config.input_size == 1024
    assert model.image_encoder.img_size == 1024
    assert len(model.state_dict()) == {"vit_b": 314, "vit_l": 482, "vit_h": 594}[name]
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def _on_meta(config) -> Sam:
    with torch.device("meta"):
        return Sam(config)


def test_the_default_is_vit_h():
    registry = facade.sam_model_registry
    assert registry["default"] is registry["vit_h"] is facade.build_sam is facade.build_sam_vit_h
    assert registry["vit_l"] is facade.build_sam_vit_l
    assert registry["vit_b"] is facade.build_sam_vit_b
    assert registry["tiny"] is facade.build_sam_tiny
    with pytest.raises(TypeError):
        registry["vit_b"] = None  # type: ignore[index]


def test_a_checkpoint_is_read_and_may_be_trained_on(tmp_path):
    sam = networks.seeded_sam(networks.small_lite())
    path = tmp_path / "small.safetensors"
    save_model(sam, path, recipe={}, card="", half=False)
    model = facade.sam_model_registry["tiny"](checkpoint=str(path))
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, sam.state_dict()[name]), name


def test_another_architecture_is_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    save_model(networks.seeded_sam(networks.small_lite()), path, recipe={}, card="")
    with pytest.raises(
        KeysMismatch, match=r"small.safetensors: is a .*tiny.*, not a ViT-B; ask for"
    ):
        facade.sam_model_registry["vit_b"](checkpoint=path)


def test_weights_go_in_and_out_under_the_published_names(config, model):
    other = facade.SamModel(networks.seeded_sam(config, seed=1))
    other.load_state_dict(model.state_dict())
    assert set(model.state_dict()) == set(model.network.state_dict())
    for name, tensor in other.network.state_dict().items():
        assert torch.equal(tensor, model.network.state_dict()[name]), name


def test_moving_a_model_moves_its_network(config):
    model = facade.SamModel(networks.seeded_sam(config))
    assert model.device == torch.device("cpu")
    assert model.to(device="meta") is model
    assert model.device.type == "meta"
    assert {p.device.type for p in model.network.parameters()} == {"meta"}
    assert model.eval() is model


def test_a_copied_model_is_its_own(model):
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.mask_decoder.parameters():
            parameter.zero_()
    theirs = {id(p) for p in other.network.parameters()}
    assert theirs == {id(p) for p in other.parameters()}
    assert any(p.abs().max() > 0 for p in model.network.mask_decoder.parameters())


def test_full_size_models_are_those_of_the_paper():
    assert facade.SamModel(_on_meta(vit_b())).image_encoder.img_size == 1024


# --- sentences ---


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.predict(np.array([[1, 1]]), np.array([1])),
        lambda p: p.predict_torch(None, None),
        lambda p: p.get_image_embedding(),
    ],
)
def test_a_picture_must_be_set_first(model, ask):
    predictor = facade.SamPredictor(model)
    for _ in range(2):
        with pytest.raises(StateError, match=r"^no picture is set; call set_image first.$"):
            ask(predictor)
        assert (predictor.features, predictor.is_image_set) == (None, False)
        predictor.set_image(networks.picture())
        ask(predictor)
        predictor.reset_image()


def ones(*shape) -> torch.Tensor:
    return torch.ones(shape)


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda p: p.predict(np.array([[1, 1]])), AssertionError,
         "^point_coords came without point_labels; give one label a point.$"),
        (lambda p: p.predict_torch(ones(1, 1, 2), None), AssertionError,
         "^point_coords came without point_labels; give one label a point.$"),
        (lambda p: p.set_image(networks.picture(), "GBR"), AssertionError,
         "^image_format is 'GBR'; use 'RGB' or 'BGR'.$"),
        (lambda p: p.set_torch_image(ones(1, 3, 63, 9), (63, 9)), AssertionError,
         r"^transformed_image must have shape \(1, 3, h, w\) with the longer side 64, got "
         r"\(1, 3, 63, 9\); resize it with transform.apply_image.$"),
        (lambda p: p.set_image(networks.picture() / 255), ImageError,
         r"^image must be uint8 \(H, W, 3\), got float64 \(40, 56, 3\); scale values to 0 to 255"),
        (lambda p: p.predict(box=np.ones((2, 4))), PromptError,
         "^box must be one box of 4 numbers, got 2 boxes; use predict_torch for several.$"),
        (lambda p: p.predict(np.array([[1, 1]]), np.array([7])), PromptError,
         r"^point_labels hold 7; labels are 1 \(object\), 0 \(background\) or -1 \(no point\).$"),
        (lambda p: p.predict(np.array([[1, 1]]), np.array([1, 1])), PromptError,
         r"^point_coords \(1, 1, 2\) and point_labels \(1, 2\) do not fit; pass \(P, N, 2\) and"),
        (lambda p: p.predict_torch(ones(2, 1, 2), ones(2, 1), ones(3, 4)), PromptError,
         "^2 prompts of points but 3 boxes; give as many boxes as rows of points.$"),
        (lambda p: p.predict(mask_input=np.ones((40, 56), bool)), PromptError,
         r"^mask_input must be logits of shape \(1, 1, 16, 16\), got \(1, 40, 56\); pass the low-"),
        (lambda p: p.predict_torch(ones(3, 1, 2), ones(3, 1), None, ones(2, 1, 16, 16)),
         PromptError, r"^mask_input must be logits of shape \(3, 1, 16, 16\), got \(2, 1, 16,"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence_and_the_next_works(predictor, ask, error, sentence):
    with pytest.raises(error, match=sentence):
        ask(predictor)
    assert predictor.predict(np.array([[1, 1]]), np.array([1]))[0].shape == (3, 40, 56)


@pytest.mark.parametrize("thing", [None, "vit_b", torch.nn.Linear(1, 1)])
def test_a_predictor_needs_a_model_of_this_module(thing):
    with pytest.raises(InputError, match=r"^sam_model must come from sam_model_registry, got"):
        facade.SamPredictor(thing)


# --- tensors to prompts ---


def test_padding_follows_points_and_a_box_replaces_it(predictor):
    features = networks.model(networks.small_vit()).embed(networks.picture()).features
    points, labels = torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([[1, 0]])
    boxes = torch.tensor([[5, 6, 7, 8]])
    alone = tensor_prompts.prompt_batch(points, labels, None, None, features)
    assert alone.points.tolist() == [[[[1, 2], [3, 4], [0, 0]]]]
    assert alone.labels.tolist() == [[[1, 0, -1]]]
    both = tensor_prompts.prompt_batch(points, labels, boxes, None, features)
    assert both.points.tolist() == [[[[1, 2], [3, 4], [5, 6], [7, 8]]]]
    assert both.labels.tolist() == [[[1, 0, 2, 3]]]
    box = tensor_prompts.prompt_batch(None, None, boxes, None, features)
    assert box.points.tolist() == [[[[5, 6], [7, 8]]]]
    assert box.labels.tolist() == [[[2, 3]]]
    three, mask = boxes.expand(3, 4), torch.randn(1, 1, 16, 16)
    shared = tensor_prompts.prompt_batch(None, None, three, mask, features).mask_logits
    assert shared is not None
    assert torch.equal(shared, mask.expand(1, 3, 1, 16, 16))
    nothing = tensor_prompts.prompt_batch(None, None, None, None, features)
    assert nothing.points.shape == (1, 1, 0, 2)
    assert nothing.mask_logits is None
