"""The card's sheets follow their rules, and sheets for looking hold what they say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import anymask
from anymask.data.guard import guard_pictures
from anymask.evaluate.panels import CAPTION_PX, GAP_PX, add_caption
from anymask.masks.mask import Mask
from anymask.masks.rle import encode
from anymask.vocabulary import ImageFrame
from scripts import look_at_clicks, model_card_pictures
from tests.scenes import write_shard


def scored(score: float) -> Mask:
    frame = ImageFrame(original_hw=(4, 4), resized_hw=(4, 4), input_size=4)
    return Mask(score=score, frame=frame, coded=encode(np.eye(4, dtype=np.bool_)))


@pytest.mark.parametrize(("place", "expected"), [(0.0, 0), (0.05, 13), (0.5, 128), (1.0, 255)])
def test_places_are_shares_of_the_answers(place: float, expected: int) -> None:
    ordered = [scored(number / 256) for number in range(256)]
    found = model_card_pictures.at_place(ordered, place)
    assert found is ordered[expected]
    assert sum(one.score < found.score for one in ordered) / 255 == pytest.approx(place, abs=0.005)


def test_answers_are_taken_in_the_order_of_their_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_card_pictures, "CELLS", 3)
    said: list[str] = []

    def recorded(panel: np.ndarray, text: str) -> np.ndarray:
        said.append(text)
        return add_caption(panel, text)

    monkeypatch.setattr(model_card_pictures, "add_caption", recorded)
    model = anymask.load(device="cpu")
    panels = model_card_pictures.answers_line(model, "coffee.png")
    scores = sorted(mask.score for mask in model_card_pictures.grid_answers(model, "coffee.png"))
    assert len(scores) == 9
    assert len(panels) == 5
    expected = zip((95, 75, 50, 25, 5), (8, 6, 4, 2, 0), strict=True)
    assert said == [f"{place} %: score {scores[index]:.2f}" for place, index in expected]


def test_no_known_thing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [picture for picture in guard_pictures() if picture.name in ("coins", "rocket")]
    monkeypatch.setattr(model_card_pictures, "guard_pictures", lambda: photos)
    panels = model_card_pictures.known_panels(anymask.load(device="cpu"))
    assert len(panels) == sum(len(picture.runs) for picture in photos)


def test_sheets_of_annotated_pictures_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shard(mkdir(tmp_path / "data") / "discs.tar", 5)
    out = tmp_path / "out"
    old = mkdir(out) / "clicks-09.png"
    old.write_bytes(b"")
    words = ["--data", tmp_path / "data", "--per-set", 5, "--worst-first", "--out", out]
    monkeypatch.setattr("sys.argv", ["look_at_clicks.py", *map(str, words)])
    look_at_clicks.main()
    names = sorted(path.name for path in out.iterdir())
    assert names == ["clicks-01.png", "clicks-02.png"]
    rows = look_at_clicks.ROWS_A_SHEET
    with Image.open(out / names[0]) as first, Image.open(out / names[1]) as second:
        line = 240 * 96 // 128 + CAPTION_PX + GAP_PX
        assert first.height == rows * line + GAP_PX
        assert second.height == (10 - rows) * line + GAP_PX
    assert "mean IoU of 10 clicks with a true mask: 0." in capsys.readouterr().out


def test_any_pictures_are_clicked_in_a_grid(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.new("RGB", (90, 60), (90, 120, 150)).save(path)
    clicks = list(look_at_clicks.gridded(anymask.load(device="cpu"), path))
    assert [click.prompt.points[0] for click in clicks[:4]] == [
        (14.5, 9.5),
        (44.5, 9.5),
        (74.5, 9.5),
        (14.5, 29.5),
    ]
    assert len(clicks) == 9
    assert look_at_clicks.chosen_iou(clicks[0]) == 2.0


def mkdir(folder: Path) -> Path:
    folder.mkdir()
    return folder
