"""`anymask data`: faults are told before anything is learned."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.scenes import disc, write_shard


@pytest.fixture
def data(folder):
    """A folder with two shards of three scenes each."""
    for name in ("train", "eval"):
        (folder / name).mkdir()
        write_shard(folder / name / f"{name}.tar", 3)
    return folder


@pytest.fixture
def pairs(folder):
    """A folder of pictures and masks, the second mask one pixel too wide."""
    for name in ("images", "masks"):
        (folder / "pairs" / name).mkdir(parents=True)
    noise = np.random.default_rng(0)
    for index, width in enumerate((128, 129, 128)):
        pixels = noise.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((128, 96))
        picture.save(folder / "pairs" / "images" / f"p{index}.png")
        mask = np.zeros((96, width), np.uint8)
        mask[:, :128] = disc(60, 50, 20) * 255
        Image.fromarray(mask).save(folder / "pairs" / "masks" / f"p{index}.png")
    return folder / "pairs"


def test_a_leak_is_listed_and_the_exit_code_is_3(anymask, data):
    ran = anymask("data", "check", "train", "--against", "eval")
    assert (ran.code, ran.err) == (3, "")
    assert "3 pictures with 9 masks in 1 set" in ran.out
    assert "error: 3 pairs of the same picture on both sides" in ran.out
    assert "  train/train_000 = eval/eval_000" in ran.out
    assert "3 faults must be mended" in ran.out


def test_sizes_that_differ_are_named_with_what_to_do(anymask, pairs):
    ran = anymask("data", "check", "pairs")
    assert ran.code == 3
    assert "error: 1 pictures and masks of different size, in pairs (1)" in ran.out
    assert "mask 129x96 for picture 128x96: off by one" in ran.out
    assert "to do: make the mask from the picture's own size" in ran.out


def test_sound_data_ends_with_0_and_says_what_was_looked_for(anymask, pairs, data):
    Image.fromarray(disc(60, 50, 20).astype(np.uint8) * 255).save(pairs / "masks" / "p1.png")
    ran = anymask("data", "check", "pairs", "--against", "eval")
    assert ran.code == 0
    assert "none of the 3 pictures of --against is among them" in ran.out
    assert "nothing is wrong" in ran.out


def test_warnings_alone_end_with_0(anymask, folder, data):
    ran = anymask("data", "check", "train", "eval", "--json")
    assert ran.code == 0
    sets = [record for record in ran.records if record["record"] == "set"]
    assert [(row["set"], row["pictures"], row["masks"]) for row in sets] == [
        ("train", 3, 9),
        ("eval", 3, 9),
    ]
    assert (sets[0]["masks_a_picture"], sets[0]["smallest"], sets[0]["bad"]) == (3.0, "128x96", 0)
    (finding,) = (record for record in ran.records if record["record"] == "finding")
    assert (finding["level"], finding["code"]) == ("warning", "repeated-picture")
    assert finding["count"] == 3
    assert finding["examples"][0] == "train/train_000 = eval/eval_000"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("check", "none"), "none: no such file or folder"),
        (("check", "train", "--against", "none"), "none: no such file or folder"),
        (("check",), "missing argument 'DIR"),
        (("look", "train", "-o", "s.jpg"), "--out s.jpg: is not a .png file"),
        (("look", "train", "-o", "s.png", "--number", 0), "--number must be 1 to 200, got 0"),
        (("look", "train", "-o", "cat.png"), "--out cat.png: exists"),
        (("pack", "train", "-o", "cat.png"), "--out cat.png: is a file"),
        (("pack", "train", "-o", "c", "--longest", 5), "longest_px must be 32 or more"),
        (("pack", "train", "-o", "train/c"), "the cache train/c lies inside the data train"),
    ],
)
def test_wrong_use_starts_nothing(anymask, data, words, sentence):
    ran = anymask("data", *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert "hint: " in ran.err


def test_packing_says_what_there_is_and_is_quick_again(anymask, data):
    for _ in range(2):
        ran = anymask("data", "pack", "train", "-o", "cache")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == "prepared 3 pictures with 9 masks in 1 set in cache\n"


def test_packing_refuses_bad_samples_until_told_to_skip(anymask, pairs, data):
    ran = anymask("data", "pack", "pairs", "-o", "cache")
    assert (ran.code, ran.out) == (2, "")
    assert "1 of 3 samples is bad, namely: " in ran.err
    assert "mend them, or add --skip-bad; all are listed in cache/failures.jsonl" in ran.err
    (row,) = map(json.loads, (data / "cache" / "failures.jsonl").read_text().splitlines())
    assert (row["set"], row["code"]) == ("pairs", "size-differs")
    ran = anymask("data", "pack", "pairs", "-o", "cache", "--skip-bad")
    assert ran.code == 0
    assert "note: left out: 1, listed in cache/failures.jsonl" in ran.err
    assert "prepared 2 pictures with 2 masks" in ran.out


def test_the_sheet_shows_the_pictures_with_their_masks(anymask, data):
    ran = anymask("data", "look", "train", "-o", "sheet.png", "--number", 2)
    assert (ran.code, ran.out) == (0, "wrote sheet.png: 2 pictures\n")
    with Image.open(data / "sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    assert sheet.shape == (358, 664, 3)
    ground = (sheet == 60).all(2).mean(), (sheet == 250).all(2).mean()
    assert ground[0] > 0.3
    assert ground[1] < 0.4
    tint = np.abs(sheet.astype(int) - 60).sum(2) > 60
    assert 0.05 < tint[50:300, 8:328].mean() < 0.5


def test_the_draw_of_the_sheet_is_seeded(anymask, data):
    seen = []
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        anymask("data", "look", "train", "eval", "-o", name, "--number", 3, "--seed", seed)
        seen.append((data / name).read_bytes())
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert anymask("data", "look", "train", "-o", "a.png", "--overwrite").code == 0
