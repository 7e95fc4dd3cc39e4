"""C and Fortran libraries with large frames on their stacks, in two thousand greenlets at once."""

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
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_in_two_thousand_greenlets(name):
    code = HEAD + textwrap.dedent(PROGRAMS[name])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}"
