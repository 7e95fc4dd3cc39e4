"""The stubs have every public name, and few of them are Any."""

import ast
import importlib
from pathlib import Path

import pytest

from build_support import stub_packages

ROOT = Path(__file__).resolve().parent.parent
STUBS = {module: ROOT / "greencore" / path for path, module in stub_packages.public_stubs()}
#: Of a hundred annotations: how many are a bare Any, at most. Callers of handlers and hooks of the hub take anything.
BUDGET = 12


def public_modules():
    """Return the names of all modules that have no underscore in their path."""
    package = ROOT / "greencore"
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        names = [part for part in parts if part != "__init__"]
        if not any(name.startswith("_") for name in names) and parts[0] not in ("compat", "serve"):
            yield ".".join(["greencore", *names])


def names_in(body):
    found = set(stub_packages.bound_names(body))
    for statement in body:
        if isinstance(statement, ast.If):
            found |= names_in([*statement.body, *statement.orelse])
    return found


#: Without stubs: what nobody imports from there, and what type checkers read as it is.
UNTYPED = {"greencore.monkey.api", "greencore.resolver.cares"}


def test_every_public_module_has_a_stub():
    assert set(public_modules()) - UNTYPED == {*STUBS, "greencore.alias"}


# Modules that pass on names of a standard one.
COPIED = {"greencore.socket": "_socket", "greencore.ssl": "_ssl", "greencore.thread": "_thread"}


@pytest.mark.parametrize("module", STUBS)
def test_every_public_name_is_in_the_stub(module):
    names = names_in(ast.parse(STUBS[module].read_text()).body)
    if module == "greencore.resolver.dnspython":
        pytest.importorskip("dns")
    ours = importlib.import_module(module)
    wanted = {name for name in ours.__all__ if not name.startswith("_")}
    # What is the standard library's own object depends on its version, and on the headers that it was built with.
    standard = COPIED.get(module)
    for original in [importlib.import_module(standard)] if standard else []:
        wanted -= {name for name in wanted - names if getattr(ours, name) == getattr(original, name, None)}
    assert not wanted - names


def annotations(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.returns
            arguments = node.args
            for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
                if argument.arg not in ("self", "cls"):
                    yield argument.annotation
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation


def test_few_annotations_are_any():
    files = [*STUBS.values(), ROOT / "greencore" / "_core.pyi"]
    found = [annotation for path in files for annotation in annotations(ast.parse(path.read_text()))]
    assert len(found) > 1000
    any_at_all = sum(isinstance(annotation, ast.Name) and annotation.id == "Any" for annotation in found)
    print(f"\nannotations: {len(found)}, of them Any: {any_at_all} ({100 * any_at_all / len(found):.1f} %)")
    assert 100 * any_at_all <= BUDGET * len(found)
