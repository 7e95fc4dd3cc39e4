"""The version, which setup.py and the release read here."""

from collections import namedtuple

__version__ = "26.11.0"
version_info = namedtuple("version_info", "major minor micro releaselevel serial")(26, 11, 0, "final", 0)  # type: ignore[arg-type, call-arg]
