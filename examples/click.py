"""A click becomes a mask: the whole idea in ten lines."""

import anymask
from anymask.image.photos import photo_path

model = anymask.load()
embedding = model.embed(photo_path("chelsea"))  # slow, once a picture
masks = model.predict(embedding, points=[(220, 160)])  # fast, once a click

for mask in masks:  # an eye, the face, the cat: one click may mean any of them
    print(f"score {mask.score:.2f}   {mask.area:6,} pixels   box {mask.box}")

masks.best.save("cat.mask.png")
masks.best.overlay().save("cat.overlay.png")
print("look at cat.overlay.png")
