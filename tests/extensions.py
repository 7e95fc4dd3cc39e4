"""Extensions in C, compiled for a test out of tests/extension."""

import importlib.util
import shlex
import subprocess
import sysconfig
from pathlib import Path

SOURCES = Path(__file__).parent / "extension"


def built(name, folder, *options):
    """Compile NAME.c into `folder` and return the path; `options` are the compiler's."""
    target = folder / (name + sysconfig.get_config_var("EXT_SUFFIX"))
    compiler = shlex.split(sysconfig.get_config_var("CC"))
    flags = ["-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    include = "-I" + sysconfig.get_path("include")
    subprocess.run([*compiler, *flags, include, SOURCES / f"{name}.c", "-o", target, *options], check=True)
    return target


def loaded(name, folder, *options):
    """The module that NAME.c is."""
    spec = importlib.util.spec_from_file_location(name, built(name, folder, *options))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
