"""One photo → everything in it, with the time that took."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anymask.cli.everything_settings import in_flags
from anymask.errors import ConfigError, InputError

if TYPE_CHECKING:
    from anymask.api import Model
    from anymask.cli.everything_progress import Progress
    from anymask.everything.candidates import Candidates
    from anymask.everything.generate import Found
    from anymask.everything.kept import PictureOf
    from anymask.everything.settings import EverythingSettings
    from anymask.image.picture import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOnPhoto:
    """What was found on one photo.

    Attributes:
        found: The masks, the candidates, and what became of them.
        picture: The upright picture; of one looked at in tiles a small one; None without one.
        source: Which photo it is, and which model looked at it.
        kept_as: Number format of the embedding where it was a kept one; None for a fresh one.
        notes: What is odd about the photo.
        encode_seconds: Time for the image embedding.
        find_seconds: Time for the masks.
        tiles: What became of the tiles, for people; "" where it was looked at as a whole.
    """

    found: "Found"
    picture: "Picture | None"
    source: "PictureOf"
    kept_as: str | None
    notes: tuple[str, ...]
    encode_seconds: float
    find_seconds: float
    tiles: str = ""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Size of the upright photo, pixels."""
        return self.found.candidates.size_hw

    def dropped(self) -> dict[str, int]:
        """Count the candidates that did not stay, by the name of the setting they missed."""
        counts = dict(self.found.candidates.left_out)
        for reason, number in self.found.selection.counts().items():
            counts[reason.value] = counts.get(reason.value, 0) + number
        return {name: number for name, number in counts.items() if number}

    @property
    def num_candidates(self) -> int:
        """How many masks the model gave."""
        candidates = self.found.candidates
        return len(candidates) + sum(candidates.left_out.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How everything is looked for.

    Attributes:
        settings: Grid, crops, thresholds.
        keep_all: Whether candidates below the thresholds are drawn too.
        budget_bytes: What the program may take; None for no limit.
        use_cache: Whether a kept embedding is taken.
        is_half: Whether the embedding is rounded to float16.
        tile_side: Side of a tile, pixels; None to look at the photo as a whole.
        halo: How far a tile looks over its edge, pixels.
    """

    settings: "EverythingSettings"
    keep_all: bool = False
    budget_bytes: int | None = None
    use_cache: bool = True
    is_half: bool = False
    tile_side: int | None = None
    halo: int = 0


def find_on(
    model: "Model",
    picture: "Picture",
    name: str,
    search: Search,
    on_progress: "Progress | None" = None,
) -> FoundOnPhoto:
    """Find everything on a photo.

    Args:
        model: The model.
        picture: The upright photo.
        name: What records call it.
        search: How.
        on_progress: Told how far it is.

    Returns:
        What was found.

    Raises:
        ConfigError: If the memory that is allowed is too little.
        OutputError: If candidates outgrow the memory and the disk is full.
    """
    from anymask.everything.candidates import Floors
    from anymask.everything.generate import find_all
    from anymask.everything.kept import PictureOf
    from anymask.predict.kept_embeddings import as_if_kept

    began = time.perf_counter()
    embedding = model.embed(picture, use_cache=search.use_cache)
    if search.is_half:
        embedding = as_if_kept(model.loaded, embedding, "float16")
    encoded = time.perf_counter()
    try:
        found = find_all(
            model.loaded,
            embedding,
            search.settings,
            floors=Floors() if search.keep_all else None,
            budget_bytes=search.budget_bytes,
            on_progress=on_progress,
        )
    except ConfigError as error:
        raise in_flags(error) from error
    return FoundOnPhoto(
        found=found,
        picture=picture,
        source=PictureOf(
            name=name,
            sha256=picture.sha256 or "",
            model=f"{model.loaded.name}, {model.loaded.origin}",
            model_sha256=model.loaded.sha256,
        ),
        kept_as=embedding.kept_as,
        notes=(*picture.notes, *embedding.notes),
        encode_seconds=encoded - began,
        find_seconds=time.perf_counter() - encoded,
    )


def notes_on_photo(
    shown: str, candidates: "Candidates", source: "PictureOf", picture: "Picture | None"
) -> tuple[str, ...]:
    """Compare kept candidates with the photo that was named for them.

    Args:
        shown: Name of the file of candidates, for messages.
        candidates: What was kept.
        source: Of which photo.
        picture: The photo that was named; None where none was.

    Returns:
        What is odd, for people.

    Raises:
        InputError: If the photo has another size.
    """
    if picture is None:
        return ()
    if picture.size_hw != candidates.size_hw:
        (height, width), (own_height, own_width) = picture.size_hw, candidates.size_hw
        raise InputError(
            f"{shown}: is of a photo of {own_width}×{own_height}, not of {width}×{height}",
            hint="name the photo it was made from",
        )
    if source.sha256 and source.sha256 != picture.sha256:
        return ("was made from a photo of other bytes than the one that was named",)
    return ()
