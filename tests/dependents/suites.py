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


NATIVE = ("scipy", "pandas", "lxml", "msgpack", "orjson", "pillow", "cryptography", "pydantic")

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
        "greenlets of its asyncio extension, on aiosqlite; pools",
        sdist=("test", "lib/sqlalchemy/testing/plugin", "setup.cfg", "pyproject.toml"),
        args=("--db", "aiosqlite", "test/base/test_concurrency.py", "test/engine/test_pool.py", "test/ext/asyncio"),
        fast=True,
    ),
    Suite(
        "sqlalchemy-patched",
        ("SQLAlchemy==2.1.9", "aiosqlite"),
        "pools, engines and events, everything patched",
        sdist=("test", "lib/sqlalchemy/testing/plugin", "setup.cfg", "pyproject.toml"),
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
        ("gipc==1.8.0", "pytest<8"),
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
        "kombu-brokers",
        ("kombu[redis,msgpack,yaml]==5.7.0",),
        "its integration tests, on Redis and RabbitMQ, everything patched",
        sdist=("t", "setup.cfg"),
        args=(
            *("-p", "green_kombu"),
            *(f"t/integration/test_{name}.py" for name in ("py_amqp", "redis", "redis_brpop_qos")),
        ),
        services=("Redis", "RabbitMQ"),
        patched=True,
    ),
    Suite(
        "celery",
        (
            "celery[redis,msgpack,yaml,pydantic]==5.7.0",
            "pytest-subtests",
            "pytest-timeout",
            "pytest-click",
            "pytest-order",
            "freezegun",
        ),
        "its unit tests of workers, pools, events and utilities, everything patched",
        sdist=("t", "pyproject.toml"),
        args=("t/unit/concurrency", "t/unit/events", "t/unit/utils", "t/unit/worker"),
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
        (
            "python-socketio==5.18.1",
            "pytest-asyncio",
            "pytest-timeout",
            "simple-websocket",
            "uvicorn",
            "requests",
            "websocket-client",
            "aiohttp",
            "msgpack",
            "redis",
            "valkey",
        ),
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
        left_out={"test_consumer_minimal": "its scheduler never waits, so no other greenlet has a turn"},
    ),
    Suite(
        "flask",
        ("Flask==3.1.3", "flask-sock", "websocket-client", "requests"),
        "a program on pywsgi: routes, forms, files, streams, sessions, WebSockets",
        programs=("test_flask.py",),
        fast=True,
    ),
    Suite(
        "django",
        ("Django==5.2.19", "psycopg[binary]", "requests"),
        "a program on pywsgi with SQLite and PostgreSQL: forms, files, streams, static files, administration",
        programs=("test_django.py",),
        services=("PostgreSQL",),
        fast=True,
    ),
    Suite(
        "django-psycogreen",
        ("Django==5.2.19", "psycopg2-binary", "psycogreen", "requests"),
        "the same with psycopg2, made green by psycogreen",
        programs=("test_django.py",),
        args=("-k", "not sqlite"),
        services=("PostgreSQL",),
    ),
    Suite(
        "bottle",
        ("bottle==0.13.4", "requests"),
        "a program with its own adapter: routes, forms, files, streams, cookies",
        programs=("test_bottle.py",),
        fast=True,
    ),
    Suite(
        "gunicorn",
        ("gunicorn==27.0.1", "pytest-asyncio", "pytest-cov", "h2", "inotify"),
        "its whole suite, the gevent worker's tests among it",
        sdist=("tests", "pyproject.toml"),
        args=("-o", "addopts=--assert=plain", "tests"),
        differences={
            "test_gevent_patch_after_concurrent_futures_import_leaves_unpatched_lock": "demands a fault: the lock that "
            "``concurrent.futures`` has made before is patched, too",
        },
    ),
    Suite(
        "gunicorn-workers",
        ("gunicorn==27.0.1", "requests"),
        "gevent workers: requests at once, streams; reloads, worn-out and hung workers, ends",
        programs=("test_gunicorn.py", "test_gunicorn_life.py"),
    ),
    Suite(
        "celery-workers",
        ("celery[redis]==5.7.0",),
        "workers with -P gevent, on Redis and RabbitMQ",
        programs=("test_celery.py",),
        services=("Redis", "RabbitMQ"),
        fast=True,
    ),
    Suite(
        "dramatiq",
        ("dramatiq[redis,rabbitmq]==2.2.1",),
        "workers of dramatiq-gevent, on Redis and RabbitMQ",
        programs=("test_dramatiq.py",),
        services=("Redis", "RabbitMQ"),
        fast=True,
    ),
    Suite(
        "huey-consumer",
        ("huey==3.5.4", "redis"),
        "a consumer with greenlets, on Redis",
        programs=("test_huey.py",),
        services=("Redis",),
        fast=True,
    ),
    Suite(
        "zerorpc",
        ("zerorpc==0.6.3",),
        "calls, streams, errors, lost servers",
        programs=("test_zerorpc.py",),
        fast=True,
    ),
    Suite(
        "grpcio",
        ("grpcio==1.85.3",),
        "its gevent support: calls, streams, cancelling",
        programs=("test_grpcio.py",),
        patched=True,
        fast=True,
    ),
    Suite(
        "psycogreen",
        ("psycogreen==1.0.2", "psycopg2-binary"),
        "fifty connections that wait at once, on PostgreSQL",
        programs=("test_psycogreen.py",),
        services=("PostgreSQL",),
        patched=True,
        fast=True,
    ),
    Suite(
        "gevent-websocket",
        ("gevent-websocket==0.10.1", "websocket-client", "requests"),
        "a hundred clients; ping, close",
        programs=("test_gevent_websocket.py",),
        patched=True,
    ),
    Suite(
        "socketio-server",
        ("python-socketio[client]==5.18.1",),
        "the server in its gevent mode, thirty clients",
        programs=("test_socketio.py",),
        patched=True,
        limit=30,
    ),
    Suite(
        "locust",
        ("locust==2.47.0",),
        "users of both kinds, alone, in two processes, with the page",
        programs=("test_locust.py",),
    ),
    Suite(
        "coverage",
        ("coverage==7.17.5",),
        "every line that greenlets run is seen",
        programs=("test_coverage.py",),
        fast=True,
    ),
    Suite(
        "coverage-concurrency",
        ("coverage==7.17.5", "flaky", "hypothesis", "pytest-xdist"),
        "its tests of concurrency: gevent, greenlets, threads, processes",
        sdist=("tests", "pyproject.toml"),
        args=("-o", "addopts=--no-flaky-report", "tests/test_concurrency.py"),
        environ={"COVERAGE_CORE": "ctrace"},  # another core knows threads alone
    ),
    Suite(
        "memray",
        ("memray==1.20.0",),
        "what greenlets allocate is booked on who did",
        programs=("test_memray.py",),
        fast=True,
    ),
    Suite(
        "py-spy",
        ("py-spy==0.4.3",),
        "busy greenlets are seen",
        programs=("test_pyspy.py",),
        fast=True,
    ),
    Suite(
        "native",
        ("numpy==2.4.6", *NATIVE),
        "numpy, scipy, pandas, lxml, pydantic and others: 2,000 greenlets at once; callbacks that wait",
        programs=("test_native.py", "test_callbacks.py"),
        environ={"OPENBLAS_NUM_THREADS": "1"},  # its threads spin while they wait for each other
        limit=110,
        fast=True,
    ),
]
