"""An answer → files."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from anymask.cli.answer import Answer
from anymask.cli.outputs import Output
from anymask.cli.records import coco_records
from anymask.masks.atomic import write_bytes
from anymask.masks.logits_file import logits_bytes
from anymask.masks.marks import draw_prompt
from anymask.masks.mask import Masks
from anymask.masks.png import png_bytes
from anymask.receipt import FileStamp, placed, stamp_bytes


def write_outputs(
    answer: Answer, outputs: list[Output], owner: Path, *, may_overwrite: bool
) -> tuple[FileStamp, ...]:
    """Write the files of one photo, each whole or not at all.

    Args:
        answer: What to write.
        outputs: The files.
        owner: The output beside which their receipt will stand.
        may_overwrite: Whether existing files may be replaced.

    Returns:
        Names and hashes of the files.

    Raises:
        OutputError: If a file cannot be written or may not be replaced.
    """
    stamps = []
    for output in outputs:
        content = content_of(answer, output)
        write_bytes(output.path, content, overwrite=may_overwrite)
        stamps.append(placed(stamp_bytes(str(output.path), content), output.path, owner))
    return tuple(stamps)


def content_of(answer: Answer, output: Output) -> bytes:
    """Give the content of one output file.

    Args:
        answer: What to write.
        output: In which form.

    Returns:
        The file's bytes.
    """
    match output.format.name:
        case "rle":
            return (json.dumps(coco_records(answer), indent=2) + "\n").encode("ascii")
        case "overlay":
            return _overlay(answer, output.path.suffix.lower())
    mask = answer.masks[output.number or 0][1]
    match output.format.name:
        case "cutout":
            return png_bytes(mask.cutout())
        case "logits":
            return logits_bytes(Masks((mask,)).low_res_logits[0])
    return png_bytes(Image.fromarray(mask.array.view(np.uint8) * np.uint8(255)))


def _overlay(answer: Answer, suffix: str) -> bytes:
    masks = Masks(tuple(mask for _, mask in answer.masks))
    drawn = masks.overlay() if len(answer.prompts) == 1 else _objects(masks, answer)
    if suffix == ".png":
        return png_bytes(drawn)
    buffer = io.BytesIO()
    drawn.save(buffer, format="JPEG", quality=92)
    return buffer.getvalue()


def _objects(masks: Masks, answer: Answer) -> Image.Image:
    """Draw masks of several prompts: the prompts lie under the masks, the scores above all."""
    canvas = np.array(answer.picture.pixels)
    for prompt in answer.prompts:
        draw_prompt(canvas, prompt)
    return masks.overlay(image=canvas)
