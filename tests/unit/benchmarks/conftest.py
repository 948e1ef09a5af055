"""Benchmarks are run as files and see each other by bare names; here they are found so too."""

import sys

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "benchmarks"))
