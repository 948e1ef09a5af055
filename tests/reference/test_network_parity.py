"""The network computes what the published one does, on the same weights.

The oracle is the package segment-anything 1.0. Weights are drawn; position tables, which are zero
in a fresh network, are filled like the rest. Differences are measured against the root mean square
of the expected output: at most 1e-5 of it in the root mean square, 1e-4 at any place.
"""

import itertools
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from anymask.model.configs import SamConfig, vit_b, vit_h, vit_l
from anymask.model.image_encoder import ImageFeatures, VitImageEncoder
from anymask.model.prompt_encoder import PromptBatch
from anymask.model.sam import Sam, choose_masks
from tests.reference.torchvision_standin import import_reference
from tests.unit.model.seeded import fill, numbers, quick_numbers, without_values

PATTERNS = Path(__file__).with_name("published_tensors.txt")
GRID = 64


@pytest.fixture(scope="module")
def reference():
    return import_reference("segment_anything")


@pytest.fixture(scope="module")
def modeling():
    return import_reference("segment_anything.modeling")


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert theirs.std() > 0
    scale = theirs.square().mean().sqrt()
    difference = ours - theirs
    assert difference.square().mean().sqrt() <= 1e-5 * scale
    assert difference.abs().max() <= 1e-4 * scale


# --- names and shapes ---


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def expand(pattern: str) -> list[str]:
    """Give every name a pattern stands for: "a.{x,y}.{0..2}" → a.x.0, a.x.1, a.x.2, a.y.0, …"""
    parts = []
    for part in re.split(r"(\{[^}]*\})", pattern):
        inner = part.strip("{}")
        if not part.startswith("{"):
            parts.append([part])
        elif ".." in inner:
            first, last = map(int, inner.split(".."))
            parts.append([str(number) for number in range(first, last + 1)])
        else:
            parts.append(inner.split(","))
    return ["".join(choice) for choice in itertools.product(*parts)]


def published_shapes(config: SamConfig) -> dict[str, tuple[int, ...]]:
    """Give names and shapes of a published checkpoint, from the table of ViT-B's."""
    table = {}
    for line in PATTERNS.read_text().splitlines():
        if not line.startswith("#"):
            pattern, shape = line.split(" | ")
            sizes = tuple(map(int, shape.split(",")))
            table.update(dict.fromkeys(expand(pattern), sizes))
    vit = config.vit
    assert vit is not None
    head = vit.width // vit.num_heads
    widths = {768: vit.width, 2304: 3 * vit.width, 3072: 4 * vit.width}
    shapes = {k: v for k, v in table.items() if not k.startswith("image_encoder")}
    for name, sizes in table.items():
        if "rel_pos" in name or not name.startswith("image_encoder"):
            continue
        resized = tuple(widths.get(size, size) for size in sizes)
        if ".blocks." not in name:
            shapes[name] = resized
        elif ".blocks.0." in name:
            for index in range(vit.depth):
                shapes[name.replace(".0.", f".{index}.", 1)] = resized
    for index, axis in itertools.product(range(vit.depth), "hw"):
        rows = 127 if index in vit.global_blocks else 27
        shapes[f"image_encoder.blocks.{index}.attn.rel_pos_{axis}"] = (rows, head)
    return shapes


@pytest.mark.parametrize(
    ("config", "num_entries", "num_numbers"),
    [
        (vit_b(), 314, 93_735_728),
        (vit_l(), 482, 312_343_088),
        (vit_h(), 594, 641_090_864),
    ],
)
def test_names_and_shapes_are_the_published_ones(reference, config, num_entries, num_numbers):
    ours = shapes_of(without_values(lambda: Sam(config)))
    theirs = shapes_of(without_values(reference.sam_model_registry[config.name]))
    assert ours == theirs
    assert ours == published_shapes(config)
    assert len(ours) == num_entries
    assert sum(torch.Size(shape).numel() for shape in ours.values()) == num_numbers


