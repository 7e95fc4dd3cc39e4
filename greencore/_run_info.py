"""What runs in this process, as text: native threads, and greenlets as trees of who spawned whom."""

import pprint
import sys
import threading
import traceback
from gc import get_objects

from _greencore_alias import name_of
from greencore._base.originals import get_original
from greencore._base.tools import _NONE
from greencore._core import all_local_dicts_for_greenlet, getcurrent, greenlet as _greenlet
from greencore._wait_info import describe_wait

_RULE = "*" * 80


def print_run_info(thread_stacks=True, greenlet_stacks=True, limit=_NONE, file=None):
    """Print what `format_run_info` returns to `file`, by default `sys.stderr`."""
    lines = format_run_info(thread_stacks=thread_stacks, greenlet_stacks=greenlet_stacks, limit=limit)
    for line in lines:
        print(line, file=sys.stderr if file is None else file)


def format_run_info(thread_stacks=True, greenlet_stacks=True, limit=_NONE, current_thread_ident=None):
    """Return lines of text about all native threads and greenlets of this process.

    `thread_stacks` and `greenlet_stacks` ask for the stacks of what runs (where a greenlet was spawned is always
    shown), `limit` bounds the frames of each. `current_thread_ident` is the thread marked as current, by default
    the caller's.
    """
    if current_thread_ident is None:
        current_thread_ident = get_original("_thread", "get_ident")()
    limit = None if limit is _NONE else limit
    return [
        *_thread_lines(thread_stacks, limit, current_thread_ident),
        *_greenlet_lines(greenlet_stacks, limit),
    ]


dump_stacks = format_run_info


def is_idle_threadpool_worker(frame):
    """Whether `frame` is that of a thread pool's worker that waits for work."""
    return bool(frame.f_locals.get("gevent_threadpool_worker_idle"))


def _thread_lines(stacks, limit, current_ident):
    threads = {thread.ident: thread for thread in threading.enumerate()}
    lines = [_RULE, "* Threads"]
    for ident, frame in sys._current_frames().items():
        thread = threads.get(ident)
        idle = thread is None and is_idle_threadpool_worker(frame)
        monitor = getattr(thread, "gevent_monitoring_thread", None)
        if monitor is not None:
            name = repr(monitor())
        elif thread is not None:
            name = thread.name
        else:
            name = "idle threadpool worker" if idle else None
        mark = ") (CURRENT" if ident == current_ident else ""
        lines += [_RULE, "Thread 0x%x (%s%s)\n" % (ident, name, mark)]
        if not stacks:
            lines.append("\t...stack elided...")
        elif not idle:
            lines.append("".join(traceback.format_stack(frame, limit)))
    return lines


def _greenlet_lines(stacks, limit):
    lines = [_RULE, "* Greenlets", _RULE]
    trees = GreenletTree.forest()
    for tree in sorted(trees, key=lambda tree: "" if tree.is_current_tree else repr(tree.greenlet)):
        lines.append("---- Thread boundary")
        lines += tree.format_lines(
            details={"running_stacks": stacks and tree.is_current_tree, "running_stack_limit": limit}
        )
    return lines


def get_reachable_greenlets():
    """Return a list of all greenlets that the collector knows, but those with a true greenlet_tree_is_ignored."""
    return [
        found
        for found in get_objects()
        if isinstance(found, _greenlet) and not getattr(found, "greenlet_tree_is_ignored", False)
    ]


