"""Pictures whose pixels say which object they belong to, and an eye that reads them.

The eye stands in for a model that sees every object exactly as far as its picture goes: of what a
tile shows of an object it gives each connected part as a mask of its own, as a click would.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from anymask.everything.candidates import ROW, Candidates
from anymask.image.large import LargePicture, of_picture
from anymask.image.picture import Picture
from anymask.masks import rle


@dataclass(frozen=True)
class Scene:
    """Objects painted over each other; `parents` says which are parts of which."""

    labels: np.ndarray
    parents: dict[int, int]

    def picture(self) -> LargePicture:
        pixels = np.stack([self.labels // 256, self.labels % 256, self.labels * 0], axis=2)
        return of_picture(Picture(pixels=pixels.astype(np.uint8), name="scene", sha256="0" * 64))

    def whole(self) -> Picture:
        height, width = self.labels.shape
        return Picture(pixels=self.picture().read((0, 0, width, height)))

    def objects_in(self, pixels):
        """Give the visible pixels of each object, parts and all, by its number."""
        labels = pixels[:, :, 0].astype(np.int64) * 256 + pixels[:, :, 1]
        planes: dict[int, np.ndarray] = {}
        for label in np.unique(labels[labels > 0]).tolist():
            at = label
            while at:
                planes[at] = planes.get(at, False) | (labels == label)
                at = self.parents.get(at, 0)
        return planes


def eye(scene, *, score=None, jitter=False, least_area=12):
    """Give what looks at tiles of a scene.

    Args:
        scene: The scene.
        score: Object number and the picture it is seen in → predicted IoU; None for high ones.
        jitter: Whether outlines differ by a pixel from look to look.
        least_area: Smaller parts are not seen.
    """
    num_looks = 0

    def look(part, settings, floors, progress):
        nonlocal num_looks
        num_looks += 1
        rows, codes = [], []
        height, width = part.size_hw
        for label, plane in scene.objects_in(part.pixels).items():
            num, parts = cv2.connectedComponents(plane.astype(np.uint8), connectivity=4)
            for number in range(1, num):
                mask = parts == number
                if np.count_nonzero(mask) < least_area:
                    continue
                if jitter and (label + num_looks) % 2:
                    mask = cv2.dilate(mask.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
                iou = 0.9 + label % 89 / 1000 if score is None else score(label, part)
                if iou <= floors.pred_iou:
                    continue
                y, x = np.argwhere(mask)[0]
                x0, y0, w, h = cv2.boundingRect(mask.astype(np.uint8))
                box = (x0, y0, x0 + w, y0 + h)
                rows.append((0, (x, y), 0, iou, 0.97, box, np.count_nonzero(mask)))
                codes.append(rle.encode(mask)["counts"])
        progress(1, 1)
        return Candidates(
            size_hw=part.size_hw,
            rows=np.array(rows, ROW),
            codes=codes,
            crops=((0, 0, width, height),),
            settings=settings,
            floors=floors,
            num_prompts=1,
            left_out={},
        )

    return look


def nested_blobs(size_hw, num_objects, seed, largest=0.12) -> Scene:
    """Paint ellipses of many sizes, half of them with a part inside."""
    generator = np.random.default_rng(seed)
    height, width = size_hw
    labels = np.zeros(size_hw, np.int32)
    parents: dict[int, int] = {}
    sizes = np.sort(generator.uniform(0.01, largest, num_objects))[::-1] * max(size_hw)
    for size in sizes:
        label = int(labels.max()) + 1 if not parents else max(int(labels.max()), *parents) + 1
        centre = (int(generator.uniform(0, width)), int(generator.uniform(0, height)))
        axes = (
            int(size * generator.uniform(0.4, 1)) + 2,
            int(size * generator.uniform(0.4, 1)) + 2,
        )
        angle = generator.uniform(0, 180)
        cv2.ellipse(labels, centre, axes, angle, 0, 360, label, -1)
        if generator.random() < 0.5:
            cv2.ellipse(labels, centre, (axes[0] // 2, axes[1] // 2), angle, 0, 360, label + 1, -1)
            parents[label + 1] = label
    return Scene(labels, parents)
