"""Tracebacks that can be pickled: a chain of frames as plain data, and a traceback made of such data."""

from types import TracebackType

__all__ = ["dump_traceback", "load_traceback"]

_TEMPLATE = compile("raise RuntimeError", "", "exec")
_NAMES = ("__name__", "__file__")


def dump_traceback(tb):
    """Return what `load_traceback` needs to make a traceback like `tb`, as data that pickle takes.

    Each entry is (file, function, line, names of the module). None gives None.
    """
    if tb is None:
        return None
    entries = []
    while tb is not None:
        frame = tb.tb_frame
        code = frame.f_code
        names = {name: frame.f_globals[name] for name in _NAMES if isinstance(frame.f_globals.get(name), str)}
        entries.append((code.co_filename, code.co_name, tb.tb_lineno, names))
        tb = tb.tb_next
    return tuple(entries)


def load_traceback(dumped):
    """Return a traceback that prints like the dumped one. Its frames hold no variables."""
    tb = None
    for filename, function, line, names in reversed(dumped or ()):
        # No instruction (-1): the template's columns would be wrong for the line.
        tb = TracebackType(tb, _make_frame(filename, function, line, names), -1, line)
    return tb


def _make_frame(filename, function, line, names):
    code = _TEMPLATE.replace(co_filename=filename, co_name=function, co_firstlineno=line)
    try:
        exec(code, dict(names))
    except RuntimeError as error:
        return error.__traceback__.tb_next.tb_frame
