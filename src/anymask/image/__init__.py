"""Any picture in, an upright RGB array out; and the way into the model's square and back."""

from anymask.image.frame import boxes_to_frame, frame_for, points_from_frame, points_to_frame
from anymask.image.names import display_name
from anymask.image.options import ReadOptions
from anymask.image.photos import PHOTOS, photo_path
from anymask.image.picture import Picture
from anymask.image.prepare import to_model_input
from anymask.image.read import read_picture

__all__ = [
    "PHOTOS",
    "Picture",
    "ReadOptions",
    "boxes_to_frame",
    "display_name",
    "frame_for",
    "photo_path",
    "points_from_frame",
    "points_to_frame",
    "read_picture",
    "to_model_input",
]
