"""Patch, then run a script or a module as the interpreter would."""

import inspect
import sys

from greencore import monkey
from greencore._base.tools import why_not_run


def _switches():
    """Return (what patch_all takes, those of it that are modules)."""
    spec = inspect.getfullargspec(inspect.unwrap(monkey.patch_all))
    return spec.args, [name for name in spec.args if hasattr(monkey, f"patch_{name}")]


def usage():
    modules = ", ".join(f"--[no-]{name}" for name in _switches()[1])
    return (
        "gevent.monkey - run a program with the standard library patched\n\n"
        "USAGE: python -m gevent.monkey [MONKEY OPTIONS] [--module] (script|module) [SCRIPT OPTIONS]\n\n"
        "Without options everything is patched that patch_all() patches by default.\n"
        "--no-<module> leaves one out; --<module> patches that one, and no other that is not named too.\n"
        "--module runs a module by its name, instead of a file, directory or zip archive by its path.\n"
        "--verbose prints the settings first.\n\n"
        f"MONKEY OPTIONS: --verbose, {modules}"
    )


def parse(argv):
    """Return (arguments for patch_all, run as a module?, verbose?, what is left of argv: nothing, for --help). Exits for a bad
    option."""
    known, modules = _switches()
    settings, as_module, verbose = {}, False, False
    argv = list(argv)
    while argv and argv[0].startswith("-"):
        option = argv.pop(0).removeprefix("--")
        if option in ("help", "-h"):
            return settings, as_module, verbose, []
        if option == "verbose":
            verbose = True
        elif option == "module":
            as_module = True
        elif option.startswith("no-") and option[3:] in known:
            settings[option[3:]] = False
        elif option in known:
            settings[option] = True
            if option in modules:
                for name in modules:
                    settings.setdefault(name, False)
        else:
            sys.exit(f"{usage()}\n\nCannot patch {option!r}")
    return settings, as_module, verbose, argv


def main():
    """Run what the command line names, patched: the body of `python -m gevent.monkey`.

    Returns the globals of what ran, or None after printing how to use it. Options are in `usage()`.
    """
    settings, as_module, verbose, argv = parse(sys.argv[1:])
    if verbose:
        import os
        import pprint

        print("gevent.monkey.patch_all(%s)" % ", ".join("%s=%s" % item for item in settings.items()))
        print("sys.version=%s" % sys.version.replace("\n", " "))
        print("sys.path=%s" % pprint.pformat(sys.path))
        print("sys.modules=%s" % pprint.pformat(sorted(sys.modules)))
        print("cwd=%s" % os.getcwd())
    if not argv:
        print(usage())
        return None
    fault = None if as_module else why_not_run(argv[0])
    if fault:
        sys.exit(f"python -m gevent.monkey: {fault}")
    sys.argv[:] = argv
    monkey.patch_all(**settings)

    import runpy

    if as_module:
        return runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    return runpy.run_path(argv[0], run_name="__main__")
