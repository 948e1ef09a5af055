"""`anymask info --check`: what runs here, how fast, and how large a picture fits."""

from typing import Any, get_args

from rich.text import Text

from anymask.cli.free_memory import free_memory
from anymask.cli.screen import counted
from anymask.errors import AnymaskError, ConfigError, MissingExtra, WeightsNotFound
from anymask.masks.atomic import shown_name

SECONDS = 5.0
_PHOTO = "astronaut"
# Peak memory of `anymask segment` grew by so much with each pixel of 8-bit JPEG and PNG files of
# 20 and 60 million pixels: reading, one click, mask and overlay; the overlay takes the most.
BYTES_PER_PIXEL = 24


def check_facts() -> dict[str, Any]:
    """Give what was measured and looked up, in JSON's terms.

    Returns:
        "engines", "speed", "largest_picture", "checkpoints" and "embeddings".
    """
    return {
        "engines": _engines(),
        "speed": _speed(),
        "largest_picture": _largest_picture(),
        "checkpoints": _checkpoints(),
        "embeddings": _embeddings(),
    }


def check_rows(found: dict[str, Any]) -> list[tuple[str, str | Text]]:
    """Give the same as rows of a table for people.

    Args:
        found: What `check_facts` gave, among other things.
    """
    return [
        *_engine_rows(found["engines"]),
        ("speed", _speed_row(found["speed"])),
        ("largest photo", _largest_row(found["largest_picture"])),
        *_checkpoint_rows(found["checkpoints"]),
        ("embeddings", _embeddings_row(found["embeddings"])),
    ]


# --- looked up ---


def _engines() -> list[dict[str, Any]]:
    from anymask.predict.compiled_encoder import need_compiler
    from anymask.predict.engines import EngineName, check_engine

    engines = []
    for name in get_args(EngineName):
        remedy = None
        try:
            check_engine(name, "auto")
            if name == "compile":
                need_compiler()
        except (ConfigError, MissingExtra) as error:
            remedy = error.hint or error.message
        engines.append({"name": name, "is_ready": remedy is None, "remedy": remedy})
    return engines


def _speed() -> dict[str, Any] | None:
    from anymask.api import load
    from anymask.image.photos import photo_path
    from anymask.image.read import read_picture
    from anymask.predict.speed import measure_speed

    try:
        model = load()
    except WeightsNotFound:
        return None
    picture = read_picture(photo_path(_PHOTO))
    measured = measure_speed(model.loaded, picture, SECONDS)
    height, width = picture.size_hw
    return {
        "model": model.loaded.name,
        "device": str(model.loaded.device),
        "precision": model.loaded.precision,
        "width": width,
        "height": height,
        "encode_seconds": round(measured.encode_seconds, 5),
        "click_seconds": round(measured.click_seconds, 5),
        "num_encodes": measured.num_encodes,
        "num_clicks": measured.num_clicks,
    }


def _largest_picture() -> dict[str, Any]:
    from anymask.image.options import MAX_PIXELS

    free = free_memory()
    return {
        "pixels": None if free is None else free // BYTES_PER_PIXEL,
        "free_bytes": free,
        "bytes_per_pixel": BYTES_PER_PIXEL,
        "limit_pixels": MAX_PIXELS,
    }


def _checkpoints() -> list[dict[str, Any]]:
    from anymask.weights.cache import is_there, weights_folder
    from anymask.weights.catalogue import PUBLISHED

    folder = weights_folder()
    return [
        {
            "name": name,
            "is_here": is_there(folder / published.file_name),
            "bytes": published.num_bytes,
            "command": f"anymask models download {name}",
        }
        for name, published in PUBLISHED.items()
    ]


def _embeddings() -> dict[str, Any]:
    from anymask.predict.embedding_cache import contents, open_cache

    try:
        cache = open_cache()
    except AnymaskError as error:
        return {"problem": str(error)}
    number, num_bytes = contents(cache)
    return {
        "folder": shown_name(cache.folder),
        "number": number,
        "bytes": num_bytes,
        "most_bytes": cache.most_bytes,
    }


# --- for people ---


def _engine_rows(engines: list[dict[str, Any]]) -> list[tuple[str, str | Text]]:
    ready = ", ".join(engine["name"] for engine in engines if engine["is_ready"])
    rows: list[tuple[str, str | Text]] = [("engines", Text.assemble((ready, "green"), " ready"))]
    return rows + [
        (f"engine {engine['name']}", Text.assemble(("missing", "yellow"), f"; {engine['remedy']}"))
        for engine in engines
        if not engine["is_ready"]
    ]


def _speed_row(speed: dict[str, Any] | None) -> str | Text:
    if speed is None:
        return Text("the default model is not in this installation", style="yellow")
    return (
        f"a photo of {speed['width']}×{speed['height']} is embedded in "
        f"{1000 * speed['encode_seconds']:,.0f} ms ({counted(speed['num_encodes'], 'run')}), "
        f"a click answered in {1000 * speed['click_seconds']:,.0f} ms "
        f"({counted(speed['num_clicks'], 'run')}), by the default model on {speed['device']}"
    )


def _largest_row(largest: dict[str, Any]) -> str:
    most = largest["limit_pixels"] // 10**6
    allowed = f"--max-pixels allows {most:,} million unless told otherwise"
    if largest["pixels"] is None:
        return f"the free memory is not known here; {allowed}"
    return (
        f"about {largest['pixels'] / 1e6:,.0f} million pixels, estimated: "
        f"{largest['free_bytes'] / 1e9:.1f} GB are free, and {largest['bytes_per_pixel']} bytes "
        f"a pixel were measured for segmenting an 8-bit photo; {allowed}"
    )


def _checkpoint_rows(checkpoints: list[dict[str, Any]]) -> list[tuple[str, str | Text]]:
    here = [one for one in checkpoints if one["is_here"]]
    absent = [one for one in checkpoints if not one["is_here"]]
    rows: list[tuple[str, str | Text]] = []
    if here:
        told = ", ".join(f"{one['name']} ({one['bytes'] / 1e6:,.0f} MB)" for one in here)
        rows.append(("downloaded", Text(told, style="green")))
    if absent:
        told = ", ".join(f"{one['name']} ({one['bytes'] / 1e6:,.0f} MB)" for one in absent)
        first = absent[0]["command"]
        rows.append(("not downloaded", Text(f"{told}: {first}")))
    return rows


def _embeddings_row(kept: dict[str, Any]) -> str | Text:
    if "problem" in kept:
        return Text(kept["problem"], style="yellow")
    return (
        f"{kept['number']:,} kept, {kept['bytes'] / 1e6:,.0f} MB of "
        f"{kept['most_bytes'] / 1e9:,.1f} GB, in {kept['folder']}"
    )
