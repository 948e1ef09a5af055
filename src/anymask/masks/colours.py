"""Colours of masks: far from each other, also for eyes that do not tell red from green."""

import colorsys

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

# After the palette of Okabe and Ito (2008), the dark ones brightened so that they tint a photo.
PALETTE: tuple[Colour, ...] = (
    (20, 140, 255),
    (255, 150, 0),
    (0, 190, 130),
    (215, 85, 190),
    (245, 225, 50),
    (235, 75, 45),
    (110, 215, 255),
)

# Steps of the golden angle never come back to a hue they have used.
_GOLDEN_TURN = 0.618033988749895


def colour_of(index: int) -> Colour:
    """Give the colour of the mask at this place of a list.

    Args:
        index: Place from 0; the first seven are the palette, later ones turn around the hues.

    Returns:
        Red, green, blue, 0 to 255.
    """
    if index < len(PALETTE):
        return PALETTE[index]
    step = index - len(PALETTE)
    hue = (0.08 + step * _GOLDEN_TURN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.9, 0.6)[step % 2], (1.0, 0.75)[step // 2 % 2])
    return round(red * 255), round(green * 255), round(blue * 255)
