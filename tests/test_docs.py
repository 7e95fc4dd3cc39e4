"""The documentation stays true where a program can tell; and every public name has a docstring."""

import ast
import functools
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest
from isolated.run import run_code

import greencore

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.rst"), ROOT / "README.rst"])
LITERAL = re.compile(r"``([^`]+)``")
# A path of the project, in a literal: a folder that exists at its root, or a file beside it.
PATH = re.compile(r"(?:src|tests|docs|examples|greencore|\.ci)/[\w./*-]*")


def page(name):
    return (ROOT / "docs" / f"{name}.rst").read_text()


def named(pattern, pages=PAGES):
    """[(page, what the pattern finds in its literals)], as parameters."""
    found = {(path, hit) for path in pages for text in LITERAL.findall(path.read_text()) for hit in pattern.findall(text)}
    return [pytest.param(*pair, id=f"{pair[0].stem}: {pair[1]}") for pair in sorted(found)]


@pytest.mark.parametrize("path, name", named(PATH))
def test_files_that_are_named_exist(path, name):
    assert list(ROOT.glob(name.rstrip("/"))), f"{path.name} names {name}"


def make_targets():
    makefile = (ROOT / "Makefile").read_text()
    return {target for line in re.findall(r"^([\w -]+):", makefile, re.MULTILINE) for target in line.split()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_make_targets_that_are_named_exist(path):
    text = path.read_text()
    wanted = re.findall(r"``make ([\w-]+)", text) + re.findall(r"^    make ([\w-]+)", text, re.MULTILINE)
    assert set(wanted) <= make_targets()


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/workflows/*.yml")), ids=lambda path: path.stem)
def test_workflows_run_what_exists(path):
    text = path.read_text()
    wanted = re.findall(r"run: make ([\w-]+)", text)
    scripts = re.findall(r"\bbash (\S+)", text)
    assert wanted or scripts
    assert set(wanted) <= make_targets()
    assert [name for name in scripts if not (ROOT / name).exists()] == []


@functools.cache
def sources():
    """All that the C sources and the header consist of, in one string."""
    files = [*(ROOT / "src").rglob("*.[chS]"), *(ROOT / "greencore" / "include").rglob("*.h")]
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize("path, name", named(re.compile(r"\b(?:green_[a-z0-9_]+|PyGreenlet_\w+)")))
def test_c_names_that_are_used_exist(path, name):
    assert re.search(rf"\b{name}", sources())


VARIABLE = re.compile(r"\b(?:GREENCORE|GEVENT|GEVENTARES)_[A-Z0-9_]+\b")


def variables():
    """The variables of the environment that code looks at."""
    files = [ROOT / "setup.py", *(ROOT / "greencore").rglob("*.py"), *(ROOT / "src").rglob("*.c"), *ROOT.glob("*.pth")]
    files += [file for file in (ROOT / ".ci").iterdir() if file.is_file()]
    files += [ROOT / "tests" / "conftest.py", ROOT / "tests" / "test_document.py"]
    named = {name for file in files for name in VARIABLE.findall(file.read_text())}
    return named | {setting.environment_key for setting in greencore.config.settings.values()}


@pytest.mark.parametrize("path, name", named(VARIABLE))
def test_variables_of_the_environment_exist(path, name):
    assert name in variables()


def test_variables_of_the_environment_are_documented():
    text = "".join(path.read_text() for path in PAGES)
    assert sorted(name for name in variables() if name not in text and name.startswith("GREENCORE_")) == []


def test_every_page_is_in_one_table_of_contents():
    listed = ["docs/index.rst"]
    for path in PAGES:
        for block in re.findall(r"^\.\. toctree::\n(?:    :.*\n)*\n((?:    \S+\n)+)", path.read_text(), re.MULTILINE):
            listed += [str((path.parent / f"{name}.rst").relative_to(ROOT)) for name in block.split()]
    assert sorted(listed) == sorted(str(path.relative_to(ROOT)) for path in PAGES if path.name != "README.rst")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_between_pages(path):
    targets = re.findall(r":doc:`(?:[^`<]+<)?([\w./]+)>?`", path.read_text())
    assert [name for name in targets if not (path.parent / f"{name}.rst").exists()] == []
    titles = re.findall(r"^(.+)\n[=~-]{3,}$", path.read_text(), re.MULTILINE)
    assert [name for name in re.findall(r"`([^`<>]+)`_(?!_)", path.read_text()) if name not in titles] == []


def test_settings_are_the_output_of_help():
    """Made anew by: python -c "from gevent import config; config.print_help()"."""
    code = "from gevent import config; config.print_help()"
    status, help_text = run_code(code, patched=False)
    assert status == 0
    assert page("settings").rstrip().endswith(help_text.rstrip())


def test_plots_and_the_numbers_of_the_readme_are_those_of_the_benchmarks():
    subprocess.run([sys.executable, ROOT / "tests" / "bench" / "plots.py", "--check"], check=True)


def test_links_of_the_readme_lead_to_pages():
    """It is shown where there is no `docs/` beside it."""
    urls = [url for name in ("README.rst", "pyproject.toml") for url in re.findall(r"https://[^\s<>\"]+", (ROOT / name).read_text())]
    site = re.search(r'^Documentation = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert {url.rpartition(".")[2] for url in urls if url != site} == {"html"}
    for url in urls:
        path = url.removeprefix(site).removeprefix("en/latest/").removesuffix(".html") or "index"
        assert (ROOT / "docs" / f"{path}.rst").exists(), url


def listings():
    for path in PAGES:
        blocks = re.findall(r"^\.\. code-block:: python\n\n((?:(?:    .*)?\n)+)", path.read_text(), re.MULTILINE)
        for number, block in enumerate(blocks):
            yield pytest.param(textwrap.dedent(block), id=f"{path.stem}-{number}")


@pytest.mark.parametrize("code", list(listings()))
def test_listings_run(code):
    status, output = run_code(code, patched=False)
    assert status == 0, output


DOCTESTS = [path for path in PAGES if re.search(r"^ *>>> ", path.read_text(), re.MULTILINE)]


@pytest.mark.parametrize("path", DOCTESTS, ids=lambda path: path.stem)
def test_doctests_of_pages(path):
    code = f"import doctest, sys; sys.exit(doctest.testfile({str(path)!r}, module_relative=False).failed)"
    status, output = run_code(code, patched=False)
    assert status == 0, output


def docstrings():
    """The docstrings of the package's own sources that show what is typed."""
    for path in sorted((ROOT / "greencore").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ">>>" in (ast.get_docstring(node) or ""):
                yield f"{path.relative_to(ROOT)}: {getattr(node, 'name', '')}", ast.get_docstring(node)


def test_doctests_of_docstrings():
    code = f"""
        import doctest, importlib, sys
        failed = doctest.testmod(importlib.import_module("greencore._core")).failed
        runner, parser = doctest.DocTestRunner(), doctest.DocTestParser()
        for name, text in {list(docstrings())!r}:
            failed += runner.run(parser.get_doctest(text, {{}}, name, name, 0)).failed
        sys.exit(failed)
    """
    status, output = run_code(code, patched=False)
    assert status == 0, output


# What the overview must not miss.


def public_modules():
    """Every module of the package that has no private part in its name."""
    names = ["greencore", *(found.name for found in pkgutil.walk_packages(greencore.__path__, "greencore."))]
    return [name for name in names if not any(part.startswith("_") for part in name.split("."))]


def test_the_overview_has_every_public_module():
    text = page("api")
    left_out = {"greencore.monkey.api"} | {name for name in public_modules() if name.startswith("greencore.resolver.")}
    missing = [
        name
        for name in public_modules()
        if name not in left_out and name not in text and name.replace("greencore", "gevent", 1) not in text
    ]
    assert missing == []


def test_the_reference_has_every_public_module():
    text = "".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.rst"))
    entries = set(re.findall(r"^\.\. automodule:: (\S+)", text, re.MULTILINE))
    wanted = {name if name == "greencore.alias" else name.replace("greencore", "gevent", 1) for name in public_modules()}
    assert entries == wanted | {"greenlet"}


def test_the_overview_has_every_name_of_gevent():
    text = page("api")
    assert [name for name in greencore.__all__ if not re.search(rf"\b{name}\b", text)] == []


# Docstrings


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").split(".")[0] in ("greencore", "gevent", "greenlet")


def members(cls):
    """The public methods and properties that greencore's classes in `cls`'s line define: (name, object)."""
    kinds = (types.FunctionType, classmethod, staticmethod, property, types.MethodDescriptorType)
    kinds += (types.ClassMethodDescriptorType, types.GetSetDescriptorType, types.BuiltinFunctionType)
    for owner in cls.__mro__:
        if is_ours(owner):
            for name, value in vars(owner).items():
                if not name.startswith("_") and isinstance(value, kinds) and not is_standard(value):
                    yield f"{cls.__qualname__}.{name}", getattr(owner, name) if callable(value) else value


def is_standard(value):
    """Whether it is the standard library's own, in one of our classes; also an attribute that ours pass on."""
    function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
    return (getattr(function, "__module__", None) or "").split(".")[0] in ("ssl", "_ssl", "socket", "_socket") or (
        isinstance(value, types.GetSetDescriptorType) and value.__objclass__.__module__ == "_ssl"
    )


def without_docstring(name):
    module = importlib.import_module(name)
    if not module.__doc__:
        yield name
    for attribute, value in vars(module).items():
        if attribute.startswith("_") or not is_ours(value):
            continue
        if isinstance(value, type):
            # An own one: a base class's says something else.
            if not vars(value).get("__doc__"):
                yield attribute
            yield from (member for member, found in members(value) if not inspect.getdoc(found))
        elif callable(value) and not inspect.getdoc(value):
            yield attribute


@pytest.mark.parametrize("name", [*public_modules(), "greencore._core", "greencore._greenlet_module"])
def test_docstrings(name):
    assert list(without_docstring(name)) == []
