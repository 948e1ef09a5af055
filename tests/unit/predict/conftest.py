"""A small model of each architecture, and a picture embedded by it."""

import pytest

from tests.unit.predict import networks


@pytest.fixture(scope="session", params=["small_vit", "small_lite"])
def model(request):
    """A small model, once of the published architecture and once of the default's."""
    return networks.model(getattr(networks, request.param)())


@pytest.fixture(scope="session")
def embedding(model):
    """A picture of 56 × 40 pixels."""
    return model.embed(networks.picture())


@pytest.fixture(scope="session")
def vit():
    """A small model of the published architecture."""
    return networks.model(networks.small_vit())


@pytest.fixture(scope="session")
def vit_embedding(vit):
    """The same picture, embedded by `vit`."""
    return vit.embed(networks.picture())
