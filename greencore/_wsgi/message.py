"""The header of a request as an object."""


class OldMessage:
    """The header of a request, for handlers that look at `WSGIHandler.headers`.

    lines: the header's lines, bytes. Names are found whatever the case of their letters.
    """

    status = ""

    def __init__(self, lines):
        self._fields = []
        for line in lines:
            name, _, value = line.decode("latin-1").partition(":")
            self._fields.append((name, value.strip()))

    @property
    def headers(self):
        """The lines, as an iterator of str with CRLF."""
        return (f"{name}: {value}\r\n" for name, value in self._fields)

    @property
    def typeheader(self):
        """The Content-Type, or None."""
        return self.get("content-type")

    def get(self, name, default=None):
        """Return the first value of a field, else `default`."""
        name = name.lower()
        return next((value for known, value in self._fields if known.lower() == name), default)

    getheader = get

    def items(self):
        """Return the fields as a list of (name, value)."""
        return list(self._fields)

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self):
        return iter(name for name, _ in self._fields)

    def __len__(self):
        return len(self._fields)

    def __str__(self):
        return "".join(self.headers)
