"""The C interface, through an extension built against the header that is installed."""

import weakref
from pathlib import Path

import greenlet
import pytest

import greencore
from extensions import loaded


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    return loaded("c_interface", tmp_path_factory.mktemp("extension"), f"-I{Path(greencore.__path__[0], 'include')}")


def echo(*args, **kwargs):
    while True:
        args = greenlet.getcurrent().parent.switch((args, kwargs))


def test_objects(api):
    assert api.greenlet is greenlet.greenlet
    assert api.error is greenlet.error
    assert api.GreenletExit is greenlet.GreenletExit
    assert api.get_current() is greenlet.getcurrent()


def test_switch(api):
    g = api.new(echo)
    assert type(g) is greenlet.greenlet
    assert api.switch(g, (1, 2), {"a": 3}) == ((1, 2), {"a": 3})
    assert api.switch(api.new(lambda: "none")) == "none"
    assert api.switch(api.new(lambda *args: args), [1, 2]) == (1, 2)


def test_throw(api):
    g = api.new(echo)
    api.switch(g)
    with pytest.raises(KeyError, match="text"):
        api.throw(g, KeyError, "text")
    assert g.dead
    g = api.new(echo)
    api.switch(g)
    assert type(api.throw(g, greenlet.GreenletExit)) is greenlet.GreenletExit


def test_parents(api):
    g = api.new(echo)
    assert api.get_parent(g) is greenlet.getcurrent()
    child = api.new(echo, g)
    assert api.get_parent(child) is child.parent is g
    api.set_parent(child, greenlet.getcurrent())
    assert child.parent is greenlet.getcurrent()
    assert api.get_parent(greenlet.getcurrent()) is None
    with pytest.raises(ValueError):
        api.set_parent(g, g)
    with pytest.raises(TypeError):
        api.new(echo, 5)


def test_states(api):
    g = api.new(lambda: greenlet.getcurrent().parent.switch())
    assert api.describe(g) == (1, 0, 0, 0)
    g.switch()
    assert api.describe(g) == (1, 0, 1, 1)
    g.switch()
    assert api.describe(g) == (1, 0, 1, 0)
    assert api.describe(greenlet.getcurrent()) == (1, 1, 1, 1)
    assert api.describe("none") == (0, -1, -1, -1)


def test_layout(api):
    g = api.new(echo)
    assert api.look_inside(g) == (0, None)
    g.thing = 1
    ref = weakref.ref(g)
    assert api.look_inside(g) == (1, {"thing": 1})
    assert ref() is g


@pytest.mark.parametrize("call", ["switch", "set_parent", "get_parent", "throw"])
def test_other_objects_are_refused(api, call):
    args = {"switch": ("x",), "set_parent": ("x", "y"), "get_parent": ("x",), "throw": ("x", KeyError)}[call]
    with pytest.raises(TypeError):
        getattr(api, call)(*args)
