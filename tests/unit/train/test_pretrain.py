"""Pre-training learns from pictures alone, and a model can begin with what it learnt."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from anymask.data.mixing import HeldSet, Mixture
from anymask.data.picture import AnnotatedPicture
from anymask.errors import ConfigError, DataError, InputError, KeysMismatch, WeightsError
from anymask.image.photos import PHOTOS, photo_path
from anymask.model.configs import IMAGENET_MEAN, IMAGENET_STD, MaskedAutoencoderConfig, VitConfig
from anymask.model.image_encoder import resize_positions
from anymask.model.masked_autoencoder import MaskedAutoencoder, encoder_state, reconstruction_loss
from anymask.train.initialise import initialise_autoencoder
from anymask.train.pretrain import (
    Crop,
    Crops,
    as_pixels,
    draw_crop,
    draw_visible,
    reconstruct,
    reconstruction_sheet,
)
from anymask.train.pretrained import save_pretrained, start_from_pretrained
from tests.unit.model.seeded import fill, numbers, small_lite, small_vit, small_vit_config


def photo(name: str) -> AnnotatedPicture:
    path = photo_path(name)
    with Image.open(path) as picture:
        size_hw = (picture.height, picture.width)
    return AnnotatedPicture(
        set_name="photos", name=name, encoded=path.read_bytes(), size_hw=size_hw, runs=()
    )


def plain_picture(pixels: np.ndarray, name: str = "plain") -> AnnotatedPicture:
    ok, encoded = cv2.imencode(".png", pixels[:, :, ::-1])
    assert ok
    return AnnotatedPicture(
        set_name="set",
        name=name,
        encoded=encoded.tobytes(),
        size_hw=(pixels.shape[0], pixels.shape[1]),
        runs=(),
    )


def autoencoder(vit: VitConfig | None = None) -> MaskedAutoencoder:
    """As small as the network of the tests, for crops of 64 pixels."""
    known = small_vit_config().vit if vit is None else vit
    assert known is not None
    config = MaskedAutoencoderConfig(
        vit=known, input_size=64, decoder_width=32, decoder_depth=1, decoder_heads=2
    )
    model = MaskedAutoencoder(config)
    fill(model)
    return model


@pytest.fixture
def crops() -> Crops:
    return Crops(Mixture([HeldSet("photos", tuple(photo(name) for name in PHOTOS))]))


# --- learning ---


def test_loss_falls_on_photographs(crops: Crops) -> None:
    model = autoencoder().train()
    initialise_autoencoder(model, 0)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=5e-3, betas=(0.9, 0.95))
    rng, losses = np.random.default_rng(0), []
    pixels = as_pixels([crops.draw(64, rng) for _ in range(48)])
    for _ in range(50):
        losses.append(reconstruct(model, pixels[rng.permutation(48)[:8]], rng)["loss"])
        optimizer.step()
        optimizer.zero_grad()
    assert np.mean(losses[:3]) > 0.95  # the mean colour of each patch alone
    assert np.mean(losses[-10:]) < 0.86 * np.mean(losses[:3])


def test_one_step_is_the_gradient_of_the_loss_times_the_scale() -> None:
    model, pixels = autoencoder(), numbers((2, 3, 64, 64), 1)
    figures = reconstruct(model, pixels, np.random.default_rng(3), mask_share=0.5, scale=0.25)
    found = model.mask_token.grad
    visible = draw_visible(2, 16, 0.5, np.random.default_rng(3))
    loss = reconstruction_loss(model(pixels, visible), pixels, visible, 16)
    (expected,) = torch.autograd.grad(loss, model.mask_token)
    torch.testing.assert_close(found, 0.25 * expected)
    assert figures == {
        "loss": pytest.approx(loss.item()),
        "explained": pytest.approx(1 - loss.item()),
    }


def test_visible_patches_are_drawn_without_favour() -> None:
    visible = draw_visible(4000, 16, 0.75, np.random.default_rng(0))
    assert visible.shape == (4000, 4)
    assert (visible.diff(dim=1) > 0).all()
    shares = torch.bincount(visible.flatten(), minlength=16) / 4000
    assert shares.min() > 0.22
    assert shares.max() < 0.28


@pytest.mark.parametrize(
    ("mask_share", "left"),
    [(1.0, "in sight"), (0.99, "in sight"), (float("nan"), "in sight"), (0.0, "hidden")],
)
def test_share_that_leaves_nothing_is_refused(mask_share: float, left: str) -> None:
    with pytest.raises(ConfigError, match=f"of 16 patches leaves nothing {left}; use 0.75"):
        draw_visible(2, 16, mask_share, np.random.default_rng(0))


def test_crops_of_another_size_are_refused() -> None:
    with pytest.raises(ConfigError, match="crops must be 64 pixels wide and high, got 96 × 64"):
        reconstruct(autoencoder(), numbers((1, 3, 64, 96), 1), np.random.default_rng(0))


# --- crops ---


def test_crops_are_parts_of_the_picture_of_every_size_some_mirrored() -> None:
    down, right = np.mgrid[0:120, 0:240]
    picture = plain_picture(np.stack([down, right, 0 * down], 2).astype(np.uint8))
    rng, mirrored, areas = np.random.default_rng(0), 0, []
    for _ in range(200):
        crop = draw_crop(picture, 32, rng).astype(int)
        # Red grows downwards, green to the right, or to the left in a mirrored crop.
        high, wide = np.ptp(crop[:, 16, 0]) * 32 / 31, np.ptp(crop[16, :, 1]) * 32 / 31
        assert (np.diff(crop[:, 16, 0]) >= 0).all()
        is_mirrored = crop[0, 0, 1] > crop[0, -1, 1]
        assert (
            (np.diff(crop[16, :, 1]) <= 0) if is_mirrored else (np.diff(crop[16, :, 1]) >= 0)
        ).all()
        mirrored += is_mirrored
        areas.append(high * wide / (120 * 240))
    assert 70 < mirrored < 130
    # Its height of 120 is reached before its width is: at 4/3 of the whole's area, 196 of 240.
    assert 0.17 < min(areas) < 0.25
    assert 0.7 < max(areas) < 0.83


def test_colours_stay_red_green_blue() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[..., 0] = 250
    crop = draw_crop(plain_picture(pixels), 16, np.random.default_rng(0))
    assert crop.reshape(-1, 3).tolist() == [[250, 0, 0]] * 256


def test_pixels_are_normalised_as_the_model_wants_them() -> None:
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    frame = np.full((16, 16, 3), (10, 20, 30), np.uint8)
    pixels = as_pixels([Crop(pixels=frame, name="a"), Crop(pixels=frame, name="b")])
    assert pixels.shape == (2, 3, 16, 16)
    assert pixels[1, :, 3, 5].tolist() == pytest.approx((([10, 20, 30] - mean) / std).tolist())


def test_pictures_without_masks_serve_and_unreadable_ones_are_named(crops: Crops) -> None:
    rng = np.random.default_rng(0)
    names = {crops.draw(32, rng).name for _ in range(60)}
    assert names == {f"photos/{name}" for name in PHOTOS}
    broken = AnnotatedPicture(
        set_name="set", name="broken", encoded=b"no picture", size_hw=(1, 1), runs=()
    )
    good = plain_picture(np.zeros((20, 20, 3), np.uint8))
    mixed = Crops(Mixture([HeldSet("set", (broken, good))]))
    drawn = [mixed.draw(16, rng) for _ in range(20)]
    assert {crop.name for crop in drawn} == {"set/plain"}
    assert {bad for crop in drawn for bad in crop.bad} == {"set/broken"}


@pytest.mark.parametrize("encoded", [b"", b"no picture"])
def test_a_set_of_unreadable_pictures_is_refused(encoded: bytes) -> None:
    broken = AnnotatedPicture(
        set_name="set", name="br\noken", encoded=encoded, size_hw=(1, 1), runs=()
    )
    with pytest.raises(DataError, match=r"br\\noken: is not a readable picture"):
        draw_crop(broken, 16, np.random.default_rng(0))
    with pytest.raises(DataError, match=r"none of 1000 pictures could be read.*'set/br\\noken'"):
        Crops(Mixture([HeldSet("set", (broken,))])).draw(16, np.random.default_rng(0))


# --- sheet ---


def test_sheet_shows_original_sight_and_drawing(crops: Crops) -> None:
    model = autoencoder().train()
    rng = np.random.default_rng(0)
    drawn = [crops.draw(64, rng) for _ in range(2)]
    sheet = reconstruction_sheet(model, as_pixels(drawn), np.random.default_rng(3))
    assert model.training
    assert sheet.shape == (128, 192, 3)
    assert sheet.dtype == np.uint8
    original, seen, whole = (sheet[:, 64 * i : 64 * i + 64] for i in range(3))
    assert np.array_equal(original, np.concatenate([crop.pixels for crop in drawn]))
    visible = draw_visible(2, 16, 0.75, np.random.default_rng(3))
    for picture in range(2):
        for patch in range(16):
            top, left = 64 * picture + 16 * (patch // 4), 16 * (patch % 4)
            part = (slice(top, top + 16), slice(left, left + 16))
            if patch in visible[picture].tolist():
                assert np.array_equal(seen[part], original[part])
                assert np.array_equal(whole[part], original[part])
            else:
                assert (seen[part] == 127).all()
                assert not np.array_equal(whole[part], original[part])


# --- files ---


def test_pretrained_encoder_is_written_and_a_model_begins_with_it(tmp_path: Path) -> None:
    model, sam = autoencoder(), small_vit(seed=4)
    before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
    path = tmp_path / "start.safetensors"
    save_pretrained(model, path, {"steps": 7})
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata() == {"pretraining": '{"steps": 7}'}
    start_from_pretrained(sam, path)
    learnt = {f"image_encoder.{name}": tensor for name, tensor in encoder_state(model).items()}
    for name, tensor in sam.state_dict().items():
        assert torch.equal(tensor, learnt.get(name, before[name])), name
    assert len(learnt) == 27
    assert all(p.requires_grad for p in sam.image_encoder.parameters())


def test_positions_are_resized_to_the_models_grid(tmp_path: Path) -> None:
    model, sam = autoencoder(), small_vit(input_size=160)
    save_pretrained(model, tmp_path / "start.safetensors", {})
    start_from_pretrained(sam, tmp_path / "start.safetensors")
    expected = resize_positions(model.pos_embed, (10, 10))
    torch.testing.assert_close(sam.state_dict()["image_encoder.pos_embed"], expected)


def written(path: Path, **changes: torch.Tensor | None) -> Path:
    """A start with some tensors other, or none."""
    tensors = {f"image_encoder.{n}": t.clone() for n, t in encoder_state(autoencoder()).items()}
    for name, tensor in changes.items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    safetensors.torch.save_file(tensors, path)
    return path


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("image_encoder.blocks.1.mlp.lin1.bias", None, r"1 missing \(blocks.1.mlp.lin1.bias\)"),
        ("image_encoder.pos_embed", None, r"1 missing \(pos_embed\)"),
        ("image_encoder.x", torch.zeros(2), r"1 unexpected \(x\)"),
        ("mask_decoder.x", torch.zeros(2), r"1 unexpected \(mask_decoder.x\)"),
        ("image_encoder.patch_embed.proj.bias", torch.zeros(9), r"1 of another shape \(patch_emb"),
        ("image_encoder.pos_embed", torch.zeros(1, 4, 4, 9), r"1 of another shape \(pos_embed\)"),
    ],
)
def test_file_of_another_transformer_is_refused_and_nothing_changes(
    tmp_path: Path, name: str, tensor: torch.Tensor | None, sentence: str
) -> None:
    sam = small_vit(seed=4)
    before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
    path = written(tmp_path / "start.safetensors", **{name: tensor})
    with pytest.raises(KeysMismatch, match=f"is no pre-trained encoder.*: {sentence}"):
        start_from_pretrained(sam, path)
    assert all(torch.equal(t, before[n]) for n, t in sam.state_dict().items())


def test_file_that_is_not_there_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be read \(No such file or directory\)"):
        start_from_pretrained(small_vit(), tmp_path / "none.safetensors")
    whole = written(tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    with pytest.raises(WeightsError, match="cut short"):
        start_from_pretrained(small_vit(), tmp_path / "cut.safetensors")


def test_default_model_takes_no_vit(tmp_path: Path) -> None:
    path = written(tmp_path / "start.safetensors")
    with pytest.raises(ConfigError, match="is no start for the small_lite model"):
        start_from_pretrained(small_lite(), path)


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    path, model = tmp_path / "start.safetensors", autoencoder()
    with pytest.raises(InputError, match="the recipe cannot be written as JSON"):
        save_pretrained(model, path, {"rate": float("nan")})
    with torch.no_grad():
        model.blocks[0].norm1.weight[0] = float("inf")  # type: ignore[union-attr,operator]
    with pytest.raises(WeightsError, match=r"tensor 'image_encoder.blocks.0.norm1.weight' is not"):
        save_pretrained(model, path, {})
    assert list(tmp_path.iterdir()) == []