def test_the_table_of_vit_b_lists_its_global_blocks():
    text = PATTERNS.read_text()
    assert "image_encoder.blocks.{2,5,8,11}.attn.rel_pos_{h,w} | 127,64" in text
    assert expand("a.{x,y}.{0..2}") == ["a.x.0", "a.x.1", "a.x.2", "a.y.0", "a.y.1", "a.y.2"]


# --- image encoder ---


def shortened(config: SamConfig) -> SamConfig:
    """Two blocks of a published width: one with windows, one global."""
    assert config.vit is not None
    return replace(config, vit=replace(config.vit, depth=2, global_blocks=(1,)))


def encoders(modeling, config: SamConfig, size: int) -> tuple[nn.Module, nn.Module]:
    """Ours and theirs with the same weights."""
    vit = config.vit
    assert vit is not None
    ours = without_values(lambda: VitImageEncoder(vit, size, 256)).to_empty(device="cpu").eval()
    published = partial(
        modeling.ImageEncoderViT,
        img_size=size,
        patch_size=vit.patch,
        embed_dim=vit.width,
        depth=vit.depth,
        num_heads=vit.num_heads,
        mlp_ratio=4,
        out_chans=256,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=vit.window,
        global_attn_indexes=list(vit.global_blocks),
    )
    theirs = without_values(published).to_empty(device="cpu").eval()
    fill(ours, draw=quick_numbers)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    assert all(tensor.abs().max() > 0 for tensor in ours.state_dict().values())
    return ours, theirs


@torch.no_grad()
def embeddings(
    modeling, config: SamConfig, size: int, num_pictures: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """What ours and theirs make of the same pictures."""
    ours, theirs = encoders(modeling, config, size)
    pixels = numbers((num_pictures, 3, size, size), 11)
    return ours(pixels).embedding, theirs(pixels)


@pytest.mark.parametrize("config", [vit_b(), vit_l(), vit_h()])
def test_two_blocks_of_the_image_encoder_agree_at_a_quarter_of_the_side(modeling, config):
    assert_close(*embeddings(modeling, shortened(config), 256, num_pictures=2))


@pytest.mark.slow
@pytest.mark.parametrize("config", [vit_l(), vit_h()])
def test_a_global_block_of_the_image_encoder_agrees_at_full_size(modeling, config):
    """The whole of ViT-B is compared at full size by test_slides_program."""
    vit = replace(config.vit, depth=1, global_blocks=(0,))
    assert_close(*embeddings(modeling, replace(config, vit=vit), 1024))


@torch.no_grad()
def test_relative_tables_of_another_side_are_resized_alike(modeling):
    """The published code resizes these tables too, so a picture of another side can be compared."""
    ours, theirs = encoders(modeling, shortened(vit_b()), 256)
    theirs.pos_embed = nn.Parameter(torch.zeros(1, 20, 20, 768))
    nn.init.zeros_(ours.get_parameter("pos_embed"))
    pixels = numbers((1, 3, 320, 320), 12)
    assert_close(ours(pixels).embedding, theirs(pixels))


# --- prompt encoder and mask decoder ---


class Both:
    """Our decoder and the published one with the same weights, at a frame of any side."""

    def __init__(self, modeling, grid: int) -> None:
        vit = replace(vit_b().vit, width=16, depth=1, num_heads=2)  # type: ignore[type-var]
        self.ours = Sam(replace(vit_b(16 * grid), vit=vit)).eval()
        fill(self.ours, 1, quick_numbers)
        self.grid = grid
        self.prompt_encoder = modeling.PromptEncoder(
            embed_dim=256,
            image_embedding_size=(grid, grid),
            input_image_size=(16 * grid, 16 * grid),
            mask_in_chans=16,
        ).eval()
        self.mask_decoder = modeling.MaskDecoder(
            transformer_dim=256,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=256, num_heads=8, mlp_dim=2048
            ),
        ).eval()
        self.prompt_encoder.load_state_dict(self.ours.prompt_encoder.state_dict(), strict=True)
        self.mask_decoder.load_state_dict(self.ours.mask_decoder.state_dict(), strict=True)

    def theirs(self, embedding: Tensor, **prompts) -> tuple[Tensor, Tensor]:
        """All four masks and scores."""
        sparse, dense = self.prompt_encoder(
            **({"points": None, "boxes": None, "masks": None} | prompts)
        )
        return self.mask_decoder.predict_masks(
            image_embeddings=embedding,
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
        )


