"""database.py USER DATABASE: a hundred greenlets on ten connections to the PostgreSQL of this machine."""

from gevent import monkey

monkey.patch_all()

import contextlib
import sys
import time

import gevent
import pg8000.dbapi
from gevent.queue import LifoQueue

CONNECTIONS = 10
GREENLETS = 100


class ConnectionPool:
    """At most `size` connections, made when they are needed. Who finds none free waits, `timeout` seconds at most."""

    def __init__(self, connect, size, timeout=30):
        self.connect = connect
        self.timeout = timeout
        # What was used last is used next: the others may idle. None: one may be made.
        self.free = LifoQueue(items=[None] * size)

    @contextlib.contextmanager
    def transaction(self):
        connection = self.free.get(timeout=self.timeout) or self.make()
        try:
            yield connection.cursor()
            connection.commit()
        except BaseException:  # a kill or a time-out, too: the connection may be in the middle of an answer
            self.free.put(None)
            connection.close()
            raise
        self.free.put(connection)

    def make(self):
        try:
            return self.connect()
        except BaseException:
            self.free.put(None)
            raise


def main(user, database):
    pool = ConnectionPool(lambda: pg8000.dbapi.connect(user, host="127.0.0.1", database=database), CONNECTIONS)
    backends = set()

    def ask(number):
        with pool.transaction() as cursor:
            cursor.execute("SELECT pg_backend_pid(), %s * 2, pg_sleep(0.02)", (number,))
            backend, twice, _ = cursor.fetchone()
        backends.add(backend)
        return twice

    start = time.perf_counter()
    answers = [greenlet.get() for greenlet in [gevent.spawn(ask, number) for number in range(GREENLETS)]]
    print(f"{len(answers)} answers, the last one {answers[-1]}, by {len(backends)} connections")
    print(f"in {time.perf_counter() - start:.2f} s; one after another they take 2 s", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
