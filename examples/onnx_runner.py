"""A click on a photo becomes a mask with onnxruntime, numpy and Pillow, and nothing else.

    anymask export onnx -o exported
    python onnx_runner.py exported photo.jpg 320 240

The numbers are the click, x and y in pixels of the upright photo; photo.jpg.mask.png is written.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image, ImageOps


def main(folder: str, photo: str, x: str, y: str) -> None:
    """Write the mask of what is at (x, y)."""
    about = json.loads(Path(folder, "model.json").read_text())
    image, side = ImageOps.exif_transpose(Image.open(photo)).convert("RGB"), about["input_size"]
    w, h = (max(1, int(side / max(image.size) * length + 0.5)) for length in image.size)
    rgb = np.asarray(image.resize((w, h), Image.Resampling.BILINEAR)) - about["pixel_mean"]
    square = np.pad(rgb / about["pixel_std"], ((0, side - h), (0, side - w), (0, 0)))
    pixels = np.array([square.transpose(2, 0, 1)], np.float32)
    given = InferenceSession(f"{folder}/encoder.onnx").run(None, {"pixels": pixels})
    # A click and, as there is no box, one point that is none; no earlier mask; height and width.
    points = [[(float(x) * w / image.width, float(y) * h / image.height), (0, 0)]]
    given += [points, [[1, -1]], np.zeros((1, 1, side // 4, side // 4)), [0], image.size[::-1]]
    inputs = dict(zip(about["decoder"]["inputs"], map(np.float32, given), strict=True))
    masks, scores, _ = InferenceSession(f"{folder}/decoder.onnx").run(None, inputs)
    # The first of the four masks is for prompts of several points; a click may mean the others.
    Image.fromarray(masks[0, 1 + scores[0, 1:].argmax()] > 0).save(f"{photo}.mask.png")


main(*sys.argv[1:]) if len(sys.argv) == 5 else print(__doc__)
