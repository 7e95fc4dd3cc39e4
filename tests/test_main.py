"""python -m greencore SCRIPT."""

import subprocess
import sys

import greencore
import pytest


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "greencore", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def test_script_is_main_with_its_arguments(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "import neighbour\n"
        "print(__name__, sys.argv[1:], neighbour.word, sys.argv[0] == __file__)\n"
        "print(list(xrange(3)))\n"
    )
    (tmp_path / "neighbour.py").write_text("word = 'hello'\n")
    done = run(script, "one", "--two")
    assert done.stdout == "__main__ ['one', '--two'] hello True\n[0, 1, 2]\n", done.stderr


def test_functions_still_work_at_exit(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import atexit\nword = 'late'\n@atexit.register\ndef f():\n    print(word, len(xrange(2)))\n")
    assert run(script).stdout == "late 2\n"


def test_gevent_is_greencore(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import gevent, greenlet\nprint(gevent.__name__, greenlet.__name__)\n")
    assert run(script).stdout == "gevent greenlet\n"


def test_error_and_exit_status(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(7)\n")
    assert run(script).returncode == 7
    script.write_text("1 / 0\n")
    done = run(script)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_no_script_says_how():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage:")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option):
    done = run(option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m greencore SCRIPT")


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"greencore {greencore.__version__}\n", "")


def test_an_option_that_is_none():
    done = run("--nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("python -m greencore: no option '--nonsense'\n\nusage:")


def test_missing_script(tmp_path):
    for path, missing in [("/nonexistent/script.py", "/nonexistent/script.py"), (tmp_path, tmp_path / "__main__.py")]:
        done = run(path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"python -m greencore: can't open '{missing}': No such file or directory\n"


def test_folder(tmp_path):
    (tmp_path / "__main__.py").write_text("import sys\nprint('here', sys.argv[1:])\n")
    assert run(tmp_path, "one").stdout == "here ['one']\n"
