"""legacy.py PORT [COUNT]: fetch 200 pages, or COUNT, one after another. It knows nothing of greenlets."""

import http.client
import sys
import time


def fetch(address):
    host, path = address
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path)
    with connection.getresponse() as response:
        return len(response.read())


def addresses(port, count=200):
    return [(f"127.0.0.1:{port}", f"/page/{number}") for number in range(int(count))]


if __name__ == "__main__":
    start = time.perf_counter()
    sizes = [fetch(address) for address in addresses(*sys.argv[1:])]
    print(f"{len(sizes)} pages, {sum(sizes)} bytes, in {time.perf_counter() - start:.2f} s")
