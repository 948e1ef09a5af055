"""The published checkpoints: what they are called, weigh and hash to, and where they lie.

Source: the release of Segment Anything (Kirillov et al., 2023) and of MobileSAM (Zhang et al.,
2023). The digits at the end of Segment Anything's file names are the start of some other hash and
prove nothing; sizes and sha256 here do, wherever a file comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# In the order they are asked: the publisher first.
_SAM = (
    "https://dl.fbaipublicfiles.com/segment_anything",
    "https://huggingface.co/ybelkada/segment-anything/resolve/main/checkpoints",
)
_MOBILE_SAM = (
    "https://github.com/ChaoningZhang/MobileSAM/raw/master/weights",
    "https://huggingface.co/dhkim2810/MobileSAM/resolve/main",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One published checkpoint.

    Attributes:
        name: What people call it here.
        architecture: The architecture its tensors have.
        file_name: What it is called where it is published.
        num_bytes: Size of the file.
        sha256: Of the file's bytes, 64 hexadecimal digits.
        mirrors: Addresses it can be downloaded from, in the order to ask them; at least one.
        licence: Terms of the weights.
    """

    name: str
    architecture: str
    file_name: str
    num_bytes: int
    sha256: str
    mirrors: tuple[str, ...]
    licence: str

    @property
    def url(self) -> str:
        """The first address it can be downloaded from, the publisher's own."""
        return self.mirrors[0]


def _sam(size: str, digits: str, num_bytes: int, sha256: str) -> PublishedFile:
    file_name = f"sam_vit_{size}_{digits}.pth"
    return PublishedFile(
        name=f"sam_vit_{size}",
        architecture=f"vit_{size}",
        file_name=file_name,
        num_bytes=num_bytes,
        sha256=sha256,
        mirrors=tuple(f"{mirror}/{file_name}" for mirror in _SAM),
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
            PublishedFile(
                name="mobile_sam",
                architecture="mobile_sam",
                file_name="mobile_sam.pt",
                num_bytes=40_728_226,
                sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
                mirrors=tuple(f"{mirror}/mobile_sam.pt" for mirror in _MOBILE_SAM),
                licence="Apache-2.0",
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
