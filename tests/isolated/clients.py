"""Many clients at once, each in a thread, by libraries that know nothing of greenlets: clients.py NAME COUNT PORT.

NAME is a function below that makes `COUNT` clients meet: what one waits for comes when all wait for it, so that clients
that take turns would wait for ever. Prints how many were served.
"""

from gevent import monkey

monkey.patch_all()

import io  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402

NAME, COUNT, PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
KEY = f"greencore-{os.getpid()}"
BODY = bytes(range(256)) * 400

served = []


def run(client, meet=None):
    """Run client(n) in a thread each, and meanwhile meet()."""

    def serve(n):
        client(n)
        served.append(n)

    threads = [threading.Thread(target=serve, args=(n,)) for n in range(COUNT)]
    for thread in threads:
        thread.start()
    if meet:
        meet()
    for thread in threads:
        thread.join()


def wait_until(condition):
    import time

    while not condition():
        time.sleep(0.01)


def http_client():
    import http.client

    def client(n):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        for path in (f"/{n}", f"/again/{n}"):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.headers["X-Path"] == path
            assert response.read() == BODY
        connection.close()

    run(client)


def urllib():
    import urllib.request

    def client(n):
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/{n}", data=BODY) as response:
            assert response.read() == BODY[::-1]

    run(client)


def urllib3():
    import urllib3

    pool = urllib3.HTTPConnectionPool("127.0.0.1", PORT, maxsize=COUNT, block=True)

    def client(n):
        for _ in range(2):
            assert pool.request("GET", f"/{n}").data == BODY

    run(client)


def requests():
    import requests

    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=COUNT))

    def client(n):
        response = session.get(f"http://127.0.0.1:{PORT}/{n}")
        assert response.headers["X-Path"] == f"/{n}" and response.content == BODY
        assert requests.post(f"http://127.0.0.1:{PORT}/", data=BODY).content == BODY[::-1]

    run(client)


def smtplib():
    import smtplib

    def client(n):
        with smtplib.SMTP("127.0.0.1", PORT) as smtp:
            assert smtp.sendmail("me@test", [f"{n}@test"], f"Subject: {n}\r\n\r\n" + "line\r\n" * 1000) == {}

    run(client)


def ftplib():
    import ftplib

    def client(n):
        with ftplib.FTP() as ftp:
            ftp.connect("127.0.0.1", PORT)
            ftp.login("me", "secret")
            ftp.storbinary("STOR stored", io.BytesIO(BODY * 3))
            for name, expected in (("BODY", BODY), ("stored", BODY * 3)):
                parts = []
                ftp.retrbinary(f"RETR {name}", parts.append)
                assert b"".join(parts) == expected

    run(client)


def redis():
    import redis

    pool = redis.BlockingConnectionPool(host="127.0.0.1", port=PORT, max_connections=COUNT + 1)
    control = redis.Redis(connection_pool=pool)

    def client(n):
        mine = redis.Redis(connection_pool=pool)
        assert mine.blpop(f"{KEY}-{n}") == (f"{KEY}-{n}".encode(), b"go")
        mine.set(f"{KEY}-value-{n}", BODY, ex=60)
        with mine.pipeline() as pipeline:
            pipeline.get(f"{KEY}-value-{n}").delete(f"{KEY}-value-{n}")
            assert pipeline.execute() == [BODY, 1]

    def meet():
        wait_until(lambda: control.info("clients")["blocked_clients"] >= COUNT)
        for n in range(COUNT):
            control.rpush(f"{KEY}-{n}", "go")

    run(client, meet)


def pymysql():
    import pymysql

    def connect():
        return pymysql.connect(host="127.0.0.1", port=PORT, user="root", password="", database="test")

    control = connect()
    cursor = control.cursor()
    cursor.execute("select get_lock(%s, 0)", (KEY,))

    def client(n):
        with connect() as connection, connection.cursor() as cursor:
            cursor.execute("select get_lock(%s, 60), release_lock(%s)", (KEY, KEY))
            assert cursor.fetchall() == ((1, 1),)
            cursor.execute("select seq, %s from seq_1_to_100", (n,))
            assert cursor.fetchall() == tuple((i, n) for i in range(1, 101))

    def waiting():
        cursor.execute("select count(*) from information_schema.processlist where info like %s", (f"select get_lock('{KEY}%",))
        return cursor.fetchone()[0]

    def meet():
        wait_until(lambda: waiting() >= COUNT)
        cursor.execute("select release_lock(%s)", (KEY,))

    run(client, meet)
    control.close()


def pg8000():
    import pg8000.native

    key = os.getpid()

    def connect():
        return pg8000.native.Connection("postgres", host="127.0.0.1", port=PORT, database="test")

    control = connect()
    control.run("select pg_advisory_lock(:key)", key=key)

    def client(n):
        connection = connect()
        connection.run("select pg_advisory_lock_shared(:key)", key=key)
        rows = connection.run("select i, :n from generate_series(1, 100) i", n=str(n))
        assert rows == [[i, str(n)] for i in range(1, 101)]
        connection.close()

    def waiting():
        query = "select count(*) from pg_locks where locktype = 'advisory' and objid = :key and not granted"
        return control.run(query, key=key)[0][0]

    def meet():
        wait_until(lambda: waiting() >= COUNT)
        control.run("select pg_advisory_unlock(:key)", key=key)

    run(client, meet)
    control.close()


def pika():
    import pika

    consuming = threading.Semaphore(0)
    parameters = pika.ConnectionParameters("127.0.0.1", PORT)

    def client(n):
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.queue_declare(f"{KEY}-{n}", exclusive=True)
            consuming.release()
            for method, _, body in channel.consume(f"{KEY}-{n}"):
                channel.basic_ack(method.delivery_tag)
                assert body == BODY + str(n).encode()
                break
            channel.cancel()

    def meet():
        for _ in range(COUNT):
            consuming.acquire()
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            for n in range(COUNT):
                channel.basic_publish("", f"{KEY}-{n}", BODY + str(n).encode())

    run(client, meet)


globals()[NAME]()
assert len(os.listdir("/proc/self/task")) < 5, "native threads"
print(len(served))
