"""C and Rust code that calls back into Python, where the callback waits: two hundred greenlets are in it at once, each on
its own stack."""

import decimal
import io
import json
import pickle
import re
import sqlite3
from xml.parsers import expat

import gevent
import msgpack
import numpy
import orjson
import pandas
import scipy.optimize
from lxml import etree
from PIL import Image
from pydantic import BaseModel, ValidationError, computed_field, field_validator

COUNT = 200
PICTURE = Image.effect_noise((60, 60), 50)


def at_once(function):
    greenlets = [gevent.spawn(function, n) for n in range(COUNT)]
    gevent.joinall(greenlets)
    return [greenlet.get(block=False) for greenlet in greenlets]


def wait(n):
    """Wait for a time that has greenlets come back in another order."""
    gevent.sleep(n * 7919 % 13 / 10_000)


def after(n, value):
    """Return `value`, having waited."""
    wait(n)
    return value


class Thing:
    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        return after(self.n, self.n < other.n)

    def __reduce__(self):
        wait(self.n)
        return after, (self.n, self.n)


def things(n):
    return [Thing(number) for number in (n + 2, n, n + 1)]


def numbers(things):
    return [thing.n for thing in things]


def test_sort():
    def sort(n):
        return sorted(range(10), key=lambda number: after(n + number, -number)), numbers(sorted(things(n)))

    assert at_once(sort) == [(list(range(9, -1, -1)), [n, n + 1, n + 2]) for n in range(COUNT)]


def test_regular_expressions():
    assert set(at_once(lambda n: re.sub("[a-c]", lambda match: after(n, match[0] * 2), "abcd"))) == {"aabbccd"}


def test_pickle():
    assert at_once(lambda n: pickle.loads(pickle.dumps(things(n)))) == [[n + 2, n, n + 1] for n in range(COUNT)]


def test_json():
    def copy(n):
        text = json.dumps({"a": {"b": Thing(n)}}, default=lambda thing: after(n, thing.n))
        return json.loads(text, object_hook=lambda found: after(n, list(found.items())))

    assert at_once(copy) == [[("a", [("b", n)])] for n in range(COUNT)]


def test_orjson():
    found = at_once(lambda n: orjson.dumps(things(n), default=lambda thing: after(n, thing.n)))
    assert found == [b"[%d,%d,%d]" % (n + 2, n, n + 1) for n in range(COUNT)]


def test_msgpack():
    def copy(n):
        packed = msgpack.packb([Thing(n), {"a": 1}, msgpack.ExtType(5, b"")], default=lambda thing: after(n, thing.n))
        return msgpack.unpackb(
            packed,
            object_hook=lambda found: after(n, list(found)),
            ext_hook=lambda code, _: after(n, code),
        )

    assert at_once(copy) == [[n, ["a"], 5] for n in range(COUNT)]


class Model(BaseModel):
    n: int
    child: "Model | None" = None

    @field_validator("n")
    @classmethod
    def check(cls, n):
        wait(n)
        if n == 13:
            raise ValueError("as told")
        return n

    @computed_field
    @property
    def double(self) -> int:
        return after(self.n, self.n * 2)


def test_pydantic():
    def copy(n):
        try:
            model = Model.model_validate({"n": n + 1000, "child": {"n": n}})
        except ValidationError as error:
            return error.errors()[0]["loc"]
        assert Model.model_validate_json(model.model_dump_json(exclude={"double"})) == model
        return model.model_dump()["child"]["double"]

    assert at_once(copy) == [("child", "n") if n == 13 else n * 2 for n in range(COUNT)]


SHEET = """
<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform" xmlns:n="urn:n">
  <x:template match="/"><a><x:value-of select="n:n(.)"/></a></x:template>
</x:stylesheet>
"""


def test_lxml_functions():
    def look(n):
        functions = {("urn:n", "n"): lambda context, nodes: after(n, float(n))}
        path = etree.XPath("n:n(.)", namespaces={"n": "urn:n"}, extensions=functions)
        sheet = etree.XSLT(etree.XML(SHEET), extensions=functions)
        return path(etree.XML("<a/>")), sheet(etree.XML("<a/>")).getroot().text

    assert at_once(look) == [(n, str(n)) for n in range(COUNT)]


