"""Click into the middle of many photos; what cannot be read is named, and the rest is done."""

from pathlib import Path

import anymask
from anymask.image.photos import PHOTOS, photo_path

folder = Path("middles")
folder.mkdir(exist_ok=True)
model = anymask.load()

for path in [*map(photo_path, PHOTOS), Path("missing.jpg")]:
    try:
        embedding = model.embed(path)
    except anymask.AnymaskError as error:
        print(f"{'-':>13}  {error}")
        continue
    best = model.predict(embedding, points=[(0.5, 0.5)], normalized=True).best
    best.overlay().save(folder / f"{path.name}.overlay.png")
    print(
        f"{path.name:>13}  score {best.score:.2f}, {best.area / best.array.size:4.0%} of the photo"
    )

print(f"look into the folder {folder}")
