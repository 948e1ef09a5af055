"""How training samples are made: every choice that a run can make about its pictures."""

from dataclasses import dataclass

from anymask.errors import ConfigError

MOST_PROMPTS = 1024
SHARES = (
    "zoom_share",
    "whole_share",
    "largest_share",
    "pseudo_share",
    "copy_paste_share",
    "part_whole_share",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """How samples are made.

    The defaults are those of the default model. As published are whole pictures, up to 64 masks,
    unchanged colours: `prompts=64, zoom_share=0, whole_share=1, recolour=False, mirror=False`.

    Attributes:
        prompts: Masks P of each picture; a picture with fewer shows some of them again.
        zoom_share: Share of samples that show a square around one object.
        whole_share: Share of the others that show the whole picture.
        jitter: Smallest and largest scale of large-scale jitter (published: 0.1 and 2.0), which
            then chooses every window; None for no jitter.
        recolour: Whether colours are changed.
        mirror: Whether every second picture is mirrored.
        largest_share: Masks over this share of the picture, or of the window, are left out.
        smallest_cells: Masks that fill fewer cells of the target (4 × 4 pixels) are left out.
        natural_size: Whether a square around an object shows up to twelve times the object, not
            five, and is enlarged at most twice, not five times.
        distort: Whether pictures are also turned a little, blurred, stored badly, made grey and
            noisy.
        pseudo_share: Where a picture has masks by people and by a model, the share of prompts
            that ask for those by a model; less where their share among the masks is less.
        copy_paste_share: Share of samples onto which objects of other pictures are pasted.
        part_whole_share: Share of samples that ask one click twice: for a part and for its whole.
        region_sets: Sets of the masks of regions, not of objects: neighbours of like colour make
            wholes, and nothing is cut out of them to be pasted.
    """

    prompts: int = 4
    zoom_share: float = 0.3
    whole_share: float = 0.5
    jitter: tuple[float, float] | None = None
    recolour: bool = True
    mirror: bool = True
    largest_share: float = 0.9
    smallest_cells: int = 6
    natural_size: bool = False
    distort: bool = False
    pseudo_share: float = 0.5
    copy_paste_share: float = 0.0
    part_whole_share: float = 0.0
    region_sets: tuple[str, ...] = ("bsds500",)

    def __post_init__(self) -> None:
        if not 1 <= self.prompts <= MOST_PROMPTS:
            raise ConfigError(
                f"sample.prompts must be 1 to {MOST_PROMPTS}, got {self.prompts}", hint="use 4"
            )
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"sample.{name} must be in [0, 1], got {getattr(self, name):g}",
                    hint="give a share, not a percentage",
                )
        if self.smallest_cells < 1:
            raise ConfigError(
                f"sample.smallest_cells must be 1 or more, got {self.smallest_cells}",
                hint="use 6, or 2 for very small things",
            )
        if self.jitter is not None and not 0 < self.jitter[0] <= self.jitter[1] <= 10:
            raise ConfigError(
                f"sample.jitter must be two scales, 0 < smaller <= larger <= 10, got {self.jitter}",
                hint="use 0.1 and 2.0, as published",
            )
