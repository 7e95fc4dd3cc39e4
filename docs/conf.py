"""How Sphinx makes the site: `make docs`. The reference comes from the docstrings of the built package."""

import collections
import importlib
import inspect
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import _greencore_alias  # noqa: E402

_greencore_alias.install()

import gevent.pywsgi  # noqa: E402
import gevent.websocket  # noqa: E402
from docutils import nodes  # noqa: E402
from gevent._util import Lazy, LazyOnClass, readproperty  # noqa: E402
from sphinx.util.logging import getLogger  # noqa: E402
from sphinx.util.nodes import make_refnode  # noqa: E402

project = "greencore"
author = copyright = "the greencore developers"
release = version = gevent.__version__

extensions = ["sphinx.ext.autodoc", "sphinx_copybutton"]
nitpicky = True
# What has no page here: the standard library's classes, and private ones.
FOREIGN = (
    "selectors subprocess threading queue ssl socket _socket _thread concurrent contextlib enum io zope gevent._core"
)
nitpick_ignore_regex = [("py:.*", rf"({'|'.join(FOREIGN.split())})\..*")]

autodoc_default_options = {"members": True, "show-inheritance": True, "inherited-members": "object"}
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
add_module_names = False

html_theme = "furo"
html_title = f"greencore {release}"
html_copy_source = False
html_show_sourcelink = False

REFERENCE = sorted(path.stem for path in (HERE / "reference").glob("*.rst") if path.stem != "index")
log = getLogger("greencore.docs")


def is_ours(name):
    return (name or "").split(".")[0] in ("gevent", "greenlet", "greencore", "_greencore_alias")


# Docstrings are plain text with code between backticks; all other signs of markup stand for themselves.

CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
SIGNS = re.compile(r"([*|\\]|_(?=\W|$))")


def to_markup(lines):
    """Return the lines of a docstring as reStructuredText."""
    text, parts, end = "\n".join(lines), [], 0
    for found in CODE.finditer(text):
        parts += [SIGNS.sub(r"\\\1", text[end : found.start()]), f"``{found[2]}``"]
        end = found.end()
    return "".join([*parts, SIGNS.sub(r"\\\1", text[end:])]).split("\n")


def process_docstring(app, what, name, obj, options, lines):
    lines[:] = to_markup(lines)


# Each function and class has one entry, at its home. A class's entry has what it inherits from classes without one.


def home_of(thing, name):
    """Return the module whose page has the entry of what is public under this name, or None."""
    owner = getattr(thing, "__self__", None)  # of a class method under a module's name
    module = getattr(thing, "__module__", None) or getattr(owner, "__module__", None) or ""
    if not is_ours(module) or not has_own_text(thing):
        return None
    if inspect.isroutine(thing) and name in gevent.__all__ and getattr(gevent, name) is thing:
        return "gevent"
    if module in REFERENCE:
        return module
    pages = [page for page in REFERENCE if getattr(sys.modules[page], name, None) is thing]
    return next((page for page in pages if name in getattr(sys.modules[page], "__all__", ())), *pages[:1] or [None])


def has_own_text(thing):
    """Whether what has the name of something standard has more to say than that."""
    standard = sys.modules.get((getattr(thing, "__module__", None) or "").partition(".")[2])
    return thing.__doc__ != getattr(getattr(standard, getattr(thing, "__name__", ""), None), "__doc__", "")


def is_standard(member):
    """Whether it is the standard library's own, copied into one of our classes."""
    function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
    return (getattr(function, "__module__", None) or "").split(".")[0] in ("ssl", "_ssl", "socket", "_socket")


def has_entry(cls):
    module = sys.modules.get(cls.__module__)
    return cls.__module__ in REFERENCE and cls.__name__ in getattr(module, "__all__", [cls.__name__])


