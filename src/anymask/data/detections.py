"""Boxes that any detector wrote: COCO results, COCO annotations, YOLO texts."""

from pathlib import Path

from anymask.data.photo_boxes import Detection, Detections
from anymask.data.readers.coco_boxes import read_box_annotations, read_box_results
from anymask.data.readers.json_stream import is_outer_list
from anymask.data.readers.yolo_boxes import read_yolo_boxes
from anymask.errors import DataError
from anymask.image import display_name

__all__ = ["Detection", "Detections", "read_detections"]


def read_detections(path: str | Path) -> Detections:
    """Read the boxes of a detector.

    Args:
        path: A JSON file: COCO results (a list of image_id, category_id, bbox and score) or COCO
            annotations with a bbox; the YOLO text of one photo; or a folder of such texts, each
            named like its photo.

    Returns:
        The boxes, to be asked for those on a photo; what could not be read is in `problems`.

    Raises:
        DataError: If the file is missing, cannot be read, is not whole JSON (line and column are
            named), or holds no boxes of these kinds.
    """
    path = Path(path)
    if path.is_dir():
        return read_yolo_boxes(path)
    shown = display_name(path)
    if not path.exists():
        raise DataError(f"{shown}: no such file", hint="check the path")
    if not path.is_file():
        raise DataError(f"{shown}: is not a regular file", hint="give a .json or .txt file")
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return read_yolo_boxes(path)
    if suffix != ".json":
        raise DataError(
            f"{shown}: boxes are read from .json and .txt files and from folders of .txt files",
            hint="write COCO results or YOLO texts",
        )
    return read_box_results(path) if is_outer_list(path) else read_box_annotations(path)