class GreenletTree:
    """A greenlet and those that it spawned, as a tree; attributes are the greenlet's.

    `str()` shows the tree alone, `format` shows details too. What is shown is meant for people.
    """

    __module__ = name_of("greencore.util")

    #: Whether the tree belongs to the calling thread.
    is_current_tree = False

    DEFAULT_DETAILS = {
        "running_stacks": True,
        "running_stack_limit": None,
        "spawning_stacks": True,
        "locals": True,
    }

    def __init__(self, greenlet):
        self.greenlet = greenlet
        self.child_trees = []

    def add_child(self, tree):
        """Put `tree` below this one; a tree below itself is ignored."""
        if tree is not self:
            self.child_trees.append(tree)

    @property
    def root(self):
        """Whether the greenlet is a thread's main greenlet."""
        return self.greenlet.parent is None

    def __getattr__(self, name):
        if name == "greenlet":  # while unpickling or copying
            raise AttributeError(name)
        return getattr(self.greenlet, name)

    def format(self, details=True):
        """Return the tree as text. `details` is true, false, or a dictionary that overrides some of
        `DEFAULT_DETAILS`."""
        return "\n".join(self.format_lines(details))

    def format_lines(self, details=True):
        """Return the lines of `format(details)` as a list."""
        if isinstance(details, dict):
            details = {**self.DEFAULT_DETAILS, **details}
        elif details:
            details = self.DEFAULT_DETAILS
        return [text for _, text in self._render(details or None, 0)]

    def __str__(self):
        return self.format(False)

    def _render(self, details, depth):
        """Return (kind, text) pairs: the greenlet's head, details ("data") and lines of children ("tail")."""
        margin = "  " if depth else " :"
        lines = [("head", self._label())]
        if details is not None:
            lines += [("data", margin + "    " + text) for text in self._details(details)]
        children = sorted(
            self.child_trees,
            key=lambda tree: (getattr(tree, "minimal_ident", -1), _is_finished(tree.greenlet), id(tree.parent)),
        )
        for child in children:
            last = child is children[-1]
            for kind, text in child._render(details, depth + 1):
                if kind == "head":
                    lines.append(("tail", " +--- " + text))
                elif kind == "data":
                    lines.append(("data", ("  " if last else margin) + "    " + text))
                else:
                    lines.append(("tail", ("  " if last else " |") + "   " + text))
        return lines

    def _label(self):
        greenlet = self.greenlet
        label = repr(greenlet)
        if greenlet:
            return label
        if not _is_finished(greenlet):
            return label + "; not running"
        label += "; finished"
        if greenlet.value is not None:
            label += " with value " + repr(greenlet.value)[:30]
        elif getattr(greenlet, "exception", None) is not None:
            label += " with exception " + repr(greenlet.exception)
        return label

    def _details(self, details):
        greenlet = self.greenlet
        yield "Parent: " + repr(greenlet.parent)
        monitor = getattr(greenlet, "gevent_monitoring_thread", None)
        if monitor is not None:
            yield "Monitoring Thread:" + repr(monitor())
        wait = describe_wait(greenlet)
        if wait is not None:
            yield "Waiting " + wait
        frame = greenlet.gr_frame  # None for the one that runs, and for a hub, which has no Python frames
        if greenlet and details["running_stacks"] and (frame is not None or greenlet is getcurrent()):
            yield "Running:"
            yield from _stack_lines(frame, details["running_stack_limit"])
        stack = getattr(greenlet, "spawning_stack", None)
        if stack and details["spawning_stacks"]:
            yield "Spawned at:"
            yield from _stack_lines(stack, None)
        tree_locals = getattr(greenlet, "spawn_tree_locals", None)
        spawner = _spawner(greenlet)
        if tree_locals and tree_locals is not getattr(spawner, "spawn_tree_locals", None):
            yield "Spawn Tree Locals"
            yield from pprint.pformat(tree_locals).splitlines()
        if details["locals"]:
            yield from _local_lines(greenlet)

    @classmethod
    def _forest(cls):
        """Return ({main greenlet: its tree}, the tree of the calling thread)."""
        trees = {}
        roots = {}

        def tree_of(greenlet):
            if greenlet not in trees:
                trees[greenlet] = cls(greenlet)
            return trees[greenlet]

        main = _root_greenlet(getcurrent())
        current_tree = roots[main] = tree_of(main)
        current_tree.is_current_tree = True
        for greenlet in get_reachable_greenlets():
            above = _spawner(greenlet)
            if above is None:
                above = _root_greenlet(greenlet)
            tree = tree_of(above)
            if above is _root_greenlet(above):
                roots[above] = tree
            tree.add_child(tree_of(greenlet))
        return roots, current_tree

    @classmethod
    def forest(cls):
        """Return a list of trees, one for each native thread that has greenlets."""
        return list(cls._forest()[0].values())

    @classmethod
    def current_tree(cls):
        """Return the calling thread's tree."""
        return cls._forest()[1]


def _is_finished(greenlet):
    ready = getattr(greenlet, "ready", None)
    return bool(ready and ready())


def _spawner(greenlet):
    reference = getattr(greenlet, "spawning_greenlet", None)
    return reference() if reference else None


def _root_greenlet(greenlet):
    while greenlet.parent is not None and not getattr(greenlet, "greenlet_tree_is_root", False):
        greenlet = greenlet.parent
    return greenlet


def _stack_lines(frame, limit):
    return "".join(traceback.format_stack(frame, limit)).splitlines()


def _local_lines(greenlet):
    dicts = [(key, values) for key, values in all_local_dicts_for_greenlet(greenlet) if values]
    if dicts:
        yield "Greenlet Locals:"
    for (kind, ident), values in dicts:
        yield "  Local %s at %s" % (kind, hex(ident))
        yield from ("    " + pprint.pformat(values)).splitlines()
