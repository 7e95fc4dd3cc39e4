"""python -m greencore SCRIPT."""

import subprocess
import sys


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
    assert run(script).stdout == "greencore greencore._greenlet_module\n"


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
    assert done.returncode == 1
    assert done.stderr.startswith("usage:")


def test_missing_script():
    done = run("/nonexistent/script.py")
    assert done.returncode == 1
    assert "FileNotFoundError" in done.stderr
