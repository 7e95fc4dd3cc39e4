"""What the command line names: an application, or a folder of files."""

import os

from greencore._wsgi.application import load as load_application
from greencore.serve._files import Files


def load(what):
    """Return the WSGI application: that of a folder, or MODULE:ATTRIBUTE. Raises NoApplicationError."""
    return Files(what) if os.path.isdir(what) else load_application(what)
