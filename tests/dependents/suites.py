"""The suites: which packages, which of their tests, and the reason of each difference."""

from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Suite:
    """Tests of a package, as they are run.

    Those of its sdist, from the paths `sdist`; or programs of tests/dependents/programs/. `args` goes to pytest. Keys of
    `left_out` and `differences` are parts of the ids of tests, their values reasons: of what is run on no side, and of
    what passes with real gevent only.
    """

    name: str
    requires: tuple  # of pip; first the package, with its version
    what: str
    sdist: tuple = ()
    programs: tuple = ()
    args: tuple = ()
    patched: bool = False  # before the tests are imported
    environ: dict = field(default_factory=dict)
    services: tuple = ()
    limit: int = 60  # seconds, of a test
    fast: bool = False
    left_out: dict = field(default_factory=dict)
    differences: dict = field(default_factory=dict)

    @property
    def package(self):
        return self.requires[0].partition("==")[0]


SUITES = [
    Suite(
        "eventlet",
        ("eventlet==0.41.3", "pyzmq", "psycopg2-binary"),
        "its whole suite, on greenlet",
        sdist=("tests",),
        args=("tests",),
    ),
    Suite(
        "geventhttpclient",
        ("geventhttpclient==2.6.1", "dpkt", "httplib2", "requests"),
        "its whole suite",
        sdist=("tests", "pyproject.toml"),
        args=("-m", "not network", "tests"),
        fast=True,
    ),
    Suite(
        "sqlalchemy",
        ("SQLAlchemy==2.1.9", "aiosqlite"),
        "greenlets of its asyncio extension, on aiosqlite; pools, engines",
        sdist=("test", "setup.cfg", "pyproject.toml"),
        args=("--db", "aiosqlite", "test/base/test_concurrency.py", "test/ext/asyncio", "test/engine"),
        fast=True,
    ),
    Suite(
        "sqlalchemy-patched",
        ("SQLAlchemy==2.1.9", "aiosqlite"),
        "pools, engines and events, everything patched",
        sdist=("test", "setup.cfg", "pyproject.toml"),
        args=("test/base", "test/engine"),
        patched=True,
    ),
    Suite(
        "pyzmq",
        ("pyzmq==27.3.0", "pytest-asyncio", "tornado"),
        "its whole suite, the green classes among it",
        sdist=("tests", "pytest.ini"),
        args=("tests",),
    ),
    Suite(
        "gipc",
        ("gipc==1.8.0",),
        "its whole suite",
        sdist=("test",),
        args=("test",),
        fast=True,
    ),
    Suite(
        "kombu",
        ("kombu[redis,msgpack,yaml]==5.7.0", "pytest-freezer", "hypothesis"),
        "its unit tests, everything patched",
        sdist=("t", "setup.cfg"),
        args=("t/unit",),
        patched=True,
    ),
    Suite(
        "celery",
        ("celery[redis]==5.7.0", "pytest-subtests", "pytest-timeout", "pytest-click", "pytest-order", "pytest-celery",
         "pytest-rerunfailures", "freezegun", "moto", "boto3", "pytest-xdist"),
        "its unit tests, everything patched",
        sdist=("t", "pyproject.toml"),
        args=("t/unit",),
        patched=True,
    ),
    Suite(
        "python-engineio",
        ("python-engineio==4.15.1", "pytest-asyncio", "aiohttp", "tornado", "requests", "websocket-client"),
        "its whole suite, everything patched",
        sdist=("tests", "pyproject.toml"),
        args=("-p", "no:logging", "tests"),
        patched=True,
        fast=True,
    ),
    Suite(
        "python-socketio",
        ("python-socketio==5.18.1", "pytest-asyncio", "pytest-timeout", "simple-websocket", "uvicorn", "requests",
         "websocket-client", "aiohttp", "msgpack", "redis", "valkey"),
        "its whole suite, everything patched",
        sdist=("tests", "pyproject.toml"),
        args=("-p", "no:logging", "tests"),
        patched=True,
    ),
    Suite(
        "flask-socketio",
        ("Flask-SocketIO==5.7.0", "redis"),
        "its whole suite, everything patched",
        sdist=("test_socketio.py",),
        args=("-p", "no:logging", "test_socketio.py"),
        patched=True,
        fast=True,
    ),
    Suite(
        "huey",
        ("huey==3.5.4", "redis", "peewee"),
        "its whole suite, everything patched",
        sdist=("huey/tests",),
        args=("--pyargs", "huey.tests"),
        services=("Redis",),
        patched=True,
    ),
    Suite(
        "gunicorn",
        ("gunicorn==27.0.1", "pytest-asyncio", "pytest-cov", "h2", "inotify"),
        "its whole suite, the gevent worker's tests among it",
        sdist=("tests", "pyproject.toml"),
        args=("-o", "addopts=--assert=plain", "tests"),
    ),
]
