"""The floors of the Python package: a module imports from those below it, at its top and inside functions.

`pytest -rP` shows the floors as the test that draws them prints them.
"""

import ast
from pathlib import Path

import pytest

import _greencore_alias

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "greencore"

# From the ground up. On a floor, a module imports only from those named before it.
FLOORS = [
    ("the ground", "_base _base.version _base.tools _base.tracebacks _base.ident _base.plugins _base.originals _base.native _base.config"),
    ("greenlets", "_greenlet_module._names _greenlet_module exceptions timeout event lock local _condition queue core greenlet _shutdown"),
    ("looking inside", "events _wait_info _run_info _tracer _monitor util"),
    ("the hub", "hub"),
    ("the standard library", "contextvars builtins os thread time signal select selectors socket ssl threading"
     " _fileobjectcommon _fileobjectposix fileobject subprocess"),
    ("what hubs lend", "pool threadpool _executor _patcher resolver._addresses resolver._files resolver._hostsfile"
     " resolver._order resolver resolver.ares resolver.cares resolver.thread resolver.blocking resolver.dnspython"),
    ("servers", "baseserver server backdoor websocket._errors websocket._deflate websocket._handshake websocket._connection"
     " websocket._client websocket._server websocket _wsgi _wsgi.environ _wsgi.log _wsgi.message _wsgi.watch"
     " _wsgi.application pywsgi websocket._site"),
    ("patching", "monkey._errors monkey._util monkey.api monkey._lazy monkey._patch_asyncio"
     " monkey._patch_multiprocessing monkey._patch_thread monkey monkey._main monkey.__main__"),
    ("the door", " alias serve serve._options serve._files serve._application serve._statistics serve._status serve._log"
     " serve._worker serve._master serve._main __main__"),
    ("old and private names", "ares resolver_ares resolver_thread compat"),
]  # fmt: skip
PLACE = {name: (floor, at) for floor, (_, names) in enumerate(FLOORS) for at, name in enumerate(names.split())}
ROOT_PLACE = (len(FLOORS) - 2, -1)  # greencore itself: below the door's other modules
COMPAT = "compat"

# Imports that go up, in functions, and why.
UPWARD = {
    ("threadpool", "_executor"): "a lazy attribute: it imports concurrent.futures",
    ("websocket", "websocket._site"): "a lazy attribute: its server stands on pywsgi, which imports the package",
    ("monkey", "monkey._main"): "a lazy attribute: only the command line needs it",
}
LONGEST_CIRCLE = 4


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree):
    """The modules of this package that the source imports, by names without `greencore.`; "" is the package."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            assert top not in ("gevent", "greenlet"), "those names may be another package's"
            if top != "greencore" or rest.split(".")[0] == "_core":
                continue
            while rest and rest not in MODULES:
                rest = rest.rpartition(".")[0]
            found.add(rest)
    return found


def with_packages(importer, names):
    """The names and the packages around them, which are imported on the way, but those that the importer is in."""
    found = set()
    for name in names:
        found.add(name)
        package = name.rpartition(".")[0]
        while package and not importer.startswith(package + "."):
            found.add(package)
            package = package.rpartition(".")[0]
    return found - {importer}


GRAPH = {name: with_packages(name, imported(ast.parse(path.read_text()))) for name, path in MODULES.items()}


def place(name):
    if not name:
        return ROOT_PLACE
    if name.partition(".")[0] == COMPAT:
        return (*PLACE[COMPAT], name)
    return PLACE[name]


def circles(graph):
    """The largest sets of modules each of which leads to each other one."""

    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for name in graph[todo.pop()] - seen:
                seen.add(name)
                todo.append(name)
        return seen

    ways = {name: reach(name) for name in graph}
    return {frozenset(other for other in ways[name] if name in ways[other]) for name in graph if name in ways[name]}


def test_every_module_has_a_place():
    assert {name for name in MODULES if name and name.partition(".")[0] != COMPAT} == set(PLACE) - {COMPAT}


@pytest.mark.parametrize("name", [name for name in MODULES if name], ids=str)
def test_imports_go_down(name):
    up = {other for other in GRAPH[name] if place(other) >= place(name) and (name, other) not in UPWARD}
    if name.startswith(COMPAT + "."):
        up -= {COMPAT}
    assert up == set()


def test_no_upward_import_is_listed_in_vain():
    assert {pair for pair in UPWARD if pair[1] not in GRAPH[pair[0]] or place(pair[1]) < place(pair[0])} == set()


def test_circles_are_small():
    assert [sorted(circle) for circle in circles(GRAPH) if len(circle) > LONGEST_CIRCLE] == []


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}
    assert circles(graph) == {frozenset("abc")}


def test_nothing_needs_what_is_only_for_others():
    """Nothing below imports greencore.compat, and each of its modules answers to gevent's name of it."""
    users = {name for name in MODULES if name.partition(".")[0] != COMPAT and COMPAT in {n.partition(".")[0] for n in GRAPH[name]}}
    assert users == set()
    private = {ours for ours in _greencore_alias.MOVED.values() if ours.startswith("greencore.compat.")}
    assert private == {f"greencore.{name}" for name in MODULES if name.startswith(COMPAT + ".")}
    assert {ours for ours in _greencore_alias.MOVED.values() if ours.removeprefix("greencore.") not in MODULES} == set()


def test_drawing(capsys):
    """docs/architecture.rst draws the floors, the same ones in the same order; here they are with all modules."""
    for title, names in reversed(FLOORS):
        print(f"{title:>22}  {names.strip()}")
    print("circles:", *(" <-> ".join(sorted(circle)) for circle in circles(GRAPH)), sep="\n  ")
    text = (ROOT / "docs" / "architecture.rst").read_text()
    assert [title for title, _ in FLOORS if title not in text] == []
    found = [text.index(f"\n{title} ") for title, _ in reversed(FLOORS)]
    assert found == sorted(found)
