"""The stub packages `gevent-stubs` and `greenlet-stubs`, by which type checkers know what `import gevent` gives.

They are made of the stubs beside greencore's modules, and name nothing of their own: each of their modules hands on what
greencore's has, so that `gevent.event.Event` and `greencore.event.Event` are one class to a type checker as well.
"""

import ast
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by build_support/stub_packages.py.\n"


def bound_names(body):
    """Yield the names that these statements of a stub give to whoever imports from it; "*" for all of another module."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, ast.AnnAssign):
            yield statement.target.id
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets)
        elif isinstance(statement, ast.ImportFrom):
            yield from (alias.name for alias in statement.names if alias.name == "*" or alias.asname == alias.name)


def is_public(name):
    return not name.startswith("_") or name == "__version__"


def hand_on(module, body, indent=""):
    """Return the text that imports what `body` binds from `module`, under the same `if` as there."""
    names = sorted(set(filter(is_public, bound_names(body))) - {"*"})
    text = ""
    if names:
        lines = "".join(f"{indent}    {name} as {name},\n" for name in names)
        text += f"{indent}from {module} import (\n{lines}{indent})\n"
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            text += f"{indent}from {statement.module} import *\n"
        if isinstance(statement, ast.If):
            text += f"{indent}if {ast.unparse(statement.test)}:\n" + hand_on(module, statement.body, indent + "    ")
            if statement.orelse:
                text += f"{indent}else:\n" + hand_on(module, statement.orelse, indent + "    ")
    return text


def stub_of(module, source):
    """Return the text of the stub that hands on what the stub of `module` in `source` has."""
    body = ast.parse(source.read_text()).body
    imports = "import sys\n\n" if any(isinstance(statement, ast.If) for statement in body) else ""
    return HEADER + imports + hand_on(module, body)


def public_stubs():
    """Yield (path below the package, dotted name) of the stub of each public module."""
    package = ROOT / "greencore"
    for source in sorted(package.rglob("*.pyi")):
        path = source.relative_to(package)
        if not any(part.startswith("_") and part != "__init__.pyi" for part in path.parts) and path.name != "alias.pyi":
            parts = path.with_suffix("").parts
            yield path, ".".join(["greencore", *(part for part in parts if part != "__init__")])


def write(folder, suffix="-stubs"):
    """Make both packages anew in `folder`. suffix: of their names there, which site-packages asks for."""
    shutil.rmtree(folder, ignore_errors=True)
    sources = {Path("gevent" + suffix, path): (module, ROOT / "greencore" / path) for path, module in public_stubs()}
    names = Path("_greenlet_module", "__init__.pyi")
    sources[Path("greenlet" + suffix, "__init__.pyi")] = "greencore._greenlet_module", ROOT / "greencore" / names
    for path, (module, source) in sources.items():
        target = Path(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(stub_of(module, source))


if __name__ == "__main__":
    write(sys.argv[1])
