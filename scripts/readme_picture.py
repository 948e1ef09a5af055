"""Draw the README's picture with the default model: clicks, a box with clicks, and a cut-out."""

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
    coffee = model.embed(photo_path("coffee.png"))
    astronaut = model.embed(photo_path("astronaut.png"))
    first = model.predict(coffee, points=[(300, 150)])
    two = [(300, 150), (470, 330)]
    click = model.predict(coffee, points=two, labels=[1, 0], mask=first).best
    boxed = model.predict(astronaut, box=(10, 0, 470, 511))
    away = [(405, 90), (30, 60)]
    person = model.predict(
        astronaut, points=away, labels=[0, 0], box=(10, 0, 470, 511), mask=boxed
    ).best
    panels = [click.overlay(), person.overlay(), on_checkerboard(person.cutout())]
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
