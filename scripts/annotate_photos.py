"""Write the masks of the bundled photos from outlines drawn by hand.

Run from the repository root: python scripts/annotate_photos.py. The outlines below were drawn on
enlarged copies of the photos; coordinates are (x, y) in pixels, (0, 0) the upper left corner of
the first pixel. Where a border is sharp, GrabCut settles the last pixels inside a narrow band
around the drawn line. No segmentation model took part.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anymask.image.read import read_picture
from anymask.masks.rle import bbox, encode

Mask = NDArray[np.bool_]
FINER = 8
PHOTOS = Path("src/anymask/photos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One thing as it was drawn.

    Attributes:
        category: Short noun.
        rings: Rings to fill, each "x,y x,y ..."; two points "x,y a,b" are an ellipse's centre and
            half axes.
        without: Rings to take away again.
        band_px: Width of GrabCut's band on each side of the line, 0 for the line itself.
    """

    category: str
    rings: tuple[str, ...]
    without: tuple[str, ...] = ()
    band_px: int = 0


OUTLINES: Mapping[str, tuple[Outline, ...]] = MappingProxyType(
    {
        "astronaut.png": (
            Outline(
                category="person",
                rings=(
                    "33,512 29,500 27,485 24,465 22,445 23,425 21,412 19,398 21,385 24,370 25,350 "
                    "27,340 31,333 33,318 36,310 40,300 43,288 47,275 53,265 60,253 68,243 75,236 "
                    "85,227 95,219 105,211 113,206 114,198 114,188 118,184 121,187 126,181 130,170 "
                    "138,160.5 145,155 150,152.5 160,149.5 170,148 180,148 184,149 183,140 "
                    "182.3,131.5 178,131 174,127 171,121 168,116 163,112 160,109 157,103 155.5,97 "
                    "154.5,88 154,80 153,73 154,67 156,61 160,55 166,49 173,43 181,38.5 188,35.5 "
                    "191,31 196,28 201,25 208,22.5 216,20.5 222,18 230,15.5 240,16.5 250,18.5 "
                    "260,22.5 268,26.5 276,30.5 282,36 287,40 291,46 295,54 298,64 300,74 301.5,84 "
                    "301,92 298,102 296,108 291,116 286,121 281,126 279,131 276,135 271,136.8 "
                    "268,136.5 266,145 264,150 258,160 256,168 255,173 256,174 265,180 275,189 "
                    "285,201 293,212 300,224 304,234 309,238 320,244 327,250 335,257 341,266 "
                    "346,276 348,283 352,289 355,300 357,310 358,320 361,328 363,331 360,334 "
                    "361,345 366,350 366,420 300,512",
                ),
                without=(
                    "284,512 281,502 278.5,490 277,480 277,470 279.3,450 282.3,430 286,418 290,409 "
                    "292.5,400 297,392 301,389 306,386 312,379 318,373 329,363 340,357 350,353.5 "
                    "358,351.3 366,349.5 374,347 385,344.8 395,343.8 405,344 418,345 430,348.5 "
                    "440,352.5 450,358 460,365.5 470,375 478,384.5 485,395 490,408 493,420 495,435 "
                    "496.5,448 497.5,453 503,455 503,458.5 499,460 504,463 507,470 508,483 512,485 "
                    "512,512",
                ),
            ),
            Outline(
                category="patch",
                rings=("170.8,385.2 37,37.2",),
            ),
            Outline(
                category="name tag",
                rings=(
                    "278.5,339.2 326.7,346.2 329.2,362.3 323,367 318,372 313.5,378.5 300,376.5 "
                    "282.5,374.5",
                ),
            ),
            Outline(
                category="helmet",
                rings=(
                    "284,512 281,502 278.5,490 277,480 277,470 279.3,450 282.3,430 286,418 290,409 "
                    "292.5,400 297,392 301,389 306,386 312,379 318,373 329,363 340,357 350,353.5 "
                    "358,351.3 366,349.5 374,347 385,344.8 395,343.8 405,344 418,345 430,348.5 "
                    "440,352.5 450,358 460,365.5 470,375 478,384.5 485,395 490,408 493,420 495,435 "
                    "496.5,448 497.5,453 503,455 503,458.5 499,460 504,463 507,470 508,483 512,485 "
                    "512,512",
                ),
            ),
            Outline(
                category="hair",
                rings=(
                    "179,122 172,120 168,116 163,112 160,109 157,103 155.5,97 154.5,88 154,80 "
                    "153,73 154,67 156,61 160,55 166,49 173,43 181,38.5 188,35.5 191,31 196,28 "
                    "201,25 208,22.5 216,20.5 222,18 230,15.5 240,16.5 250,18.5 260,22.5 268,26.5 "
                    "276,30.5 282,36 287,40 291,46 295,54 298,64 300,74 301.5,84 301,92 298,102 "
                    "296,108 291,116 286,121 281,126 277,129 272.5,130 270.5,120 271.5,110 270,100 "
                    "268,93 266,88.5 258,89 253,87 245,84 236,81.5 225,81 215,80.5 206,80.5 198,80 "
                    "192,76 188,72 186,72 184.5,84 183.5,90 182,100 181,110 179.5,116",
                ),
                band_px=2,
            ),
            Outline(
                category="face",
                rings=(
                    "184,90 182.5,100 181.5,110 181.5,120 182,130 183,140 186,150 191,160 196,165 "
                    "201,170 207,174 213,177 222,179 230,179 237,177 243,174 250,168 258,160 "
                    "264,150 266,145 268,137 269,130 270.5,120 271.5,110 270,100 268,93 266,88.5 "
                    "258,89 253,87 245,84 236,81.5 225,81 215,80.5 206,80.5 198,80 192,76 188,72 "
                    "186,72 184.5,84",
                ),
            ),
        ),
        "camera.png": (
            Outline(
                category="camera",
                rings=(
                    "258,140.2 265,139.7 280,141 286,143 300,141.5 310,139.8 318,139.5 324,139.5 "
                    "325,145 324,156 320,156 319.5,169 320,180 320,183 310,183.3 307,185 300,187.5 "
                    "290,187 280,185.5 272,184 267,182 265,179 264.5,177.5 260,177.5 260,152 "
                    "253.3,151.5 252.5,147 254,143",
                ),
            ),
            Outline(
                category="tower",
                rings=(
                    "411.8,131 414,130.5 414,126 416,124.5 418.5,125 419,129.5 421.5,129.5 "
                    "421.8,122 422.5,118 424.5,119.5 427,118.2 430,119.5 431.6,122.5 430.8,126 "
                    "430.3,130.5 432,131 432,189 430,188 425,188.5 418,189.5 415,193.5 411.8,193",
                ),
            ),
            Outline(
                category="hair",
                rings=(
                    "161,106 163,101 166,97 170,92 174,86 179,81 184,76 190,71 197,68.5 205,67 "
                    "212,68 220,68.5 227,70.5 234,74 241,78.5 247,83 252,88.5 257,94 261,98.5 "
                    "266,105 269.5,112 271,118 270.5,126 269,131 265,130.5 259,127 257.5,133 "
                    "256,139 252,142 250,139 246,136 240,133.5 234,129 229,125.5 224,124.5 219,127 "
                    "218,131 213,133 210,139 208.5,146 206,150 202,150.5 199.5,146 197,140 "
                    "195.5,136 196,132 192,128 187,126.5 182,128.5 180,134 180,142 181,147 178,150 "
                    "172,152 166,150 161,147.5 158.5,140 156,130 155,120 156,113 160,107",
                ),
                without=(
                    "179.4,134 181.2,129 186.5,126.5 192,128 195.2,132 195.2,136.5 197.5,141 "
                    "198.5,147 195.5,152 193,155.3 188,155.3 183.5,151.5 180.7,147 179.2,141",
                ),
            ),
            Outline(
                category="ear",
                rings=(
                    "179.4,134 181.2,129 186.5,126.5 192,128 195.2,132 195.2,136.5 197.5,141 "
                    "198.5,147 195.5,152 193,155.3 188,155.3 183.5,151.5 180.7,147 179.2,141",
                ),
            ),
            Outline(
                category="heap",
                rings=(
                    "318.3,241 319.5,238.7 322,236.7 324,234 326,231 328,231.3 330,231 332.7,229.7 "
                    "335.5,231.3 337.3,232.7 338.5,235 340,238 342.3,240.7 342,241.2",
                ),
            ),
        ),
        "chelsea.png": (
            Outline(
                category="eye",
                rings=(
                    "139.5,110 142,98 146,92 151,88.5 158,87 166,86.5 174,87.5 182,90 190,95 "
                    "196,101 201,108 203,114 202.5,120 200.5,127 196,133 190,138 183,142 176,143.7 "
                    "168,142.8 160,140 153,135 147,128 142,119",
                ),
            ),
            Outline(
                category="pupil",
                rings=(
                    "164,114 165,108 166.5,101 168,97.5 171,94.5 175,92.5 179,94.5 182,98.5 "
                    "184.3,105 184.5,111 183.5,116 180.5,120.5 177,124 173,127.5 170,129 168,127.5 "
                    "166,122.5 164.5,118",
                ),
            ),
            Outline(
                category="eye",
                rings=(
                    "295.3,145 295.7,139 297,133 300,128 304,122.8 310,118.5 316,114.5 322,111.5 "
                    "328,110.3 333,110.5 337,114 339.5,119.5 340.5,126 340.3,133 339,139 336.5,145 "
                    "333,151 327,156 321,159.5 314,161 308,160.3 302,157.5 297.5,155 295.5,150",
                ),
            ),
            Outline(
                category="nose",
                rings=(
                    "240,233 245,231 248,229.5 254,228.8 260,229.5 266,231.5 272,233.5 277,233.5 "
                    "283,232.3 289,232.5 292.5,234.5 291,239 286,242 281,245 277,248 274,250.5 "
                    "271.5,256 268,260 263,262.5 259,265 255,264.5 252.5,260 251,254 250,248 "
                    "246,243.5 243.5,240 242,237",
                ),
            ),
        ),
        "coffee.png": (
            Outline(
                category="cup",
                rings=(
                    "173,104.7 174.7,91.8 179,76.8 188.7,61.7 200.5,49.8 215.6,38 236,27.2 "
                    "255.4,21.2 281.3,18 300.7,19 320,22.5 339.4,29 354.5,36.3 369.6,45.5 "
                    "382.5,55.9 393.2,68.1 400.8,80 406.2,94 408.3,107 408.3,122 400,157 391,180 "
                    "300,200 181,175 174,139 173,115",
                    "173,115 174,139 178,155 181,175 185,200 193,214 203,224 219,236 240,262 "
                    "258,283 270,285.5 281,286.5 297,284 311,280 322,273.5 329,267 331,261 340,253 "
                    "352,246 362,241 370,230 372,221 386,194 391,180 400,157 408,130",
                    "219,234 210,250 201,263 197,275 196,285 199,295 206,302 215,306 224,308 "
                    "229,300 232,290 236,275 241,262 248,252 256,246 250,236 237,231",
                ),
            ),
            Outline(
                category="coffee",
                rings=(
                    "203.8,147 214.5,160.7 229.6,172.6 244.7,181.2 264,188.7 285.6,193 305,193 "
                    "324.3,189.8 348,181.2 363,171.5 370,164 368.5,156.4 362,141.4 350.2,124 "
                    "337.3,111.2 320,100.4 302.8,95.7 287.7,94.6 272.7,96.1 255.4,99.4 240.4,102.6 "
                    "226.4,108 223.1,113.4 214.5,124.1 207,136",
                ),
            ),
            Outline(
                category="spoon",
                rings=(
                    "389,197 386,216 383,228 383,236 388,246 396,253 402,260 406,270 406,280 "
                    "403,292 398,302 390,312 380,320 368,324.4 356,325.6 344,322.4 335,314 329,304 "
                    "326,292 326,280 329,268 332,260 340,253 352,246 362,241 370,236 372,230 "
                    "373,223 380,216 383,206 388,198",
                    "396.5,72.4 399.7,68.6 406,67 413.7,67 420,70.3 423.4,73.5 424,79 420,96 "
                    "415.9,111.2 410.5,128.4 408.7,130.6 408.3,117.7 407.2,107 405,96 401.9,85.4 "
                    "398.6,76.8",
                ),
            ),
            Outline(
                category="saucer",
                rings=(
                    "180.3,71.1 160.2,80.8 139.3,94 122,108.5 104.7,127.6 90.8,150.2 82.1,174.4 "
                    "77.6,198.7 76.9,216 78.7,236.8 83.9,261.1 92.5,281.9 104.7,301 122,321.8 "
                    "139.3,339.1 160.2,354.7 184.4,368.6 208.7,377.3 236.4,384.2 264.2,387.7 "
                    "295.4,388.7 330,385.2 364.7,376.2 395.9,361.7 423.7,339.1 447.9,314.9 "
                    "461.8,294 472.2,268 478.1,240.3 478.4,216 475.7,195.2 468.7,171 454.9,143.2 "
                    "437.5,122.4 420.2,106.8 415.9,111.2 300,150",
                ),
                without=(
                    "173,104.7 174.7,91.8 179,76.8 188.7,61.7 200.5,49.8 215.6,38 236,27.2 "
                    "255.4,21.2 281.3,18 300.7,19 320,22.5 339.4,29 354.5,36.3 369.6,45.5 "
                    "382.5,55.9 393.2,68.1 400.8,80 406.2,94 408.3,107 408.3,122 400,157 391,180 "
                    "300,200 181,175 174,139 173,115",
                    "173,115 174,139 178,155 181,175 185,200 193,214 203,224 219,236 240,262 "
                    "258,283 270,285.5 281,286.5 297,284 311,280 322,273.5 329,267 331,261 340,253 "
                    "352,246 362,241 370,230 372,221 386,194 391,180 400,157 408,130",
                    "219,234 210,250 201,263 197,275 196,285 199,295 206,302 215,306 224,308 "
                    "229,300 232,290 236,275 241,262 248,252 256,246 250,236 237,231",
                    "389,197 386,216 383,228 383,236 388,246 396,253 402,260 406,270 406,280 "
                    "403,292 398,302 390,312 380,320 368,324.4 356,325.6 344,322.4 335,314 329,304 "
                    "326,292 326,280 329,268 332,260 340,253 352,246 362,241 370,236 372,230 "
                    "373,223 380,216 383,206 388,198",
                    "396.5,72.4 399.7,68.6 406,67 413.7,67 420,70.3 423.4,73.5 424,79 420,96 "
                    "415.9,111.2 410.5,128.4 408.7,130.6 408.3,117.7 407.2,107 405,96 401.9,85.4 "
                    "398.6,76.8",
                ),
            ),
            Outline(
                category="handle",
                rings=(
                    "219,234 210,250 201,263 197,275 196,285 199,295 206,302 215,306 224,308 "
                    "229,300 232,290 236,275 241,262 248,252 256,246 250,236 237,231",
                ),
            ),
        ),
        "coins.png": (
            Outline(
                category="coin",
                rings=("334.8,43.5 29.5,28",),
                band_px=3,
            ),
            Outline(
                category="coin",
                rings=("46.5,260 27.5,27.5",),
                band_px=3,
            ),
            Outline(
                category="coin",
                rings=("270.5,119.5 25,24.5",),
                band_px=3,
            ),
            Outline(
                category="coin",
                rings=("102.3,195.8 21.8,21.3",),
                band_px=3,
            ),
            Outline(
                category="coin",
                rings=("155.5,50.5 23.3,22.5",),
                band_px=3,
            ),
        ),
        "rocket.jpg": (
            Outline(
                category="rocket",
                rings=(
                    "322.5,127 319,129 315,134 312.5,141 311,148 311,170 311.5,177 314,180 "
                    "313.7,240 313.3,340 312.5,406.5 331.3,406.5 330,340 330,180 333,177 334,170 "
                    "334,150 333,141 330,134 326,129",
                ),
            ),
            Outline(
                category="fairing",
                rings=(
                    "322.5,127 319,129 315,134 312.5,141 311,148 311,170 311.5,177 314,179 331,179 "
                    "333,177 334,170 334,150 333,141 330,134 326,129",
                ),
            ),
            Outline(
                category="emblem",
                rings=("322.5,150.2 8.8,5.1",),
            ),
        ),
    }
)


