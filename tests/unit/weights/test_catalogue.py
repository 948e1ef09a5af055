"""The published files stand in the catalogue as they were published."""

from urllib.parse import urlsplit

import pytest

from anymask.weights.catalogue import PUBLISHED, by_file_name, by_sha256


@pytest.mark.parametrize(
    ("name", "num_bytes", "sha256"),
    [
        (
            "sam_vit_b",
            375042383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        ),
        (
            "sam_vit_l",
            1249524607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        ),
        (
            "sam_vit_h",
            2564550879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
    ],
)
def test_sizes_and_hashes_are_the_published_ones(name, num_bytes, sha256):
    file = PUBLISHED[name]
    assert (file.name, file.num_bytes, file.sha256) == (name, num_bytes, sha256)
    assert file.architecture == name.removeprefix("sam_")
    assert file.url.endswith(f"/segment_anything/{file.file_name}")
    assert file.licence == "Apache-2.0"


def test_mobile_sam_is_the_published_one():
    file = PUBLISHED["mobile_sam"]
    assert (file.file_name, file.num_bytes) == ("mobile_sam.pt", 40728226)
    assert file.sha256 == "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"
    assert "/ChaoningZhang/MobileSAM/" in file.url
    assert (file.architecture, file.licence) == ("mobile_sam", "Apache-2.0")


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_file_has_a_mirror_and_all_are_encrypted(name):
    file = PUBLISHED[name]
    assert (file.url, len(set(file.mirrors))) == (file.mirrors[0], 2)
    for url in file.mirrors:
        assert (urlsplit(url).scheme, url.endswith(f"/{file.file_name}")) == ("https", True)


def test_files_are_found_by_name_and_by_hash():
    file = PUBLISHED["sam_vit_l"]
    assert file.file_name == "sam_vit_l_0b3195.pth"
    assert by_file_name("sam_vit_l_0b3195.pth") is file
    assert by_sha256(file.sha256) is file
    assert by_file_name("sam_vit_l.pth") is None
    assert by_sha256("0" * 64) is None


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        PUBLISHED["mine"] = PUBLISHED["sam_vit_b"]  # type: ignore[index]
