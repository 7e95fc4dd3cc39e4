"""Gives the interpreters that tests start what an installed greencore's .pth file does."""

import os

import _greencore_alias

if os.environ.get("GREENCORE_ALIAS") != "0":
    _greencore_alias.install()
