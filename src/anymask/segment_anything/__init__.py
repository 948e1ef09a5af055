"""For programs written for the published package: change the import line, keep the rest.

    from anymask.segment_anything import SamPredictor, sam_model_registry

Names, shapes, types and leniency are the published ones: points outside the picture and boxes with
swapped corners are not refused, and a predictor remembers its picture. New programs are better off
with `anymask.load`, which checks what it is asked and holds no hidden state.
"""

from anymask.segment_anything.automatic_mask_generator import SamAutomaticMaskGenerator
from anymask.segment_anything.models import (
    SamModel,
    build_sam,
    build_sam_tiny,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    build_sam_vit_t,
    sam_model_registry,
)
from anymask.segment_anything.predictor import SamPredictor
from anymask.segment_anything.transforms import ResizeLongestSide

__all__ = [
    "ResizeLongestSide",
    "SamAutomaticMaskGenerator",
    "SamModel",
    "SamPredictor",
    "build_sam",
    "build_sam_tiny",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_model_registry",
]
