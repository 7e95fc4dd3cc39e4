"""Environs that do not give away what is in them."""


class Environ(dict):
    """A dict whose copies keep its class. Its pickle is a plain dict."""

    __slots__ = ()

    def copy(self):
        """Return a shallow copy of the same class."""
        return type(self)(self)

    def __reduce_ex__(self, protocol):
        return dict, (), None, None, iter(self.items())


class SecureEnviron(Environ):
    """An environ whose repr() shows no values.

    secure_repr: False shows everything. whitelist_keys: if not empty, the keys whose values are shown; if
    print_masked_keys is true, the other keys are shown without theirs. The class has a default for each: default_secure_repr and so on.
    """

    default_secure_repr = True
    default_whitelist_keys = ()
    default_print_masked_keys = True

    __slots__ = ("secure_repr", "whitelist_keys", "print_masked_keys")

    def __getattr__(self, name):
        if name in SecureEnviron.__slots__:
            return getattr(type(self), "default_" + name)
        raise AttributeError(name)

    def __repr__(self):
        if not self.secure_repr:
            return super().__repr__()
        shown = self.whitelist_keys
        if not shown:
            return f"<pywsgi.{type(self).__name__} dict (keys: {len(self)}) at {id(self)}>"
        masked = {key: value if key in shown else "<MASKED>" for key, value in self.items()}
        if self.print_masked_keys:
            return repr(masked)
        visible = {key: value for key, value in masked.items() if key in shown}
        return f"{visible!r} (hidden keys: {len(self) - len(visible)})"

    __str__ = __repr__


class WSGISecureEnviron(SecureEnviron):
    """The environ that errors are reported with: it shows only where the request came from."""

    default_whitelist_keys = ("REMOTE_ADDR", "REMOTE_PORT", "HTTP_HOST")
    default_print_masked_keys = False

    __slots__ = ()
