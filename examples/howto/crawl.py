"""crawl.py URL [PLACES]: follow all links of a site, at most PLACES pages (10) at a time."""

from gevent import monkey

monkey.patch_all()

import re
import sys
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import urlopen

from gevent.pool import Pool


def fetch(url):
    """Return the page's links, or the error."""
    try:
        with urlopen(url, timeout=10) as page:
            text = page.read().decode(errors="replace")
    except OSError as error:
        return error
    return {urldefrag(urljoin(url, link)).url for link in re.findall(r'href="([^"]+)"', text)}


def crawl(start, places):
    """Return {url: its links or an error} of all pages of the site."""
    pages, level, pool = {}, {start}, Pool(places)
    while level:
        for url, found in pool.imap_unordered(lambda url: (url, fetch(url)), level):
            pages[url] = found
        links = {link for url in level if isinstance(pages[url], set) for link in pages[url]}
        level = {link for link in links - pages.keys() if urlsplit(link).netloc == urlsplit(start).netloc}
    return pages


if __name__ == "__main__":
    pages = crawl(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 10)
    broken = {url: found for url, found in pages.items() if not isinstance(found, set)}
    print(f"{len(pages) - len(broken)} pages")
    for url, error in sorted(broken.items()):
        print(f"{url}: {error}")
