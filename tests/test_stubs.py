"""The type stubs of the C part have its names, and no others."""

import ast
import sys
from pathlib import Path

import pytest

import greencore
from greencore import _core

STUB = ast.parse((Path(greencore.__file__).parent / "_core.pyi").read_text())
# The name is a keyword.
UNSPEAKABLE = {"async"}


def defined(body):
    """The names that a module's or a class's body defines."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id
        elif isinstance(node, ast.If) and eval(compile(ast.Expression(node.test), "_core.pyi", "eval"), {"sys": sys}):
            yield from defined(node.body)


def public(names):
    return {name for name in names if not name.startswith("_")}


CLASSES = [node for node in STUB.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def test_names():
    assert public(defined(STUB.body)) == public(dir(_core))


@pytest.mark.parametrize("node", CLASSES, ids=lambda node: node.name)
def test_members(node):
    cls = getattr(_core, node.name)
    assert public(defined(node.body)) - public(dir(cls)) == set()
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}
    assert public(vars(cls)) - public(defined(node.body)) - inherited - UNSPEAKABLE == set()


def is_generic(node):
    return any(isinstance(base, ast.Subscript) and base.value.id == "Generic" for base in node.bases)


@pytest.mark.parametrize("node", list(filter(is_generic, CLASSES)), ids=lambda node: node.name)
def test_generic(node):
    """Annotations are evaluated: what the stub makes generic takes a type when it runs."""
    cls = getattr(_core, node.name)
    assert cls[int].__origin__ is cls
    assert cls[int].__args__ == (int,)