class Target:
    """Collects the names of elements for a parser."""

    def __init__(self, n):
        self.n = n
        self.names = []

    def start(self, name, attributes):
        wait(self.n)
        self.names.append(name)

    def end(self, name):
        wait(self.n + 1)

    def close(self):
        return self.names


class Slow(io.BytesIO):
    """A file that takes its time."""

    def read(self, size=-1):
        return after(size, super().read(size))

    def write(self, data):
        return after(len(data), super().write(data))


class Entities(etree.Resolver):
    def __init__(self, n):
        self.n = n

    def resolve(self, url, name, context):
        return self.resolve_string(f"<!ENTITY n '{after(self.n, self.n)}'>", context)


def test_lxml_parsers():
    def look(n):
        parser = etree.XMLParser(load_dtd=True, resolve_entities=True)
        parser.resolvers.add(Entities(n))
        text = etree.XML('<!DOCTYPE a SYSTEM "n.dtd"><a>&n;</a>', parser).text
        names = etree.XML(f"<a><b{n}/></a>", etree.XMLParser(target=Target(n)))
        tree = etree.parse(Slow(b"<a>" + b"<b/>" * n + b"</a>"), etree.XMLParser())
        return int(text), names, len(tree.getroot())

    assert at_once(look) == [(n, ["a", f"b{n}"], n) for n in range(COUNT)]


def test_expat():
    def look(n):
        target = Target(n)
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = target.start, target.end
        parser.Parse(f"<a><b{n}/></a>", True)
        return target.close()

    assert at_once(look) == [["a", f"b{n}"] for n in range(COUNT)]


def test_sqlite():
    def look(n):
        with sqlite3.connect(":memory:") as connection:
            connection.create_function("plus", 1, lambda number: after(n, number + n))
            connection.create_collation("slow", lambda a, b: after(n, (a > b) - (a < b)))
            rows = "select 'b' as name union all select 'a' union all select 'c' order by name collate slow"
            return connection.execute("select plus(1) + plus(2)").fetchone()[0], connection.execute(rows).fetchall()

    assert at_once(look) == [(3 + n * 2, [("a",), ("b",), ("c",)]) for n in range(COUNT)]


def test_numpy():
    def look(n):
        plus = numpy.frompyfunc(lambda number: after(n, number + n), 1, 1)
        found = numpy.sort(numpy.array(things(n), dtype=object))
        sums = numpy.apply_along_axis(lambda row: after(n, row.sum()), 1, numpy.full((2, 2), n))
        return plus(numpy.arange(2)).tolist(), numbers(found), sums.tolist()

    assert at_once(look) == [([n, n + 1], [n, n + 1, n + 2], [n * 2] * 2) for n in range(COUNT)]


def test_contexts_of_numpy_and_decimal():
    def look(n):
        kind = ("ignore", "raise")[n % 2]
        with numpy.errstate(divide=kind), decimal.localcontext() as context:
            context.prec = 5 + n % 20
            wait(n)
            assert len(str(decimal.Decimal(1) / 3)) == 7 + n % 20
            try:
                numpy.ones(1) / numpy.zeros(1)
            except FloatingPointError:
                return "raise"
            return "ignore"

    assert at_once(look) == ["ignore", "raise"] * (COUNT // 2)


def test_pandas():
    def look(n):
        table = pandas.DataFrame({"a": [1, 2, 1], "b": n})
        rows = table.apply(lambda row: after(n, row.a + row.b), axis=1)
        return rows.tolist(), table.groupby("a").b.agg(lambda column: after(n, column.sum())).tolist()

    assert at_once(look) == [([n + 1, n + 2, n + 1], [n * 2, n]) for n in range(COUNT)]


def test_scipy():
    def look(n):
        root = scipy.optimize.brentq(lambda x: after(n, (x - n) ** 3 + x - n), -1000, 1000)
        least = scipy.optimize.minimize(lambda x: after(n, ((x - n % 7) ** 2).sum()), numpy.zeros(2), method="L-BFGS-B")
        return round(root), least.x.round(2).tolist()

    assert at_once(look) == [(n, [n % 7] * 2) for n in range(COUNT)]


def test_pillow():
    def copy(n):
        file = Slow()
        PICTURE.save(file, "PNG")
        return Image.open(Slow(file.getvalue())).tobytes() == PICTURE.tobytes()

    assert all(at_once(copy))
