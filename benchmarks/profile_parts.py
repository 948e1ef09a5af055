"""Say where the time goes, in the published package and here; write `results/profile.json`."""

import argparse
from functools import partial
from typing import Any

import torch
from comparisons import PARTIAL_DEPTH, one_click, one_picture
from part_times import PartTimes, in_shares, median_parts
from record import processor, write_record
from reference import pair
from rich.console import Console

from anymask.segment_anything import predictor as predictor_file

ENCODER_COLUMNS = ["ViT-B encoder, 3 of 12 blocks", "published", "share", "anymask", "share of it"]
CLICK_COLUMNS = ["one click, three masks at 1800 × 1200", *ENCODER_COLUMNS[1:]]
PART_OF_ENCODER = {
    "patch_embed": "patch embedding",
    "norm1": "norms of the blocks",
    "norm2": "norms of the blocks",
    "mlp": "MLPs",
    "neck": "neck",
}

Parts = dict[str, float]


def main() -> None:
    """Take both apart and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="calls of the encoders")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    console = Console(stderr=True)
    with console.status("encoders"):
        encoder = encoder_parts(rounds)
    with console.status("clicks"):
        click = click_parts(5 * rounds)
    path = write_record(
        "profile",
        f"make bench (profile, rounds={rounds})",
        f"{processor()}, one thread, CPU time",
        seconds={"encoder": encoder, "click": click},
        tables={
            "profile_encoder": table(ENCODER_COLUMNS, encoder),
            "profile_click": table(CLICK_COLUMNS, click),
        },
    )
    console.print(f"wrote {path}")


def encoder_parts(rounds: int) -> dict[str, Parts]:
    """Give the seconds of the encoder's parts, for the published package and for ours."""
    published, ours = pair("vit_b", PARTIAL_DEPTH)
    pixels = one_picture()
    found = {}
    for name, encoder in (("published", published.image_encoder), ("anymask", ours.image_encoder)):
        parts = PartTimes()
        watch_encoder(parts, encoder, ours.config.vit.global_blocks if ours.config.vit else ())
        found[name] = median_parts(partial(encoder, pixels), parts, rounds)
    return found


def watch_encoder(parts: PartTimes, encoder: Any, global_blocks: tuple[int, ...]) -> None:  # noqa: ANN401
    """Watch the parts of a ViT encoder: both packages give them the published names."""
    for name, part in PART_OF_ENCODER.items():
        for owner in (encoder, *encoder.blocks):
            if hasattr(owner, name):
                parts.watch(part, getattr(owner, name))
    for number, block in enumerate(encoder.blocks):
        kind = "global" if number in global_blocks else "windowed"
        parts.watch(f"attention, {kind}", block.attn)


def click_parts(rounds: int) -> dict[str, Parts]:
    """Give the seconds of a click's parts, for the published package and for ours."""
    found = {}
    for name, watch in (("published", watch_published_click), ("anymask", watch_our_click)):
        made = one_click(objects=True)
        parts = PartTimes()
        watch(parts, made.predictors[name])
        found[name] = median_parts(made.calls[name], parts, rounds)
    return found


def watch_published_click(parts: PartTimes, predictor: Any) -> None:  # noqa: ANN401
    """Watch the parts of the published decoder and what follows it."""
    model = predictor.model
    parts.watch("prompt encoder", model.prompt_encoder)
    parts.watch("position codes of the grid", model.prompt_encoder, "get_dense_pe")
    parts.watch("transformer", model.mask_decoder.transformer)
    parts.watch("upscaling and products", model.mask_decoder.output_upscaling)
    parts.watch("upscaling and products", model.mask_decoder)
    parts.watch("to the photo's size", model, "postprocess_masks")


def watch_our_click(parts: PartTimes, predictor: Any) -> None:  # noqa: ANN401
    """Watch the parts of our decoder and what follows it."""
    network = predictor.model.network
    parts.watch("prompt encoder", network.prompt_encoder, "sparse")
    parts.watch("transformer", network.mask_decoder.transformer)
    parts.watch("upscaling and products", network.mask_decoder, "draw")
    parts.watch("once a picture", network, "prepare")
    parts.watch("to the photo's size", predictor_file, "full_resolution")


def table(columns: list[str], found: dict[str, Parts]) -> dict[str, Any]:
    """Set the parts of both side by side, the dearest of the published ones first."""
    theirs, mine = found["published"], found["anymask"]
    shares = {name: in_shares(parts) for name, parts in found.items()}
    names = sorted({*theirs, *mine}, key=lambda name: -theirs.get(name, 0.0))
    rows = [
        [
            name,
            milliseconds(theirs.get(name)),
            percent(shares["published"].get(name)),
            milliseconds(mine.get(name)),
            percent(shares["anymask"].get(name)),
        ]
        for name in names
    ]
    whole = [milliseconds(sum(parts.values())) for parts in (theirs, mine)]
    rows.append(["whole", whole[0], "100 %", whole[1], "100 %"])
    return {"columns": columns, "rows": rows}


def milliseconds(seconds: float | None) -> str | None:
    """Give milliseconds with one decimal where they are few."""
    if seconds is None:
        return None
    return f"{1000 * seconds:.1f} ms" if seconds < 0.0995 else f"{1000 * seconds:.0f} ms"


def percent(share: float | None) -> str | None:
    """Give a share in percent."""
    return None if share is None else f"{100 * share:.0f} %"


if __name__ == "__main__":
    main()
