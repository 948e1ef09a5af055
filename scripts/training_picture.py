"""Draw the page on training's picture: a sheet as runs write them, on the bundled photos."""

from pathlib import Path

from PIL import Image

from anymask.data.guard import guard_categories, guard_pictures
from anymask.image.read import read_picture
from anymask.train.sheet import progress_row, progress_sheet
from anymask.weights.load import load_model

TARGET = Path(__file__).parents[1] / "docs" / "images" / "training-sheet.png"
SHOWN = {"coffee": "cup", "astronaut": "patch", "coins": "coin", "rocket": "fairing"}
WIDTH = 1100


def main() -> None:
    """Ask the default model about four things and write the sheet."""
    loaded = load_model(device="cpu")
    nouns = guard_categories()
    rows = []
    for picture in guard_pictures():
        if picture.name not in SHOWN:
            continue
        index = nouns[picture.name].index(SHOWN[picture.name])
        truth = picture.mask(index)
        rows.append(progress_row(loaded, read_picture(picture.encoded), truth, picture.name))
    sheet = Image.fromarray(progress_sheet(rows))
    height = round(sheet.height * WIDTH / sheet.width)
    sheet = sheet.resize((WIDTH, height), Image.Resampling.LANCZOS)
    sheet.quantize(200).save(TARGET, optimize=True)
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
