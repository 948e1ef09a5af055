"""The published checkpoints: what they are called, weigh and hash to, and where they lie.

Source: the release of Segment Anything (Kirillov et al., 2023). The digits at the end of its file
names are the start of some other hash and prove nothing; sizes and sha256 here do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_RELEASE = "https://dl.fbaipublicfiles.com/segment_anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One published checkpoint.

    Attributes:
        name: What people call it here.
        architecture: The architecture its tensors have.
        file_name: What it is called where it is published.
        num_bytes: Size of the file.
        sha256: Of the file's bytes, 64 hexadecimal digits.
        url: Where it can be downloaded.
        licence: Terms of the weights.
    """

    name: str
    architecture: str
    file_name: str
    num_bytes: int
    sha256: str
    url: str
    licence: str


def _sam(size: str, digits: str, num_bytes: int, sha256: str) -> PublishedFile:
    file_name = f"sam_vit_{size}_{digits}.pth"
    return PublishedFile(
        name=f"sam_vit_{size}",
        architecture=f"vit_{size}",
        file_name=file_name,
        num_bytes=num_bytes,
        sha256=sha256,
        url=f"{_RELEASE}/{file_name}",
        licence="Apache-2.0",
    )


PUBLISHED: Mapping[str, PublishedFile] = MappingProxyType(
    {
        file.name: file
        for file in (
            _sam(
                "b",
                "01ec64",
                375_042_383,
                "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
            ),
            _sam(
                "l",
                "0b3195",
                1_249_524_607,
                "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
            ),
            _sam(
                "h",
                "4b8939",
                2_564_550_879,
                "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
            ),
        )
    }
)


def by_file_name(file_name: str) -> PublishedFile | None:
    """Give the published checkpoint whose file is called so, or None."""
    return next((file for file in PUBLISHED.values() if file.file_name == file_name), None)


def by_sha256(sha256: str) -> PublishedFile | None:
    """Give the published checkpoint whose bytes hash so, or None."""
    return next((file for file in PUBLISHED.values() if file.sha256 == sha256), None)
