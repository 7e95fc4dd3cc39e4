"""The system's configuration of name services, read again when it changes."""

import os

NSSWITCH = "/etc/nsswitch.conf"
RESOLV_CONF = "/etc/resolv.conf"


class WatchedFile:
    """What `parse(lines)` makes of a text file, made again when the file has changed.

    lines: the file's lines without comments, each split into its words; none if there is no such file.
    """

    def __init__(self, path, parse):
        self.path = path
        self.parse = parse
        self._stamp = self._value = None

    def stamp(self):
        """Return what changes with the file; None if there is none."""
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def get(self):
        """Return the present value."""
        stamp = self.stamp()
        if self._value is None or stamp != self._stamp:
            self._value = self.parse(self._lines())
            self._stamp = stamp
        return self._value

    def _lines(self):
        try:
            with open(self.path, encoding="utf-8", errors="surrogateescape") as stream:
                lines = stream.read().splitlines()
        except OSError:
            return []
        return [words for line in lines if (words := line.partition("#")[0].split())]


def _parse_sources(lines):
    for words in lines:
        if words[0] == "hosts:":
            return [word for word in words[1:] if word in ("files", "dns")]
    return ["files", "dns"]


def _parse_options(lines):
    options = {"timeout": 5, "tries": 2}
    words = [word for words in lines if words[0] == "options" for word in words[1:]]
    for word in (*words, *os.environ.get("RES_OPTIONS", "").split()):
        name, _, value = word.partition(":")
        if name in ("timeout", "attempts") and value.isdigit():
            options["timeout" if name == "timeout" else "tries"] = int(value) or 1
    return options


#: Where names are looked up, in order: of "files" (the hosts file) and "dns" those that nsswitch.conf lists.
sources = WatchedFile(NSSWITCH, _parse_sources)

#: Seconds until a server is asked again, and how often: what resolv.conf says, else the C library's defaults.
resolv_options = WatchedFile(RESOLV_CONF, _parse_options)