def owner_of(cls, name):
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def skip_member(app, what, name, obj, skip, options):
    if skip:
        return True
    if what == "module":
        if not (inspect.isroutine(obj) or isinstance(obj, type)):
            return None
        return home_of(obj, name) != app.env.current_document.autodoc_module or None
    if (isinstance(obj, type) and has_entry(obj) and obj.__name__ == name) or is_standard(obj):
        return True
    cls = getattr(sys.modules[app.env.current_document.autodoc_module], app.env.current_document.autodoc_class)
    owner = owner_of(cls, name)
    elsewhere = any(has_entry(base) and owner_of(base, name) is owner for base in cls.__mro__[1:])
    return True if elsewhere or (owner and not is_ours(owner.__module__)) else None


def process_bases(app, name, obj, options, bases):
    """Name those that have an entry, or are the standard library's."""
    bases[:] = dict.fromkeys(visible(bases))


def visible(bases):
    for base in bases:
        if has_entry(base) or not is_ours(base.__module__):
            yield base
        else:
            yield from visible(base.__bases__)


def hide_object(app, doctree):
    """A line "Bases: object" says nothing."""
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if paragraph.astext() in ("Bases: object", "Bases: "):
            paragraph.parent.remove(paragraph)


def check_entries(app, error):
    """Warn of public names without an entry."""
    if error is not None or app.builder.name != "html":
        return
    names = [name.rpartition(".") for name in app.env.get_domain("py").objects]
    documented = {id(getattr(sys.modules[page], name)) for page, _, name in names if page in REFERENCE}
    for page in REFERENCE:
        module = sys.modules[page]
        for name in getattr(module, "__all__", ()):
            thing = None if name.startswith("_") else getattr(module, name, None)
            public = (inspect.isroutine(thing) or isinstance(thing, type)) and home_of(thing, name)
            if public and id(thing) not in documented:
                log.warning("no entry for %s.%s", page, name)


def find_home(app, env, node, contnode):
    """Bring a reference to what a private module has to its entry."""
    module, _, name = node.get("reftarget", "").rpartition(".")
    thing = getattr(importlib.import_module(module), name, None) if is_ours(module) else None
    home = home_of(thing, name) if thing is not None else None
    entry = env.get_domain("py").objects.get(f"{home}.{name}")
    return entry and make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, entry.objtype)


# Literals that name what has an entry become links to it: by its whole name, or by its class's where no other class has that name.

NAME = re.compile(r"([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)


def entries_by_name(app):
    objects = app.env.get_domain("py").objects
    named = collections.defaultdict(set)
    for name in objects:
        for found in re.finditer(r"(?:^|[.])(?=[A-Z])", name):
            named[name[found.end() :]].add(name)
    return {short: objects[names.pop()] for short, names in named.items() if len(names) == 1} | objects


def link_literals(app, doctree, docname):
    entries = entries_by_name(app)
    for literal in list(doctree.findall(nodes.literal)):
        found = NAME.fullmatch(literal.astext())
        name = found and re.sub("^greencore(?=[.]|$)(?![.]alias)", "gevent", found[1])
        if name in entries and not any(
            isinstance(above, (nodes.title, nodes.reference)) for above in ancestors(literal)
        ):
            entry = entries[name]
            link = make_refnode(app.builder, docname, entry.docname, entry.node_id, literal.deepcopy(), name)
            literal.parent.replace(literal, link)


def ancestors(node):
    while node.parent is not None:
        node = node.parent
        yield node


def prepare_modules():
    """Show autodoc what it does not see by itself: names that are made when they are asked for, and our kinds of property."""
    for page in REFERENCE:
        module = importlib.import_module(page)
        for name in getattr(module, "__all__", ()):
            vars(module)[name] = getattr(module, name, None)
        for cls in [thing for thing in vars(module).values() if isinstance(thing, type)]:
            for owner in [base for base in cls.__mro__ if is_ours(base.__module__)]:
                for name, value in list(vars(owner).items()):
                    if isinstance(value, (Lazy, LazyOnClass, readproperty)):
                        function = value.data[0] if isinstance(value, Lazy) else value.func
                        setattr(owner, name, property(function, doc=function.__doc__))


def setup(app):
    prepare_modules()
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-bases", process_bases)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("doctree-read", hide_object)
    app.connect("missing-reference", find_home)
    app.connect("doctree-resolved", link_literals)
    app.connect("build-finished", check_entries)
