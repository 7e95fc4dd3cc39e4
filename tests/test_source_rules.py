"""Rules of the sources that no compiler checks: of C's, the length of every file, and of the documents' lines."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
SOURCES = sorted(path for path in SRC.rglob("*") if path.suffix in (".c", ".h"))
PYTHON = sorted(
    path.relative_to(ROOT).as_posix() for folder in ("greencore", "tests") for path in (ROOT / folder).rglob("*.py")
)

DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.rst"), *ROOT.glob("docs/**/*.rst")])

# Each layer and those right below it: a file includes its own layer and all that are below.
BELOW = {
    "switch": (),
    "greenlet": ("switch",),
    "loop": ("greenlet",),
    "hub": ("loop",),
    "sync": ("hub",),
    "task": ("sync",),
    "net": ("hub",),
    "websocket": ("net", "sync"),
    "http": ("net",),
}

# Within a layer, the lowest first: a file includes those before it. One that is not listed is included by no other of
# its layer.
ORDER = {
    "switch": "list check map hint annotate stack",
    "greenlet": """ready pystate_common pystate_ccalls pystate_stack pystate_monitor pystate_limits pystate_free
        pystate_310 pystate_311 pystate_312 pystate_313 pystate_314 pystate_315 pystate arguments flow error type thread locals
        greenlet trace arrival asyncio stacksize attributes call pystate_abandon spare""",
    "loop": "errors timer poll interrupt watcher loop signals fork fd callback",
    "hub": "hub wait other_threads",
    "sync": """timeout client observer callable linkable event semaphore heap store queue asyncresult channel
        local mutex rlock waiter""",
    "task": "ancestry task attributes kill start observer group imap join map raw",
    "net": "pollset address rawsocket socket resolver resolver_pointer",
    "websocket": "frame message reader writer",
    "http": "buffer source service head date answer filewrapper body input environ handler request",
}

# Files (of one noun each) that include each other: a type and what it is made of.
CIRCLES = [
    {"switch/annotate", "switch/stack"},
    {"greenlet/greenlet", "greenlet/locals", "greenlet/thread"},
    {"loop/loop", "loop/watcher"},
    {"net/rawsocket", "net/socket"},
    {"http/environ", "http/handler", "http/input", "http/request"},
    {"task/attributes", "task/kill", "task/start", "task/task"},
]
MAX_CIRCLE = 4

MAX_LINES = 900
MAX_COLUMNS = 120

# A longer file, and why it is one.
LONG_FILES = {}

# Headers of the interpreter and of libuv: who may include them.
NO_PYTHON = "switch"
UV_USERS = re.compile(r"loop/[^/]+\.[ch]")
LLHTTP_USERS = re.compile(r"http/[^/]+\.[ch]")
BUILD_CORE_USERS = re.compile(r"greenlet/pystate[^/]*\.[ch]")


def name_of(path):
    return path.relative_to(SRC).as_posix()


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def layer_of(name):
    """The layer's name; None for module.c at the root, which is above them all."""
    return name.split("/")[0] if "/" in name else None


def layers_below(layer):
    """The layer itself and all that are below."""
    if layer is None:
        return {None, *BELOW}
    return {layer}.union(*map(layers_below, BELOW[layer]))


def noun_of(name):
    """`loop/fd` for both of loop/fd.c and loop/fd.h."""
    return name.rsplit(".", 1)[0]


def own_includes(path):
    return [header for header in includes(path) if (SRC / header).exists()]


def include_graph():
    """Return {noun: the other nouns that its files include}."""
    graph = {}
    for path in SOURCES:
        noun = noun_of(name_of(path))
        graph.setdefault(noun, set()).update(noun_of(header) for header in own_includes(path))
    return {noun: nouns - {noun} for noun, nouns in graph.items()}


def reachable(graph, noun):
    found, left = set(), [noun]
    while left:
        for other in graph[left.pop()] - found:
            found.add(other)
            left.append(other)
    return found


def circles(graph):
    """The sets of nouns that include each other, whatever the way."""
    reach = {noun: reachable(graph, noun) for noun in graph}
    found = {frozenset(other for other in reach[noun] if noun in reach[other]) for noun in graph if noun in reach[noun]}
    return sorted(map(sorted, found))


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def declared(text):
    """The functions that C text declares and does not define, static ones left out."""
    words = r"(?!return|else|goto|static|typedef)(?:\w+[\s*]+)+"
    return re.findall(rf"^[ \t]*{words}(\w+)\((?![*)])[^;{{}}]*\)\s*;", without_comments(text), re.MULTILINE)


