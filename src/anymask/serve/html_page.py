"""Objects of a picture as one HTML file that opens anywhere, offline, and asks nobody for anything.

Names are text wherever they stand. A policy inside the file allows its one style and its one
script, by their hashes, and pictures that are part of the file; nothing else, whoever wrote a name.
"""

import base64
import hashlib
import html
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from anymask.image.picture import Picture
from anymask.masks.colours import Colour
from anymask.masks.png import png_bytes
from anymask.masks.polygons import rings_of
from anymask.masks.rle import area, decode, runs_of
from anymask.masks.run_sets import bounds, cut
from anymask.serve.cutting import CutOptions, cut_object
from anymask.serve.download_names import safe_label, stem_of_picture
from anymask.serve.exporting import Exported
from anymask.serve.sent_objects import SentObject

# Larger pictures are written as JPEG, which is a tenth of the size and looks the same.
_LOSSLESS_PIXELS: Final = 1 << 20
_JPEG_QUALITY: Final = 90
# Cut-outs share the file with the picture; what is beyond this is shown by its outline alone.
_MOST_CUT_PIXELS: Final = 24 << 20
_MOST_CUTS: Final = 300
# Outlines may leave the exact ones by this much at this side.
_TOLERANCE_PX: Final = 0.6

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 1200px; padding: 16px; }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
figure { margin: 0; position: relative; }
figure svg { display: block; width: 100%; height: auto; max-height: 85vh; background: #8884; }
path { fill-opacity: 0; stroke-opacity: 0; stroke-width: 2px; vector-effect: non-scaling-stroke; }
path:hover, path:focus, path.on { fill-opacity: .4; stroke-opacity: 1; outline: none; }
figcaption { min-height: 1.5em; padding: 8px 0; overflow-wrap: anywhere; }
ul { display: grid; gap: 16px; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); }
li { border: 1px solid #8886; border-radius: 12px; padding: 8px; overflow-wrap: anywhere; }
li.on { outline: 2px solid #0072bd; }
li img { display: block; max-width: 100%; max-height: 200px; margin: 0 auto 8px;
  background: repeating-conic-gradient(#bbb 0 25%, #eee 0 50%) 0 0 / 16px 16px; }
li svg { width: 1em; height: 1em; vertical-align: -.125em; margin-right: .4em; }
"""
# The sign in the list and the outline in the picture find each other by their number.
_SCRIPT: Final = """
"use strict";
const caption = document.querySelector("figcaption");
const shapes = [...document.querySelectorAll("path[data-n]")];
const cards = [...document.querySelectorAll("li[data-n]")];
const usual = caption.textContent;
function light(number) {
  for (const one of [...shapes, ...cards]) one.classList.toggle("on", one.dataset.n === number);
  const card = cards.find((one) => one.dataset.n === number);
  caption.textContent = card ? card.dataset.told : usual;
}
for (const one of [...shapes, ...cards]) {
  for (const type of ["pointerenter", "focus"]) {
    one.addEventListener(type, () => light(one.dataset.n));
  }
  for (const type of ["pointerleave", "blur"]) one.addEventListener(type, () => light(""));
}
for (const link of document.querySelectorAll("a[download]")) {
  link.href = link.parentElement.querySelector("img").src;
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """An object as the file shows it.

    Attributes:
        number: Its place, from 1.
        one: The object.
        told: Name and numbers, for people.
        path: Its outline as an SVG path.
        cut: The cut-out as a PNG, or None where there is no room for it.
    """

    number: int
    one: SentObject
    told: str
    path: str
    cut: bytes | None


def export_html(picture: Picture, picture_name: str, objects: Sequence[SentObject]) -> Exported:
    """Write objects and their picture as one HTML file.

    Args:
        picture: The picture.
        picture_name: Its name.
        objects: The objects.
    """
    source, is_exact = _picture_source(picture)
    shown = _shown(picture, objects)
    notes = []
    if not is_exact:
        notes.append("The picture in the page is a JPEG; the cut-outs are exact.")
    if any(one.cut is None for one in shown):
        count = sum(one.cut is not None for one in shown)
        notes.append(f"The page holds {count} of {len(shown)} cut-outs, the largest ones.")
    text = _page(picture_name, picture.size_hw, source, shown)
    return Exported(
        name=f"{stem_of_picture(picture_name)}.html",
        media_type="text/html; charset=utf-8",
        content=text.encode("utf-8", "replace"),
        notes=tuple(notes),
    )


def _page(name: str, size_hw: tuple[int, int], source: str, shown: Sequence[_Shown]) -> str:
    height, width = size_hw
    count = f"{len(shown)} object{'' if len(shown) == 1 else 's'}"
    # Small objects lie on top, so that the pointer reaches them.
    outlines = "\n".join(map(_outline, sorted(shown, key=lambda one: -area(one.one.rle))))
    title = html.escape(name)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(_policy())}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<figure>
<svg viewBox="0 0 {width} {height}" role="group" aria-label="{title}">
<image href="{source}" width="{width}" height="{height}"/>
{outlines}
</svg>
<figcaption aria-live="polite">{count}, {width} × {height} pixels</figcaption>
</figure>
<ul>
{"".join(_card(one, name) for one in shown)}</ul>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _outline(shown: _Shown) -> str:
    told, colour = html.escape(shown.told), _css(shown.one.colour)
    return (
        f'<path data-n="{shown.number}" tabindex="0" role="img" aria-label="{told}" '
        f'fill="{colour}" stroke="{colour}" fill-rule="evenodd" d="{shown.path}"/>'
    )


def _card(shown: _Shown, picture_name: str) -> str:
    told = html.escape(shown.told)
    swatch = f'<svg viewBox="0 0 1 1"><rect width="1" height="1" fill="{_css(shown.one.colour)}"/>'
    parts = [f'<li data-n="{shown.number}" data-told="{told}">']
    if shown.cut is not None:
        parts.append(f'<img alt="" src="{_data_url(shown.cut, "image/png")}">')
    parts.append(f"{swatch}</svg>{told}")
    if shown.cut is not None:
        stem, own = stem_of_picture(picture_name), safe_label(shown.one.name)
        file = html.escape(f"{stem}_{shown.number:03d}_{own}.png")
        parts.append(f' <a download="{file}">PNG</a>')
    return "".join([*parts, "</li>\n"])


def _shown(picture: Picture, objects: Sequence[SentObject]) -> list[_Shown]:
    height, width = picture.size_hw
    cuts = dict(_cuts(picture, objects))
    shown = []
    for place, one in enumerate(objects):
        share = 100 * area(one.rle) / (height * width)
        told = f"{one.name}, {share:.1f} % of the picture"
        told += "" if one.score is None else f", score {one.score:.2f}"
        shown.append(
            _Shown(
                number=place + 1,
                one=one,
                told=told,
                path=_svg_path(one, picture.size_hw),
                cut=cuts.get(place),
            )
        )
    return shown


def _cuts(picture: Picture, objects: Sequence[SentObject]) -> Iterator[tuple[int, bytes]]:
    """Give the cut-outs by place, the largest first, as long as there is room for them."""
    room, count, options = _MOST_CUT_PIXELS, 0, CutOptions()
    areas = [area(one.rle) for one in objects]
    for place in sorted(range(len(objects)), key=lambda place: -areas[place]):
        if areas[place] == 0 or count == _MOST_CUTS:
            break
        x0, y0, x1, y1 = bounds(runs_of(objects[place].rle), picture.size_hw)
        if (x1 - x0) * (y1 - y0) > room:
            continue
        room, count = room - (x1 - x0) * (y1 - y0), count + 1
        yield place, png_bytes(cut_object(picture, objects[place].rle, options).image)


def _svg_path(one: SentObject, size_hw: tuple[int, int]) -> str:
    runs = runs_of(one.rle)
    x0, y0, x1, y1 = box = bounds(runs, size_hw)
    if x1 == 0:
        return ""
    mask = decode({"size": [y1 - y0, x1 - x0], "counts": cut(runs, size_hw, box)})
    rings = rings_of(mask, tolerance_px=_TOLERANCE_PX) or rings_of(mask)
    corners = (" ".join(f"{x + x0},{y + y0}" for x, y in ring.tolist()) for ring in rings)
    return "".join(f"M{ring}z" for ring in corners)


def _picture_source(picture: Picture) -> tuple[str, bool]:
    """Give the picture as the address of an image, and whether it is exact."""
    image = Image.fromarray(picture.pixels)
    height, width = picture.size_hw
    # JPEG has no larger sides.
    if height * width <= _LOSSLESS_PIXELS or max(height, width) > 65_000:
        return _data_url(png_bytes(image), "image/png"), True
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return _data_url(buffer.getvalue(), "image/jpeg"), False


def _policy() -> str:
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(_STYLE)}; "
        f"script-src {_hash(_SCRIPT)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _css(colour: Colour) -> str:
    red, green, blue = colour
    return f"rgb({red},{green},{blue})"
