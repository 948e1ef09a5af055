"""Draw the README's picture with the default model: a box, a click, and a cut-out."""

from pathlib import Path

import numpy as np
from PIL import Image

import anymask
from anymask.image.photos import photo_path

TARGET = Path(__file__).parents[1] / "docs" / "images" / "first-mask.png"
HEIGHT = 360
GAP = 8
CHECK = 12


def main() -> None:
    """Make the three panels and join them."""
    model = anymask.load()
    rocket = model.embed(photo_path("rocket.jpg"))
    astronaut = model.embed(photo_path("astronaut.png"))
    boxed = model.predict(rocket, box=(290, 60, 350, 420)).best
    person = model.predict(astronaut, points=[(220, 300)]).best
    panels = [boxed.overlay(), person.overlay(), on_checkerboard(person.cutout())]
    panels = [p.resize((round(p.width * HEIGHT / p.height), HEIGHT)) for p in panels]
    width = sum(panel.width for panel in panels) + GAP * (len(panels) - 1)
    joined = Image.new("RGB", (width, HEIGHT), "white")
    left = 0
    for panel in panels:
        joined.paste(panel, (left, 0))
        left += panel.width + GAP
    TARGET.parent.mkdir(exist_ok=True)
    joined.quantize(256).save(TARGET, optimize=True)
    print(f"wrote {TARGET}")


def on_checkerboard(cutout: Image.Image) -> Image.Image:
    """Put a transparent picture on light and dark squares."""
    rows, columns = np.indices((cutout.height, cutout.width)) // CHECK
    grey = np.where((rows + columns) % 2 == 0, 255, 205).astype(np.uint8)
    ground = Image.fromarray(grey).convert("RGB")
    ground.paste(cutout, mask=cutout.getchannel("A"))
    return ground


if __name__ == "__main__":
    main()
