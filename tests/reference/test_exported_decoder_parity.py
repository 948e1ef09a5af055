"""The exported decoder answers as the published exporter's does, on the same weights.

The oracle is the model that segment-anything 1.0 exports, run in torch. Differences are measured
against the root mean square of what is expected.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from anymask.model.sam import Sam
from anymask.predict.onnx_decoder import (
    EMBEDDING,
    PROMPTS,
    DecoderOptions,
    PlainDecoder,
    PromptTensors,
    export_decoder,
)
from anymask.predict.onnx_export import DECODER, ExportSettings, export_onnx
from anymask.predict.onnx_program import onnx_program, open_session, save_program
from tests.reference.torchvision_standin import import_reference
from tests.unit.predict import networks

SIDE = 64
LOW = SIDE // 4
# Half of the masks pass the cutoffs of a stability score, which move by one logit.
LOUDNESS = 30.0
NO_POINT = ((0.0, 0.0), -1)
CLICK, OTHER = ((20.5, 31.0), 1), ((44.0, 9.25), 0)
BOX = (((4.0, 6.0), 2), ((50.5, 40.0), 3))

PROMPTS_OF_EVERY_KIND = {
    "a click": ([CLICK, NO_POINT], False),
    "a click without padding": ([CLICK], False),
    "two clicks": ([CLICK, OTHER, NO_POINT], False),
    "a box": ([*BOX], False),
    "a click in a box": ([CLICK, *BOX], False),
    "a mask and a click": ([CLICK, NO_POINT], True),
    "a mask and a box": ([*BOX], True),
    "many clicks": ([((3.0 * i, 2.0 * i), i % 2) for i in range(20)] + [NO_POINT], False),
}
OPTIONS = ("return_single_mask", "use_stability_score", "return_extra_metrics")
SIZES_HW = ((40, 56), (300, 451), (97, 31), (64, 64), (2, 150))


@pytest.fixture(scope="module")
def pair():
    """The published model with random weights, small, and ours holding the same."""
    modeling = import_reference("segment_anything.modeling")
    config = replace(networks.small_vit(SIDE), logit_scale=1.0)
    vit = config.vit
    assert vit is not None
    torch.manual_seed(0)
    published = modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            img_size=SIDE,
            embed_dim=vit.width,
            depth=vit.depth,
            num_heads=vit.num_heads,
            use_rel_pos=True,
            window_size=vit.window,
            global_attn_indexes=vit.global_blocks,
            out_chans=256,
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=256,
            image_embedding_size=(SIDE // 16, SIDE // 16),
            input_image_size=(SIDE, SIDE),
            mask_in_chans=16,
        ),
        mask_decoder=modeling.MaskDecoder(
            num_multimask_outputs=3,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=256, mlp_dim=config.decoder_mlp_width, num_heads=8
            ),
            transformer_dim=256,
        ),
    )
    with torch.no_grad():
        for mlp in published.mask_decoder.output_hypernetworks_mlps:
            mlp.layers[-1].weight.mul_(LOUDNESS)
    ours = Sam(config)
    ours.load_state_dict(published.state_dict())
    return published.eval().requires_grad_(False), ours.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def embedding():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, 256, SIDE // 16, SIDE // 16, generator=generator)


@pytest.fixture(scope="module")
def session(pair, tmp_path_factory):
    """The decoder's file, of a whole export."""
    folder = tmp_path_factory.mktemp("exported")
    loaded = replace(networks.loaded(pair[1].config), sam=pair[1])
    export_onnx(loaded, folder, ExportSettings())
    return open_session(folder / DECODER, 1)


def given(prompt, size_hw) -> tuple[torch.Tensor, ...]:
    """A prompt as the published exporter takes it."""
    points, has_mask = prompt
    generator = torch.Generator().manual_seed(2)
    return (
        torch.tensor([[xy for xy, _ in points]]),
        torch.tensor([[float(label) for _, label in points]]),
        10 * torch.randn(1, 1, LOW, LOW, generator=generator),
        torch.tensor([float(has_mask)]),
        torch.tensor([float(side) for side in size_hw]),
    )


def published_answer(published, embedding, prompt, **options) -> tuple[torch.Tensor, ...]:
    exporter = import_reference("segment_anything.utils.onnx")
    model = exporter.SamOnnxModel(published, **{"return_single_mask": False, **options})
    return model(embedding, *prompt)


