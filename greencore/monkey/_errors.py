"""What patching raises and warns with."""


class MonkeyPatchWarning(RuntimeWarning):
    """Something was patched too late, or in a combination that does not work."""


class DoNotPatch(BaseException):
    """Raised by a subscriber to a "will patch" event: leave it as it is."""


class _BadImplements(AttributeError):
    """A source module does not say what it implements."""

    def __init__(self, module):
        super().__init__(f"Module {module!r} has a bad or missing value for __implements__")