def defined(text):
    return re.findall(r"^(\w+)\(", text, re.MULTILINE)


@pytest.fixture(params=SOURCES, ids=name_of)
def source(request):
    return request.param


def test_there_are_sources():
    assert {layer_of(name_of(path)) for path in SOURCES} == {None, *BELOW}


def test_every_folder_is_a_layer(source):
    assert layer_of(name_of(source)) in {None, *BELOW}


def test_types_are_made_by_the_names_they_go_by(source):
    """By green_type_new and green_type_new_exception."""
    made = re.findall(r"PyType_From\w+\(|PyErr_NewException\w*\(", source.read_text())
    assert made == [] or name_of(source) == "greenlet/type.c"


def test_includes_only_lower_layers(source):
    below = layers_below(layer_of(name_of(source)))
    assert [header for header in own_includes(source) if layer_of(header) not in below] == []


def test_includes_follow_the_order_of_the_layer(source):
    name = name_of(source)
    layer, noun = layer_of(name), noun_of(name)
    if layer is None:
        return
    order = [f"{layer}/{one}" for one in ORDER[layer].split()]
    before = set(order[: order.index(noun)] if noun in order else order)
    circle = set().union(*(circle for circle in CIRCLES if noun in circle))
    same = {noun_of(header) for header in own_includes(source) if layer_of(header) == layer}
    assert same - before - circle - {noun} == set(), "include what is lower, or see ORDER"


def test_no_order_names_what_is_not_there():
    nouns = {noun_of(name_of(path)) for path in SOURCES}
    assert [one for layer in ORDER for one in ORDER[layer].split() if f"{layer}/{one}" not in nouns] == []
    assert ORDER.keys() == BELOW.keys()


def test_circles_are_small_and_known():
    found = circles(include_graph())
    print(*(" <-> ".join(circle) for circle in found), sep="\n")
    assert found == sorted(map(sorted, CIRCLES))
    assert [circle for circle in found if len(circle) > MAX_CIRCLE] == []


def test_c_files_declare_nothing_of_others(source):
    """What a file calls is in a header that it includes; module.c has the name that the interpreter looks for."""
    if source.suffix == ".c":
        text = source.read_text()
        assert set(declared(text)) <= {"PyInit__core", "PyInit__greenlet"} & set(defined(text))


def test_what_a_header_declares_is_defined_in_its_layer(source):
    """So there is no call upwards: a file calls what it includes."""
    if source.suffix == ".h":
        homes = [path for path in source.parent.iterdir() if path.suffix in (".c", ".S")]
        labels = [name for path in homes for name in re.findall(r"^(\w+):", path.read_text(), re.MULTILINE)]
        here = {name for path in homes for name in defined(path.read_text())}.union(labels)
        assert {name for name in declared(source.read_text()) if name.startswith("green_")} - here == set()


def test_fields_of_a_loop_are_its_layers(source):
    """Other layers call the functions of loop/loop.h."""
    struct = re.search(r"struct LoopObject \{(.*?)\n\}", (SRC / "loop/loop.h").read_text(), re.DOTALL)[1]
    fields = set(re.findall(r"(\w+)(?:\[\w+\])?;", struct))
    assert len(fields) > 20
    if layer_of(name_of(source)) != "loop":
        used = set(re.findall(r"\b(?:loop|here)->(\w+)", source.read_text()))
        assert used & fields == set()


BLOCK = r"\{(?:[^{}]|\{[^{}]*\})*\}"


def types_of(text):
    """The names of the structs, unions, enums and other types that C text defines."""
    text = without_comments(text)
    tags = re.findall(r"\b(?:struct|union|enum)\s+(\w+)\s*\{", text)
    closed = re.findall(rf"^typedef\s+(?:struct|union|enum)\b[^{{}};]*{BLOCK}\s*(\w+);", text, re.MULTILINE)
    aliases = re.findall(r"^typedef\s+(?!struct|union|enum)[^;{}]*?(\w+);", text, re.MULTILINE)
    functions = re.findall(r"^typedef\s[^;{}]*?\(\*(\w+)\)", text, re.MULTILINE)
    return {*tags, *closed, *aliases, *functions}


def test_no_type_name_is_defined_twice():
    """Nor in files that never include each other: a reader searches for it. One of the headers pystate_3??.h is used."""
    homes = {}
    for path in SOURCES:
        for name in types_of(path.read_text()):
            homes.setdefault(name, set()).add(re.sub(r"pystate_3\d\d", "pystate_3", name_of(path)))
    assert {"TaskObject", "JobObject", "green_link", "green_fd_owner", "green_phase"} <= homes.keys()
    assert {name: sorted(files) for name, files in homes.items() if len(files) > 1} == {}


