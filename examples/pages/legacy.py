"""legacy.py PORT: fetch 200 pages, one after another. It knows nothing of greenlets."""

import sys
import urllib.request


def addresses(port):
    return [f"http://127.0.0.1:{port}/page/{number}" for number in range(200)]


def fetch(address):
    with urllib.request.urlopen(address, timeout=10) as response:
        return len(response.read())


if __name__ == "__main__":
    sizes = [fetch(address) for address in addresses(sys.argv[1])]
    print(len(sizes), "pages,", sum(sizes), "bytes")
