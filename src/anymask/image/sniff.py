"""What bytes are, told from how they begin: names and suffixes are never believed.

Only formats listed here as readable are ever handed to a decoder. Everything else is named if
it is known, and refused.
"""

import re
from types import MappingProxyType

from anymask.errors import UnknownFormat
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

_PICTURE = "save it as JPEG, PNG or TIFF first"
_FILM = "use the video command"
_PACKED = "unpack it first"
_ARRAY = "load it and pass the array"

# Formats that are known but not read: what they are, how they begin, what to do.
_OTHER_MAGIC = (
    ("a Photoshop picture (PSD)", rb"8BPS", _PICTURE),
    ("a PDF document", rb"%PDF", _PICTURE),
    ("a PostScript file (EPS or PS)", rb"%!PS|\xc5\xd0\xd3\xc6", _PICTURE),
    ("an AVIF picture", rb"....ftyp(?:avif|avis)", _PICTURE),
    ("a Canon camera raw picture (CR3)", rb"....ftypcrx", _PICTURE),
    ("a HEIC picture", rb"....ftyp(?:heic|heix|hevc|hevx|heim|heis|mif1|msf1|mif2)", _PICTURE),
    ("a film (MP4 or MOV)", rb"....(?:ftyp|moov|mdat)", _FILM),
    ("a film (AVI)", rb"RIFF....AVI ", _FILM),
    ("a film (WebM or MKV)", rb"\x1a\x45\xdf\xa3", _FILM),
    ("a Canon camera raw picture (CR2)", rb"II\*\0....CR", _PICTURE),
    ("an Olympus camera raw picture (ORF)", rb"IIR[OS]\x08\0|MMOR\0\x08", _PICTURE),
    ("a Panasonic camera raw picture (RW2)", rb"IIU\0", _PICTURE),
    ("a Fujifilm camera raw picture (RAF)", rb"FUJIFILMCCD-RAW", _PICTURE),
    ("a Sigma camera raw picture (X3F)", rb"FOVb", _PICTURE),
    ("a Minolta camera raw picture (MRW)", rb"\0MRM", _PICTURE),
    ("a JPEG 2000 picture", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", _PICTURE),
    ("a JPEG XL picture", rb"\xff\x0a|\0\0\0\x0cJXL ", _PICTURE),
    ("a JPEG XR picture", rb"II\xbc\x01", _PICTURE),
    ("an OpenEXR picture", rb"\x76\x2f\x31\x01", _PICTURE),
    ("a Radiance HDR picture", rb"#\?RADIANCE|#\?RGBE", _PICTURE),
    ("a GIMP picture (XCF)", rb"gimp xcf", _PICTURE),
    ("a QOI picture", rb"qoif", _PICTURE),
    ("a DDS texture", rb"DDS ", _PICTURE),
    ("a DjVu document", rb"AT&TFORM", _PICTURE),
    ("an icon (ICO)", rb"\0\0[\x01\x02]\0[\x01-\x40]\0", _PICTURE),
    ("an icon (ICNS)", rb"icns", _PICTURE),
    ("a FITS picture", rb"SIMPLE  =", _PICTURE),
    ("a DICOM picture", rb".{128}DICM", _PICTURE),
    ("an HDF5 file", rb"\x89HDF\r\n\x1a\n", _PICTURE),
    ("a NumPy array file", rb"\x93NUMPY", _ARRAY),
    ("GZIP data", rb"\x1f\x8b", _PACKED),
    ("a ZIP archive", rb"PK\x03\x04", _PACKED),
    ("BZIP2 data", rb"BZh[1-9]", _PACKED),
    ("XZ data", rb"\xfd7zXZ\0", _PACKED),
    ("Zstandard data", rb"\x28\xb5\x2f\xfd", _PACKED),
    ("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", _PACKED),
    ("a RAR archive", rb"Rar!\x1a\x07", _PACKED),
)

_WEB_PAGE = re.compile(r"<!doctype html|<(?:html|head|body|script|title|div|p)[\s>]|<!--")


def sniff(head: bytes, name: str) -> str:
    """Say which readable format bytes are in.

    Args:
        head: The first `HEAD_BYTES` bytes, or all if there are fewer.
        name: Name for messages, escaped.

    Returns:
        One of `READABLE`.

    Raises:
        UnknownFormat: If the bytes are in no format that is read; the message names what they are.
    """
    for format_name, pattern in _READABLE_MAGIC:
        if pattern.match(head):
            return format_name
    for description, magic, hint in _OTHER_MAGIC:
        if re.match(magic, head, re.DOTALL):
            raise UnknownFormat(f"{name}: is {description}, which is not read", hint=hint)
    text = _as_text(head)
    if text is not None:
        raise _text_refused(text, name)
    raise UnknownFormat(
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


def _text_refused(text: str, name: str) -> UnknownFormat:
    lower = text[:1024].lower()
    if lower.startswith("version https://git-lfs"):
        return UnknownFormat(
            f"{name}: is a Git LFS pointer, not a picture", hint="fetch the file with git lfs pull"
        )
    if lower.startswith("<") and "<svg" in lower:
        return UnknownFormat(f"{name}: is an SVG drawing, which is not read", hint="save it as PNG")
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
    return UnknownFormat(f"{name}: is {kind}, not a picture{begin}", hint=hint)
