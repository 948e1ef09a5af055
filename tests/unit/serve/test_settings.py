"""What the server is told as it starts."""

import pytest

from anymask.errors import ConfigError
from anymask.serve.settings import ServeSettings


def test_it_is_for_this_machine_alone_unless_told_otherwise():
    settings = ServeSettings()
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", 8765, None)
    assert settings.allowed_hosts == ()
    assert (settings.upload_bytes, settings.json_bytes) == (64 * 2**20, 32 * 2**20)


def test_without_a_limit_of_pixels_the_library_s_holds():
    assert ServeSettings().pixels == 178_956_970
    assert ServeSettings(max_pixels=1000).pixels == 1000


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"upload_bytes": 0}, "upload_bytes is 0; use 1 or more"),
        ({"memory_bytes": -1}, "memory_bytes is -1; use 1 or more"),
        ({"port": 65_536}, "port is 65536; use 1 to 65535"),
        ({"port": -1}, "port is -1; use 1 to 65535"),
        ({"token": ""}, "the token is empty; leave it out"),
    ],
)
def test_what_cannot_be_is_refused(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ServeSettings(**given)
