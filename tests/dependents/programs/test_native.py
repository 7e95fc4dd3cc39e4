"""C and Fortran libraries with large frames on their stacks, and code that calls itself deeply: in two thousand greenlets
at once, or in one more while two thousand are parked."""

import subprocess
import sys
import textwrap

import pytest

HEAD = """
import gevent
from gevent.event import Event

COUNT = 2000
ready = []
all_ready = Event()

def at_once(function):
    def run(n):
        ready.append(n)
        if len(ready) == COUNT:
            all_ready.set()
        all_ready.wait()
        value = function(n)
        gevent.sleep(0)
        return value
    greenlets = [gevent.spawn(run, n) for n in range(COUNT)]
    gevent.joinall(greenlets)
    return [greenlet.get(block=False) for greenlet in greenlets]

def in_one_more(function):
    parked = [gevent.spawn(Event().wait) for _ in range(COUNT)]
    gevent.sleep(0)
    one = gevent.spawn(function)
    one.join()
    assert not any(greenlet.dead for greenlet in parked)
    return one.get(block=False)
"""

PROGRAMS = {
    "numpy inv": """
        import numpy
        matrix = numpy.eye(120) * 2 + numpy.ones((120, 120))
        right = numpy.linalg.inv(matrix)
        assert all(at_once(lambda n: numpy.allclose(numpy.linalg.inv(matrix), right)))
    """,
    "numpy svd and fft": """
        import numpy
        matrix = numpy.arange(900.0).reshape(30, 30)
        right = numpy.linalg.svd(matrix)[1], numpy.fft.fft2(matrix)
        def look(n):
            return numpy.allclose(numpy.linalg.svd(matrix)[1], right[0]) and numpy.allclose(numpy.fft.fft2(matrix), right[1])
        assert all(at_once(look))
    """,
    "scipy": """
        import numpy, scipy.linalg, scipy.integrate, scipy.optimize
        matrix = numpy.eye(60) + 0.01 * numpy.arange(3600.0).reshape(60, 60)
        right = scipy.linalg.solve(matrix, numpy.ones(60))
        def look(n):
            area = scipy.integrate.quad(lambda x: x * x, 0, 3)[0]
            root = scipy.optimize.brentq(lambda x: x * x - 4, 0, 9)
            return numpy.allclose(scipy.linalg.solve(matrix, numpy.ones(60)), right) and abs(area - 9) + abs(root - 2) < 1e-6
        assert all(at_once(look))
    """,
    "lxml": """
        from lxml import etree
        text = "<a>" * 200 + "x" + "</a>" * 200
        sheet = etree.XSLT(etree.XML(
            '<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">'
            '<x:template match="a"><b><x:apply-templates/></b></x:template></x:stylesheet>'))
        def look(n):
            tree = etree.fromstring(text)
            return tree.xpath("count(//a)") == 200 and str(sheet(tree)).count("<b>") == 200
        assert all(at_once(look))
    """,
    "deep pickles": """
        import pickle
        def chain(n):
            value = None
            for _ in range(100):
                value = [value]
            return len(pickle.dumps(value)) > 100
        assert all(at_once(chain))
    """,
    "imports and regular expressions": """
        import re, ast
        source = "x = " + " + ".join(map(str, range(150)))
        def look(n):
            names = {}
            exec(compile(source, "", "exec"), names)
            return names["x"] == sum(range(150)) and re.fullmatch("(a|b)*c", "ab" * 500 + "c") is not None
        assert all(at_once(look))
    """,
    "first imports": """
        def look():
            import numpy, pandas, pydantic, scipy.stats
            import cryptography.x509, lxml.etree, PIL.Image
            import asyncio, email.mime.multipart, http.server, sqlite3, unittest.mock, xml.dom.minidom
            table = pandas.DataFrame({"a": numpy.arange(700) % 7, "b": 1.0})
            sums = table.groupby("a").b.agg(["sum", "std"])
            again = pandas.read_csv(__import__("io").StringIO(table.to_csv(index=False)))
            joined = again.merge(sums, left_on="a", right_index=True).query("a > 3")
            return sums["sum"].tolist() == [100.0] * 7 and len(joined) == 300
        assert in_one_more(look)
    """,
    "scipy's solvers": """
        def look():
            import numpy, scipy.integrate, scipy.linalg, scipy.optimize, scipy.sparse.linalg, scipy.spatial
            points = numpy.random.default_rng(1).random((500, 3))
            scipy.spatial.Delaunay(points)
            assert scipy.spatial.cKDTree(points).query(points)[0].max() == 0
            found = scipy.optimize.minimize(lambda x: ((x - 1) ** 2).sum(), numpy.zeros(10), method="L-BFGS-B")
            assert numpy.allclose(found.x, 1, atol=1e-3)
            assert scipy.optimize.linprog([1, 2], A_ub=[[-1, -1]], b_ub=[-1]).fun == 1
            sparse = scipy.sparse.eye(200).tocsc()
            assert scipy.sparse.linalg.splu(sparse).solve(numpy.ones(200)).sum() == 200
            scipy.linalg.eigh(numpy.eye(200)), scipy.linalg.schur(points[:300, 0].reshape(10, 30)[:, :10])
            end = scipy.integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], method="LSODA").y[0, -1]
            return abs(end - numpy.exp(-1)) < 1e-2
        assert in_one_more(look)
    """,
    "deep documents": """
        import copy, json, pytest
        import msgpack, orjson
        from lxml import etree
        from xml.dom import minidom
        def look():
            depth = 900
            text = "[" * depth + "]" * depth
            assert json.dumps(json.loads(text)) == text
            assert orjson.loads(text) == json.loads(text)
            short = "[" * 250 + "]" * 250
            assert orjson.dumps(json.loads(short)) == short.encode()
            assert msgpack.unpackb(msgpack.packb(json.loads(text))) == json.loads(text)
            for load, error in (json.loads, RecursionError), (orjson.loads, ValueError):
                pytest.raises(error, load, "[" * 100_000)
            pytest.raises(ValueError, msgpack.unpackb, b"\\x91" * 100_000)
            elements = "<a>" * 2000 + "</a>" * 2000
            tree = copy.deepcopy(etree.fromstring(elements, etree.XMLParser(huge_tree=True)))
            assert sum(1 for _ in tree.iter()) == 2000 and len(etree.tostring(tree)) > 8000
            return len(minidom.parseString(elements[:900] + elements[-1200:]).toxml()) > 2000
        assert in_one_more(look)
    """,
    "pydantic": """
        import pytest
        from pydantic import BaseModel, ValidationError
        class Node(BaseModel):
            child: "Node | None" = None
        def look(n):
            value = None
            for _ in range(100):
                value = {"child": value}
            node = Node.model_validate(value)
            return Node.model_validate_json(node.model_dump_json()) == node
        assert all(at_once(look))
        def nest_too_deep():
            value = None
            for _ in range(2000):
                value = {"child": value}
            pytest.raises(ValidationError, Node.model_validate, value)
        in_one_more(nest_too_deep)
    """,
    "pillow": """
        import io
        from PIL import Image, ImageDraw, ImageFilter
        def look():
            image = Image.new("RGB", (800, 600), "red")
            ImageDraw.Draw(image).ellipse((10, 10, 500, 500), fill="blue")
            image = image.filter(ImageFilter.GaussianBlur(5)).resize((333, 222), Image.LANCZOS).rotate(33)
            for kind in "PNG", "JPEG", "GIF", "WEBP", "TIFF":
                file = io.BytesIO()
                image.save(file, kind)
                assert Image.open(file).convert("L").size == (333, 222)
            return len(image.quantize(64).getcolors()) <= 64
        assert in_one_more(look)
    """,
    "cryptography": """
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
        curve = ec.generate_private_key(ec.SECP384R1())
        def sign(n):
            text = b"%d" % n
            curve.public_key().verify(curve.sign(text, ec.ECDSA(hashes.SHA256())), text, ec.ECDSA(hashes.SHA256()))
            fernet = Fernet(Fernet.generate_key())
            return fernet.decrypt(fernet.encrypt(text)) == text
        assert all(at_once(sign))
        def look():
            key = rsa.generate_private_key(65537, 2048)
            secret = serialization.BestAvailableEncryption(b"secret")
            text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
            signature = key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
            again = serialization.load_pem_private_key(text, b"secret").public_key()
            again.verify(signature, b"", padding.PKCS1v15(), hashes.SHA256())
            return len(Scrypt(b"salt", 32, 2**14, 8, 1).derive(b"secret")) == 32
        assert in_one_more(look)
    """,
    "regular expressions that track back": """
        import re
        def look():
            assert re.match("(a+)+$", "a" * 20 + "b") is None
            for pattern in "(?:(a)|b)*?c", "(a|b)*c", "((a|b)*?c?)*":
                assert re.fullmatch(pattern, "ab" * 50_000 + "c")
            return re.fullmatch("(?:" * 150 + "a" + ")*" * 150, "a")
        assert in_one_more(look)
    """,
    "nested sorts": """
        import pytest
        def nest(n):
            return n == 0 or sorted([1], key=lambda x: nest(n - 1)) == [1]
        class Item:
            def __init__(self, n):
                self.n = n
            def __lt__(self, other):
                return self.n == 0 or sorted([Item(self.n - 1), Item(self.n - 1)]) is None
        def look():
            sorted([Item(200), Item(200)])
            pytest.raises(RecursionError, nest, 100_000)
            pytest.raises(RecursionError, sorted, [Item(100_000), Item(100_000)])
            return nest(200)
        assert in_one_more(look)
    """,
    "a chain of objects, pickled and copied": """
        import copy, pickle, sys
        class Node:
            def __init__(self, child):
                self.child = child
        def look():
            chain = None
            for _ in range(400):
                chain = Node(chain)
            count = 0
            chain = copy.deepcopy(pickle.loads(pickle.dumps(chain)))
            while chain:
                count += 1
                chain = chain.child
            return count == 400
        sys.setrecursionlimit(3000)
        assert in_one_more(look)
    """,
    "deep and long source": """
        import ast
        def look():
            branches = "".join(f"    elif x == {n}: return {n}\\n" for n in range(1, 500))
            names = {}
            exec(compile("def choose(x):\\n    if x == 0: return 0\\n" + branches, "", "exec"), names)
            assert names["choose"](499) == 499
            assert eval("(" * 150 + "1" + ")" * 150) == 1
            assert eval("-" * 150 + "1") == 1
            return len(ast.unparse(ast.parse("+".join(["x"] * 150)))) == 597
        assert in_one_more(look)
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_in_two_thousand_greenlets(name):
    code = HEAD + textwrap.dedent(PROGRAMS[name])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}"
