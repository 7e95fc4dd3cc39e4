"""What patching raises and warns with."""

from greencore._base.plugins import DoNotPatch  # noqa: F401 - what patches finds it here


class MonkeyPatchWarning(RuntimeWarning):
    """Something was patched too late, or in a combination that does not work."""


class _BadImplements(AttributeError):
    """A source module does not say what it implements."""

    def __init__(self, module):
        super().__init__(f"Module {module!r} has a bad or missing value for __implements__")
