"""What bytes are, told from how they begin: names and suffixes are never believed.

Only formats listed here as readable are ever handed to a decoder. Everything else is named if
it is known, and refused.
"""

import re
from types import MappingProxyType

from anymask.errors import ImageError
from anymask.image.names import display_name

HEAD_BYTES = 4096

READABLE = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "PPM")

SUFFIXES = MappingProxyType(
    {
        "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        "PNG": (".png", ".apng"),
        "WebP": (".webp",),
        "GIF": (".gif",),
        "BMP": (".bmp", ".dib"),
        "TIFF": (".tif", ".tiff", ".btf", ".tf8"),
        "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    }
)

_READABLE_MAGIC = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("BMP", re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)),
    ("TIFF", re.compile(rb"II\*\0(?!.{4}CR)|MM\0\*|II\+\0|MM\0\+", re.DOTALL)),
    ("PPM", re.compile(rb"P[1-6fF][\s#]")),
)

# Formats that are known but not read, with how they begin.
_OTHER_MAGIC = (
    ("a Photoshop picture (PSD)", rb"8BPS"),
    ("a PDF document", rb"%PDF"),
    ("a PostScript file (EPS or PS)", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("an AVIF picture", rb"....ftyp(?:avif|avis)"),
    ("a Canon camera raw picture (CR3)", rb"....ftypcrx"),
    ("a HEIC picture", rb"....ftyp(?:heic|heix|hevc|hevx|heim|heis|mif1|msf1|mif2)"),
    ("a film (MP4 or MOV)", rb"....(?:ftyp|moov|mdat)"),
    ("a film (AVI)", rb"RIFF....AVI "),
    ("a film (WebM or MKV)", rb"\x1a\x45\xdf\xa3"),
    ("a Canon camera raw picture (CR2)", rb"II\*\0....CR"),
    ("an Olympus camera raw picture (ORF)", rb"IIR[OS]\x08\0|MMOR\0\x08"),
    ("a Panasonic camera raw picture (RW2)", rb"IIU\0"),
    ("a Fujifilm camera raw picture (RAF)", rb"FUJIFILMCCD-RAW"),
    ("a Sigma camera raw picture (X3F)", rb"FOVb"),
    ("a Minolta camera raw picture (MRW)", rb"\0MRM"),
    ("a JPEG 2000 picture", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    ("a JPEG XL picture", rb"\xff\x0a|\0\0\0\x0cJXL "),
    ("a JPEG XR picture", rb"II\xbc\x01"),
    ("an OpenEXR picture", rb"\x76\x2f\x31\x01"),
    ("a Radiance HDR picture", rb"#\?RADIANCE|#\?RGBE"),
    ("a GIMP picture (XCF)", rb"gimp xcf"),
    ("a QOI picture", rb"qoif"),
    ("a DDS texture", rb"DDS "),
    ("a DjVu document", rb"AT&TFORM"),
    ("an icon (ICO)", rb"\0\0[\x01\x02]\0[\x01-\x40]\0"),
    ("an icon (ICNS)", rb"icns"),
    ("a FITS picture", rb"SIMPLE  ="),
    ("a DICOM picture", rb".{128}DICM"),
    ("an HDF5 file", rb"\x89HDF\r\n\x1a\n"),
    ("a NumPy array file", rb"\x93NUMPY"),
    ("an SQLite database", rb"SQLite format 3\0"),
    ("GZIP data", rb"\x1f\x8b"),
    ("a ZIP archive", rb"PK\x03\x04"),
    ("BZIP2 data", rb"BZh[1-9]"),
    ("XZ data", rb"\xfd7zXZ\0"),
    ("Zstandard data", rb"\x28\xb5\x2f\xfd"),
    ("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c"),
    ("a RAR archive", rb"Rar!\x1a\x07"),
)

_WEB_PAGE = re.compile(r"<!doctype html|<(?:html|head|body|script|title|div|p)[\s>]|<!--")

_CONVERT = "save it as JPEG, PNG or TIFF first"


def sniff(head: bytes, name: str) -> str:
    """Say which readable format bytes are in.

    Args:
        head: The first `HEAD_BYTES` bytes, or all if there are fewer.
        name: Name for messages, escaped.

    Returns:
        One of `READABLE`.

    Raises:
        ImageError: If the bytes are in no format that is read; the message names what they are.
    """
    for format_name, magic in _READABLE_MAGIC:
        if magic.match(head):
            return format_name
    for description, pattern in _OTHER_MAGIC:
        if re.match(pattern, head, re.DOTALL):
            raise ImageError(f"{name}: is {description}, which is not read", hint=_CONVERT)
    text = _as_text(head)
    if text is not None:
        raise _text_refused(text, name)
    raise ImageError(
        f"{name}: is no known picture format (begins with {head[:4].hex(' ')})",
        hint=f"give a {', '.join(READABLE[:-1])} or {READABLE[-1]} file",
    )


def suffix_note(format_name: str, suffix: str | None) -> str | None:
    """Say so when a file's name claims another format than its bytes.

    Args:
        format_name: One of `READABLE`, told from the bytes.
        suffix: The name's suffix in lower case, "" if it has none; None if there is no name.

    Returns:
        A note, or None where name and bytes agree.
    """
    if suffix is None or suffix in SUFFIXES[format_name]:
        return None
    if not suffix:
        return f"is {format_name} by its content; its name has no suffix"
    return f"is {format_name} by its content although its name ends in {display_name(suffix)}"


def _as_text(head: bytes) -> str | None:
    """Give the beginning as text, or None if it is none."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    for num_cut in range(4):  # the last character may be cut in the middle
        try:
            text = head[: len(head) - num_cut].decode(encoding)
        except UnicodeDecodeError:
            continue
        is_text = all(character.isprintable() or character.isspace() for character in text)
        return text.lstrip() if is_text else None
    return None


def _text_refused(text: str, name: str) -> ImageError:
    lower = text[:1024].lower()
    if lower.startswith("version https://git-lfs"):
        return ImageError(
            f"{name}: is a Git LFS pointer, not a picture", hint="fetch the file with git lfs pull"
        )
    if lower.startswith("<") and "<svg" in lower:
        return ImageError(f"{name}: is an SVG drawing, which is not read", hint="save it as PNG")
    hint = "download it again, the server sent something else"
    if _WEB_PAGE.match(lower):
        kind = "a web page"
    elif lower.startswith("<"):
        kind = "XML"
    elif lower.startswith(("{", "[")):
        kind = "JSON"
    else:
        kind, hint = "text", "check that this is the file you mean"
    words = text.split(maxsplit=1)
    begin = f" (begins with `{display_name(words[0][:20])}`)" if words else ""
    return ImageError(f"{name}: is {kind}, not a picture{begin}", hint=hint)