@pytest.fixture(scope="module")
def both(modeling):
    return Both(modeling, GRID)


@pytest.fixture(scope="module")
def embedding():
    return numbers((1, 256, GRID, GRID), 21)


def clicks(num_prompts: int, num_points: int, side: float = 1024) -> tuple[Tensor, Tensor]:
    """Places (P, N, 2) all over the frame and just outside it, and labels of both sorts."""
    unit = numbers((num_prompts, num_points, 2), 31) / 3.4641 + 0.5
    labels = (numbers((num_prompts, num_points), 32) > -0.5).long()
    return unit * 1.05 * side - 0.02 * side, labels


def rectangles(num_prompts: int, side: float = 1024) -> Tensor:
    """Boxes (P, 4)."""
    corners = (numbers((num_prompts, 2, 2), 33) / 3.4641 + 0.5) * side
    return torch.cat([corners.amin(1), corners.amax(1)], 1)


def as_batch(points=None, boxes=None, masks=None) -> PromptBatch:
    """Put prompts the way the published prompt encoder orders and pads its tokens."""
    num_prompts = next(len(x) for x in (points and points[0], boxes, masks) if x is not None)
    places = points[0] if points else torch.empty(num_prompts, 0, 2)
    labels = points[1] if points else torch.empty(num_prompts, 0, dtype=torch.long)
    if boxes is not None:
        places = torch.cat([places, boxes.view(-1, 2, 2)], 1)
        labels = torch.cat([labels, torch.tensor([[2, 3]]).expand(num_prompts, 2)], 1)
    elif points:
        places = torch.cat([places, torch.zeros(num_prompts, 1, 2)], 1)
        labels = torch.cat([labels, torch.full((num_prompts, 1), -1)], 1)
    return PromptBatch(places[None], labels[None], None if masks is None else masks[None])


def logits_of_masks(num_prompts: int, grid: int = GRID) -> Tensor:
    """Earlier answers, (P, 1, 4 grid, 4 grid), of the size real logits have."""
    return 8 * numbers((num_prompts, 1, 4 * grid, 4 * grid), 34)


PROMPTS: dict[str, dict[str, Any]] = {
    "one point": {"points": clicks(1, 1)},
    "five prompts of one point": {"points": clicks(5, 1)},
    "three points": {"points": clicks(2, 3)},
    "a box": {"boxes": rectangles(1)},
    "two boxes": {"boxes": rectangles(2)},
    "box and points": {"points": clicks(2, 2), "boxes": rectangles(2)},
    "point and mask": {"points": clicks(2, 1), "masks": logits_of_masks(2)},
    "box and mask": {"boxes": rectangles(1), "masks": logits_of_masks(1)},
    "box, points and mask": {
        "points": clicks(1, 2),
        "boxes": rectangles(1),
        "masks": logits_of_masks(1),
    },
    "mask alone": {"masks": logits_of_masks(1)},
}


@pytest.mark.parametrize("kind", PROMPTS)
@torch.no_grad()
def test_masks_and_scores_agree(both, embedding, kind):
    ours = both.ours.decode(ImageFeatures(embedding), as_batch(**PROMPTS[kind]))
    logits, iou = both.theirs(embedding, **PROMPTS[kind])
    assert_close(ours.low_res_logits[0], logits)
    assert_close(ours.iou[0], iou)


