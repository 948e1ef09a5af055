"""Mend a mask: a click, then a click beside it that says "not this", then a box instead.

Nothing is kept between the calls but what is passed: the embedding and the earlier mask.
"""

import anymask
from anymask.image.photos import photo_path

model = anymask.load()
embedding = model.embed(photo_path("coffee"))

first = model.predict(embedding, points=[(300, 200)]).best
mended = model.predict(
    embedding,
    points=[(300, 200), (120, 60)],  # the cup; and the table, which does not belong to it
    labels=[1, 0],
    mask=first,
).best
boxed = model.predict(embedding, box=(85, 15, 500, 395)).best

for name, mask in {"click": first, "mended": mended, "box": boxed}.items():
    mask.overlay().save(f"coffee.{name}.png")
    print(f"{name:6}  score {mask.score:.2f}  {mask.area:7,} pixels  -> coffee.{name}.png")