GLOSSARY = re.findall(
    r"^\* \*([\w ]+)\* \(``(\w+)``,\s+``([\w/.]+)``\): ", (ROOT / "docs/architecture.rst").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("word, name, home", GLOSSARY, ids=[word for word, *_ in GLOSSARY])
def test_the_glossary_is_true(word, name, home):
    """What it names stands where it says."""
    assert re.search(rf"\b{name}\b", without_comments((SRC / home).read_text()))


def test_the_glossary_has_each_word_once():
    section = (ROOT / "docs/architecture.rst").read_text().split("\nGlossary\n")[1].split("\n---")[0]
    words = [word for word, *_ in GLOSSARY]
    assert words == sorted(set(words))
    assert len(words) == len(re.findall(r"^\* ", section, re.MULTILINE)) > 50


def test_own_headers_are_named_from_the_root(source):
    """`#include "hub/wait.h"`, so that the layer can be seen."""
    text = source.read_text()
    quoted = re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE)
    assert [header for header in quoted if not (SRC / header).exists()] == []


def test_c_file_includes_its_own_header_first(source):
    header = source.with_suffix(".h")
    if source.suffix != ".c" or not header.exists():
        return
    own = [name for name in includes(source) if (SRC / name).exists()]
    assert own[0] == name_of(header)


def test_interpreter_stays_out_of_the_switch_layer(source):
    if name_of(source).startswith(NO_PYTHON + "/"):
        assert not {"Python.h", "uv.h"} & set(includes(source))


def test_modules_are_imported_at_the_start_only(source):
    """Later the interpreter may be ending: `green_name_get` knows what to do then."""
    text = source.read_text()
    if name_of(source) == "greenlet/type.c":  # makes types, for those functions
        return
    for found in re.finditer(r"\bPyImport_Import\w*", text):
        function = re.findall(r"^(\w+)\(", text[: found.start()], re.MULTILINE)[-1]
        assert function.endswith(("_exec", "_load", "_register")) or name_of(source) == "greenlet/name.c"


def test_uv_stays_in_its_layer(source):
    if "uv.h" in includes(source):
        assert UV_USERS.fullmatch(name_of(source))


def test_llhttp_stays_in_its_layer(source):
    if "llhttp.h" in includes(source):
        assert LLHTTP_USERS.fullmatch(name_of(source))


def test_private_interpreter_state_stays_in_pystate(source):
    text = source.read_text()
    private = "Py_BUILD_CORE" in text or any(header.startswith("internal/") for header in includes(source))
    if private:
        assert BUILD_CORE_USERS.fullmatch(name_of(source))


def test_header_is_guarded_by_its_name(source):
    if source.suffix != ".h":
        return
    guard = "GREEN_" + re.sub(r"\W", "_", name_of(source)).upper()
    assert f"#ifndef {guard}\n#define {guard}\n" in source.read_text()


def test_file_is_not_too_long(source):
    lines = len(source.read_text().splitlines())
    assert lines <= MAX_LINES or LONG_FILES.get(name_of(source))


@pytest.mark.parametrize("name", PYTHON)
def test_python_file_is_not_too_long(name):
    assert len((ROOT / name).read_text().splitlines()) <= MAX_LINES


def test_what_never_runs_is_there():
    """The table of tests/coverage/reasons.py names lines that exist."""
    entries = re.findall(r"^    (\S+): (.+)$", (ROOT / "tests" / "coverage" / "reasons.txt").read_text(), re.MULTILINE)
    assert entries
    assert [entry for entry in entries if entry[1] not in (ROOT / entry[0]).read_text()] == []


def test_no_long_file_is_listed_in_vain():
    for name in LONG_FILES:
        assert len((SRC / name).read_text().splitlines()) > MAX_LINES


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_of_documents_are_short(name):
    """But for a single word, which nothing can wrap."""
    lines = (ROOT / name).read_text().splitlines()
    long = [(number, line) for number, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS and " " in line.strip()]
    assert long == []


def test_format():
    formatter = shutil.which("clang-format-14")
    if formatter is None:
        pytest.skip("clang-format 14 is not installed")
    changed = []
    for source in SOURCES:
        done = subprocess.run([formatter, source], capture_output=True, text=True, check=True, cwd=ROOT)
        if done.stdout != source.read_text():
            changed.append(name_of(source))
    assert changed == [], "run `make format`"