def main() -> None:
    """Write src/anymask/photos/masks.json."""
    records = [_record(PHOTOS / name, outlines) for name, outlines in OUTLINES.items()]
    text = json.dumps({"pictures": records}, indent=1)
    (PHOTOS / "masks.json").write_text(text + "\n", encoding="utf-8")


def drawn(outline: Outline, pixels: NDArray[np.uint8]) -> Mask:
    """Give the mask of one outline, bool (H, W)."""
    mask = _filled(outline.rings, pixels.shape[:2]) & ~_filled(outline.without, pixels.shape[:2])
    return _settled(mask, pixels, outline.band_px) if outline.band_px else mask


def _record(path: Path, outlines: Iterable[Outline]) -> dict[str, Any]:
    pixels = read_picture(path).pixels
    annotations = []
    for number, outline in enumerate(outlines, 1):
        mask = drawn(outline, pixels)
        code = encode(mask)
        annotations.append(
            {
                "id": number,
                "category": outline.category,
                "area": int(mask.sum()),
                "bbox": list(bbox(code)),
                "segmentation": code,
            }
        )
    height, width = pixels.shape[:2]
    image = {"file_name": path.name, "width": width, "height": height}
    return {"image": image, "annotations": annotations}


def _filled(rings: Iterable[str], size_hw: tuple[int, int]) -> Mask:
    """Fill rings; a pixel belongs to them where more than half of it does."""
    fine = np.zeros((size_hw[0] * FINER, size_hw[1] * FINER), np.uint8)
    for ring in rings:
        points = np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", ring), dtype=np.float64)
        if len(points) == 2:
            angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
            circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
            points = points[0] + points[1] * circle
        cv2.fillPoly(fine, [np.round(points * FINER - 0.5).astype(np.int32)], 255)
    share = cv2.resize(fine, size_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(share > 127)


def _settled(mask: Mask, pixels: NDArray[np.uint8], band_px: int) -> Mask:
    """Let GrabCut decide inside a band around the border."""
    kernel = np.ones((3, 3), np.uint8)
    plane = mask.astype(np.uint8)
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(plane, kernel, iterations=band_px) > 0] = cv2.GC_FGD
    labels[cv2.dilate(plane, kernel, iterations=band_px) == 0] = cv2.GC_BGD
    x0, y0, x1, y1 = _window(mask, 15)
    part = np.ascontiguousarray(labels[y0:y1, x0:x1])
    cv2.setRNGSeed(0)
    window = np.ascontiguousarray(pixels[y0:y1, x0:x1])
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(window, part, (0, 0, 1, 1), *models, 5, cv2.GC_INIT_WITH_MASK)
    settled = np.zeros_like(mask)
    settled[y0:y1, x0:x1] = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    return _largest(settled)


def _window(mask: Mask, margin: int) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    return (
        max(0, int(xs.min()) - margin),
        max(0, int(ys.min()) - margin),
        min(width, int(xs.max()) + 1 + margin),
        min(height, int(ys.max()) + 1 + margin),
    )


def _largest(mask: Mask) -> Mask:
    """Keep the largest piece, its holes filled, its border smoothed by one pixel."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(opened)
    cv2.drawContours(whole, [max(contours, key=cv2.contourArea)], -1, 1, -1)
    return whole > 0


if __name__ == "__main__":
    main()
