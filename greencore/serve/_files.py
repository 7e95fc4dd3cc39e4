"""A WSGI application that serves the files of a folder: with ranges and conditions (RFC 9110), and no way out of the folder."""

import html
import mimetypes
import os
import re
import stat
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

BLOCK = 256 * 1024  # bytes read at once for a range
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Files:
    """Files(folder)(environ, start_response). It has no files whose names begin with a dot."""

    def __init__(self, folder):
        self.root = os.path.realpath(folder)

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return refuse(start_response, "405 Method Not Allowed", ("Allow", "GET, HEAD"))
        path = self.find(environ["PATH_INFO"])
        if path is None:
            return refuse(start_response, "404 Not Found")
        if os.path.isdir(path):
            if not environ["PATH_INFO"].endswith("/"):
                return refuse(start_response, "301 Moved Permanently", ("Location", location(environ) + "/"))
            index = os.path.join(path, "index.html")
            if not os.path.isfile(index):
                return self.list(path, environ, start_response)
            path = index
        return self.send(path, environ, start_response)

    def find(self, path_info):
        """Return the path of the file or folder that a request names; None for what is not there, or is outside."""
        try:
            path = path_info.encode("latin-1").decode()
        except UnicodeDecodeError:
            return None
        parts = [part for part in path.split("/") if part]
        if "\0" in path or any(part.startswith(".") for part in parts):
            return None
        # A link may lead anywhere: what counts is where it ends.
        found = os.path.realpath(os.path.join(self.root, *parts))
        inside = found == self.root or found.startswith(os.path.join(self.root, ""))
        return found if inside and os.path.exists(found) else None

    def send(self, path, environ, start_response):
        """Answer with a file, or a part of it, or that it has not changed."""
        try:
            file = open(path, "rb", opener=open_at_once)  # noqa: SIM115 - the server closes it
        except OSError:
            return refuse(start_response, "404 Not Found")
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            file.close()
            return refuse(start_response, "404 Not Found")
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        headers = [
            ("ETag", tag),
            ("Last-Modified", formatdate(found.st_mtime, usegmt=True)),
            ("Accept-Ranges", "bytes"),
        ]
        verdict = judge(environ, tag, int(found.st_mtime))
        if verdict is not None:
            file.close()
            start_response(verdict, headers)
            return []
        kind, encoding = mimetypes.guess_type(path)
        headers.append(("Content-Type", kind or "application/octet-stream"))
        if encoding:
            headers.append(("Content-Encoding", encoding))
        part = chosen_range(environ, tag, int(found.st_mtime), found.st_size)
        if part == ():
            file.close()
            return refuse(start_response, "416 Range Not Satisfiable", ("Content-Range", f"bytes */{found.st_size}"))
        first, last = part or (0, found.st_size - 1)
        headers.append(("Content-Length", str(last - first + 1)))
        if part:
            headers.append(("Content-Range", f"bytes {first}-{last}/{found.st_size}"))
        start_response("206 Partial Content" if part else "200 OK", headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            file.close()
            return []
        return Part(file, first, last - first + 1) if part else environ["wsgi.file_wrapper"](file)

    def list(self, path, environ, start_response):
        """Answer with a page of links to what a folder has."""
        title = html.escape(environ["PATH_INFO"].encode("latin-1").decode())
        rows = [] if path == self.root else ['<li><a href="../">../</a>']
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.name.startswith("."):
                    name = entry.name + "/" * entry.is_dir()
                    shown = html.escape(os.fsencode(name).decode("utf-8", "replace"))
                    rows.append(f'<li><a href="./{quote(os.fsencode(name))}">{shown}</a>')
        page = f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><ul>{''.join(rows)}</ul>\n".encode()
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
        return [page]


class Part:
    """`count` bytes of a file from `first` on, for WSGI."""

    def __init__(self, file, first, count):
        self.file = file
        self.left = count
        file.seek(first)

    def __iter__(self):
        while self.left:
            data = self.file.read(min(self.left, BLOCK))
            if not data:
                return  # the file has become shorter: the server tells the client
            self.left -= len(data)
            yield data

    def close(self):
        self.file.close()


def open_at_once(path, flags):
    """Open a file. A FIFO is opened without waiting for its other end, and refused then."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def location(environ):
    """Return the request's path for a Location field. It begins with one slash: two would begin the name of a host."""
    return "/" + quote((environ["SCRIPT_NAME"] + environ["PATH_INFO"]).encode("latin-1")).lstrip("/")


def refuse(start_response, status, *headers):
    body = f"{status[4:]}\n".encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *headers])
    return [body]


def seconds(field):
    """Return the seconds since the epoch of an HTTP date; None for what is none."""
    try:
        return parsedate_to_datetime(field).timestamp()
    except (TypeError, ValueError):
        return None


def matches(field, tag):
    return field.strip() == "*" or tag in (word.strip().removeprefix("W/") for word in field.split(","))


def judge(environ, tag, modified):
    """Return the status that the request's conditions ask for instead of the file, or None (RFC 9110, section 13.2.2)."""
    if "HTTP_IF_MATCH" in environ:
        if not matches(environ["HTTP_IF_MATCH"], tag):
            return "412 Precondition Failed"
    else:
        limit = seconds(environ.get("HTTP_IF_UNMODIFIED_SINCE"))
        if limit is not None and modified > limit:
            return "412 Precondition Failed"
    if "HTTP_IF_NONE_MATCH" in environ:
        return "304 Not Modified" if matches(environ["HTTP_IF_NONE_MATCH"], tag) else None
    limit = seconds(environ.get("HTTP_IF_MODIFIED_SINCE"))
    return "304 Not Modified" if limit is not None and modified <= limit else None


def chosen_range(environ, tag, modified, size):
    """Return (first, last) of the part that is asked for; None for all of the file; () for a part that it does not have."""
    asked = RANGE.fullmatch(environ.get("HTTP_RANGE", "").strip())
    condition = environ.get("HTTP_IF_RANGE", "").strip()
    if not asked or not any(asked.groups()) or (condition and condition != tag and seconds(condition) != modified):
        return None  # several parts, or nonsense: a server may send it all
    first, last = asked.groups()
    if not first:
        return (max(size - int(last), 0), size - 1) if size and int(last) else ()
    if last and int(last) < int(first):
        return None
    return (int(first), min(int(last or size), size - 1)) if int(first) < size else ()
