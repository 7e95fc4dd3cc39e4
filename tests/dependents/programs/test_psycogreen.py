"""psycopg2 made green by psycogreen, with PostgreSQL."""

import gevent
import psycogreen.gevent
import psycopg2
import pytest
from gevent import Timeout
from processes import LIMIT

psycogreen.gevent.patch_psycopg()
COUNT = 50


def connect():
    return psycopg2.connect(host="127.0.0.1", user="postgres", dbname="test")


def test_fifty_connections_wait_at_once():
    """Each holds the lock, shared; one that wants it alone gets it after all of them."""
    here = []
    all_here = gevent.event.Event()

    def hold(n):
        connection = connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock_shared(20261128)")
            here.append(n)
            if len(here) == COUNT:
                all_here.set()
            all_here.wait(LIMIT)
            cursor.execute("select i, %s from generate_series(1, 100) i", (n,))
            rows = cursor.fetchall()
        connection.close()
        return rows

    holders = [gevent.spawn(hold, n) for n in range(COUNT)]
    assert all_here.wait(LIMIT)
    connection = connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(20261128)")
    connection.close()
    assert [holder.get(timeout=LIMIT) for holder in holders] == [[(i, n) for i in range(1, 101)] for n in range(COUNT)]


def test_a_query_is_left_by_a_timeout():
    connection = connect()
    with connection.cursor() as cursor, pytest.raises(Timeout):
        with Timeout(0.2):
            cursor.execute("select pg_sleep(1000)")
    connection.close()


def test_notifications():
    listener, notifier = connect(), connect()
    listener.autocommit = notifier.autocommit = True
    listener.cursor().execute("listen greencore_channel")
    cursor = notifier.cursor()
    for n in range(10):
        cursor.execute(f"notify greencore_channel, '{n}'")
    gevent.socket.wait_read(listener.fileno(), timeout=LIMIT)
    listener.cursor().execute("select 1")  # it takes the notifications in
    assert [notify.payload for notify in listener.notifies] == [str(n) for n in range(10)]
    listener.close()
    notifier.close()


def test_an_error():
    connection = connect()
    with pytest.raises(psycopg2.ProgrammingError, match="no_such_table"):
        connection.cursor().execute("select * from no_such_table")
    connection.close()