@pytest.mark.parametrize("multimask", [False, True])
@torch.no_grad()
def test_the_same_masks_are_chosen(modeling, multimask):
    both, embedding = Both(modeling, 8), numbers((1, 256, 8, 8), 24)
    prompts: dict[str, Any] = {"points": clicks(3, 1, 128)}
    answers = both.ours.decode(ImageFeatures(embedding), as_batch(**prompts))
    ours = choose_masks(answers, multimask=multimask)
    sparse, dense = both.prompt_encoder(prompts["points"], None, None)
    codes = both.prompt_encoder.get_dense_pe()
    logits, iou = both.mask_decoder(embedding, codes, sparse, dense, multimask)
    assert_close(ours.low_res_logits[0], logits)
    assert_close(ours.iou[0], iou)


@pytest.mark.parametrize("kind", ["three points", "box and points"])
@torch.no_grad()
def test_two_pictures_at_once_agree_with_each_alone(both, kind):
    embedding = numbers((2, 256, GRID, GRID), 22)
    batch = as_batch(**PROMPTS[kind])
    twice = PromptBatch(batch.points.expand(2, -1, -1, -1), batch.labels.expand(2, -1, -1))
    ours = both.ours.decode(ImageFeatures(embedding), twice)
    for index in range(2):
        logits, iou = both.theirs(embedding[index : index + 1], **PROMPTS[kind])
        assert_close(ours.low_res_logits[index], logits)
        assert_close(ours.iou[index], iou)


@pytest.mark.parametrize("kind", ["point", "box", "mask"])
@torch.no_grad()
def test_a_frame_of_another_side_agrees(modeling, kind):
    both, embedding = Both(modeling, 20), numbers((1, 256, 20, 20), 23)
    by_kind: dict[str, dict[str, Any]] = {
        "point": {"points": clicks(3, 2, 320)},
        "box": {"boxes": rectangles(3, 320)},
        "mask": {"points": clicks(1, 1, 320), "masks": logits_of_masks(1, 20)},
    }
    prompts = by_kind[kind]
    ours = both.ours.decode(ImageFeatures(embedding), as_batch(**prompts))
    logits, iou = both.theirs(embedding, **prompts)
    assert_close(ours.low_res_logits[0], logits)
    assert_close(ours.iou[0], iou)


@torch.no_grad()
def test_tokens_and_position_codes_agree(both):
    points, boxes = clicks(2, 3), rectangles(2)
    each: tuple[dict[str, Any], ...] = (
        {"points": points},
        {"boxes": boxes},
        {"points": points, "boxes": boxes},
    )
    for prompts in each:
        theirs, _ = both.prompt_encoder(
            **({"points": None, "boxes": None, "masks": None} | prompts)
        )
        assert_close(both.ours.prompt_encoder.sparse(as_batch(**prompts), 1024)[0], theirs)
    codes = both.ours.prompt_encoder.pe_layer.grid(GRID, GRID)
    assert_close(codes.T.reshape(1, 256, GRID, GRID), both.prompt_encoder.get_dense_pe())


@torch.no_grad()
def test_the_whole_network_agrees_from_picture_to_masks(modeling, both):
    """A short ViT between the same pixels and the same masks, wired as the published `Sam`."""
    short = replace(shortened(vit_b(256)), name="short")
    sam = Sam(short).eval()
    fill(sam, 2, quick_numbers)
    _, encoder = encoders(modeling, short, 256)
    encoder.load_state_dict(sam.image_encoder.state_dict(), strict=True)
    other = Both(modeling, 16)
    other.prompt_encoder.load_state_dict(sam.prompt_encoder.state_dict())
    other.mask_decoder.load_state_dict(sam.mask_decoder.state_dict())
    pixels = numbers((1, 3, 256, 256), 41)
    prompts: dict[str, Any] = {"points": clicks(3, 2, 256)}
    ours = sam(pixels, as_batch(**prompts))
    logits, iou = other.theirs(encoder(pixels), **prompts)
    assert_close(ours.low_res_logits[0], logits)
    assert_close(ours.iou[0], iou)
