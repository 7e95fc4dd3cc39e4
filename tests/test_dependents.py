"""The runner of other packages' tests: what it records, past tests that hang or crash, and what it calls a difference."""

import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "dependents"
TESTS = """
import os, time, unittest, pytest

def test_passes(): pass
def test_fails(): assert 1 == 2, "as told"
def test_crashes(): os.abort()
def test_hangs(): time.sleep(1000)
def test_passes_after_those(): pass
def test_passes_at_the_second_run():
    assert os.path.exists("seen") or open("seen", "w").close()
@pytest.mark.skip(reason="of no use")
def test_is_skipped(): pass
@pytest.mark.xfail(strict=True)
def test_is_known_to_fail(): assert False
@pytest.fixture
def broken():
    yield
    raise OSError
def test_fails_at_its_end(broken): pass
def test_is_left_out(): assert False
"""


@pytest.fixture
def runner(monkeypatch, tmp_path):
    """The module run.py, its cache in a temporary folder."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("GREENCORE_CACHE", str(tmp_path / "cache"))
    names = ("environment", "page", "run", "suites")
    for name in names:
        sys.modules.pop(name, None)
    import run

    yield run
    for name in names:
        sys.modules.pop(name)


def run_tests(runner, folder, **fields):
    from suites import Suite

    suite = Suite("some", ("some==1",), "what", args=("test_some.py",), limit=3, **fields)
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").touch()
    run = runner.Run(suite, "greencore", Path(sys.executable), folder)
    run.env["PYTHONPATH"] += os.pathsep + os.environ["PYTHONPATH"]
    return run.outcomes()


def test_each_outcome_is_recorded(runner, tmp_path):
    outcomes = run_tests(runner, tmp_path, left_out={"is_left_out": "a reason"})
    assert {test.partition("::test_")[2]: outcome for test, (outcome, _) in outcomes.items()} == {
        "passes": "passed",
        "fails": "failed",
        "crashes": "failed",
        "hangs": "failed",
        "passes_after_those": "passed",
        "passes_at_the_second_run": "passed",
        "is_skipped": "skipped",
        "is_known_to_fail": "passed",
        "fails_at_its_end": "failed",
    }
    assert "as told" in outcomes["test_some.py::test_fails"][1]


def test_a_run_with_the_wrong_gevent_is_an_error(runner, tmp_path):
    runner.Run.side = property(lambda self: "real", lambda self, side: None)
    with pytest.raises(runner.Failed, match="was to run with real"):
        run_tests(runner, tmp_path, left_out={"hangs": "slow", "crashes": "slow"})


def test_differences(runner):
    from suites import Suite

    suite = Suite("some", ("some==1",), "what", differences={"::b": "its reason"})
    result = {
        "real": {
            "x.py::a": ["passed", ""],
            "x.py::b": ["passed", ""],
            "x.py::c": ["failed", ""],
            "y.py::d": ["passed", ""],
        },
        "greencore": {
            "x.py::a": ["passed", ""],
            "x.py::b": ["failed", ""],
            "x.py::c": ["passed", ""],
            "y.py": ["failed", ""],
        },
    }
    assert runner.page.differences(suite, result) == [("x.py::b", "its reason"), ("y.py", "")]
    assert runner.page.gained(result) == ["x.py::c"]


def test_a_program_that_fails_on_both_sides_is_an_error(runner, capsys):
    from suites import Suite

    result = {side: {"x.py::a": ["passed", ""], "x.py::b": ["failed", "as told"]} for side in runner.SIDES}
    theirs = Suite("theirs", ("some==1",), "what", sdist=("tests",))
    ours = Suite("ours", ("some==1",), "what", programs=("x.py",))
    explained = Suite("explained", ("some==1",), "what", programs=("x.py",), differences={"::b": "its reason"})
    assert [runner.show(suite, result, 1) for suite in (theirs, ours, explained)] == [True, False, True]
    assert "as told" in capsys.readouterr().out


def test_every_suite_can_be_run(runner):
    """Each pins its package, says what runs, and has tests: the package's own, or programs that are there."""
    assert len({suite.name for suite in runner.SUITES}) == len(runner.SUITES)
    for suite in runner.SUITES:
        assert "==" in suite.requires[0] and suite.what
        assert bool(suite.sdist) != bool(suite.programs), suite.name
        assert [name for name in suite.programs if not (FOLDER / "programs" / name).exists()] == []
        assert "" not in [*suite.differences.values(), *suite.left_out.values()]
