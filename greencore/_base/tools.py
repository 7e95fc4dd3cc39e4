"""Small tools that the package and its dependents share."""

import os
import time


class _DefaultValue:
    """The default of arguments for which None is a value."""

    __slots__ = ()

    def __repr__(self):
        return "<default value>"


_NONE = _DefaultValue()


def update_wrapper(wrapper, wrapped):
    """Make `wrapper` look like `wrapped`, as functools does: functools would import threads too early."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        value = getattr(wrapped, name, _NONE)
        if value is not _NONE:
            setattr(wrapper, name, value)
    wrapper.__dict__.update(getattr(wrapped, "__dict__", {}))
    wrapper.__wrapped__ = wrapped
    return wrapper


def copy_globals(
    source,
    globs,
    only_names=None,
    ignore_missing_names=False,
    names_to_ignore=(),
    dunder_names_to_keep=("__implements__", "__all__", "__imports__"),
    cleanup_globs=True,
):
    """Copy the names of the module `source` to the dictionary `globs`, the caller's globals.

    Names that begin with two underscores stay behind, but for those of `dunder_names_to_keep`.
    `only_names` restricts the copy; a name of it that `source` lacks raises AttributeError unless
    `ignore_missing_names`. With `cleanup_globs` this function's own name is removed from `globs`.
    Return the names copied.
    """
    if only_names is None or not only_names:
        names = list(source.__dict__)
    elif ignore_missing_names:
        names = [name for name in only_names if hasattr(source, name)]
    else:
        names = list(only_names)
    copied = []
    for name in names:
        if name in names_to_ignore or (name.startswith("__") and name not in dunder_names_to_keep):
            continue
        globs[name] = getattr(source, name)
        copied.append(name)
    if cleanup_globs:
        globs.pop("copy_globals", None)
    return copied


def rebind(function, globs):
    """Return a copy of a function that looks its global names up in the dictionary `globs`.

    So a function of the standard library uses what `globs` has in the place of its module's own names.
    """
    copy = type(rebind)(function.__code__, globs, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__doc__ = function.__doc__
    return copy


def reraise(kind, value, tb=None):
    """Raise the exception `value` with the traceback `tb`. `kind` is not needed."""
    raise value.with_traceback(tb)


def import_c_accel(globs, cname):
    """Do nothing: here no module has a second implementation."""


class Lazy:
    """A property computed once: the value then lives in the instance's dictionary."""

    def __init__(self, func):
        self.data = (func, func.__name__)
        update_wrapper(self, func)

    def __get__(self, instance, owner):
        if instance is None:
            return self
        func, name = self.data
        value = instance.__dict__[name] = func(instance)
        return value


class readproperty:
    """A property computed at each access until somebody assigns to it."""

    def __init__(self, func):
        self.func = func
        update_wrapper(self, func)

    def __get__(self, instance, owner):
        return self if instance is None else self.func(instance)


class LazyOnClass:
    """A property computed at the first access through any instance, and then kept in the class."""

    @classmethod
    def lazy(cls, namespace, func):
        """Put a LazyOnClass for `func` into `namespace`, under the function's name."""
        namespace[func.__name__] = cls(func)

    def __init__(self, func, name=None):
        self.func = func
        self.name = name or func.__name__

    def __get__(self, instance, owner):
        if instance is None:
            return self
        value = self.func(instance)
        setattr(owner, self.name, value)
        return value


class CallbackLink:
    """A link made of a callback, which it equals and is printed as. A subclass says how the callback is called."""

    __slots__ = ["callback"]

    def __init__(self, callback):
        self.callback = callback

    def __hash__(self):
        return hash(self.callback)

    def __eq__(self, other):
        return self.callback == getattr(other, "callback", other)

    def __str__(self):
        return str(self.callback)

    def __repr__(self):
        return repr(self.callback)

    def __getattr__(self, name):
        if name == "callback":  # not set yet
            raise AttributeError(name)
        return getattr(self.callback, name)


def gmctime():
    """Return the time of day as RFC 3339 writes it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def why_not_run(path):
    """Return why `runpy.run_path` would find no program at `path`, None if there is one."""
    try:
        if os.path.isdir(path):
            os.stat(os.path.join(path, "__main__.py"))
        else:
            open(path, "rb").close()
    except OSError as error:
        return f"can't open {error.filename!r}: {error.strerror}"
    return None