def answer_of(session, embedding, prompt) -> list[np.ndarray]:
    inputs = dict(zip((EMBEDDING, *PROMPTS), (embedding, *prompt), strict=True))
    return session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})


def assert_alike(found, expected, tolerance: float) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        ours = torch.as_tensor(np.asarray(ours))
        assert ours.shape == theirs.shape
        scale = theirs.double().square().mean().sqrt()
        assert (ours.double() - theirs.double()).abs().max() <= tolerance * scale


@pytest.mark.parametrize("prompt", PROMPTS_OF_EVERY_KIND.values(), ids=PROMPTS_OF_EVERY_KIND)
def test_the_file_answers_every_prompt_as_published(pair, embedding, session, prompt):
    for size_hw in SIZES_HW:
        arguments = given(prompt, size_hw)
        expected = published_answer(pair[0], embedding, arguments)
        found = answer_of(session, embedding, arguments)
        assert found[0].shape == (1, 4, *size_hw)
        # The runtime rounds where between two cells a pixel lies.
        assert_alike(found, expected, 2e-3)
        assert ((found[0] > 0) == (expected[0] > 0).numpy()).mean() >= 0.9999
        assert_alike(found[1:], expected[1:], 1e-4)


def test_the_file_names_inputs_and_outputs_as_published(session):
    inputs = {value.name: value.shape for value in session.get_inputs()}
    assert inputs == {
        "image_embeddings": [1, 256, 4, 4],
        "point_coords": [1, "num_points", 2],
        "point_labels": [1, "num_points"],
        "mask_input": [1, 1, 16, 16],
        "has_mask_input": [1],
        "orig_im_size": [2],
    }
    outputs = {value.name: value.shape for value in session.get_outputs()}
    assert outputs == {
        "masks": [1, 4, "height", "width"],
        "iou_predictions": [1, 4],
        "low_res_masks": [1, 4, 16, 16],
    }
    assert {value.type for value in session.get_inputs()} == {"tensor(float)"}


@pytest.mark.parametrize(
    "flags",
    list(itertools.product((False, True), repeat=3)),
    ids=lambda flags: str([*map(int, flags)]),
)
def test_every_option_gives_what_the_published_one_gives(pair, embedding, flags):
    options = dict(zip(OPTIONS, flags, strict=True))
    decoder = PlainDecoder(pair[1], DecoderOptions(**options))
    for prompt in PROMPTS_OF_EVERY_KIND.values():
        arguments = given(prompt, (98, 131))
        expected = published_answer(pair[0], embedding, arguments, **options)
        with torch.no_grad():
            found = decoder(embedding, (), PromptTensors(*arguments))
        # A pixel at the cutoff may fall on the other side.
        assert_alike(found, expected, 1e-3)


@pytest.fixture(scope="module")
def chooser(pair, tmp_path_factory):
    """A decoder's file with every option."""
    path = tmp_path_factory.mktemp("options") / DECODER
    options = DecoderOptions(**dict.fromkeys(OPTIONS, True))
    made = onnx_program(
        export_decoder(pair[1], options), (EMBEDDING, *PROMPTS), options.outputs, opset=18
    )
    save_program(made, path)
    return open_session(path, 1)


def test_a_file_with_every_option_answers_as_published(pair, embedding, chooser):
    for prompt in PROMPTS_OF_EVERY_KIND.values():
        arguments = given(prompt, (98, 131))
        expected = published_answer(pair[0], embedding, arguments, **dict.fromkeys(OPTIONS, True))
        assert expected[0].shape == (1, 1, 98, 131)
        found = answer_of(chooser, embedding, arguments)
        assert_alike(found[:1], expected[:1], 2e-3)
        assert_alike(found[1:], expected[1:], 1e-3)
    outputs = [value.name for value in chooser.get_outputs()]
    assert outputs == ["masks", "iou_predictions", "stability_scores", "areas", "low_res_masks"]


def test_the_masks_of_this_file_have_an_inside_and_an_outside(pair, embedding):
    """Else the comparisons above would prove nothing."""
    answers = [
        published_answer(pair[0], embedding, given(prompt, (40, 56)))
        for prompt in PROMPTS_OF_EVERY_KIND.values()
    ]
    shares = [float((masks > 0).float().mean()) for masks, *_ in answers]
    assert all(0.05 < share < 0.95 for share in shares)
