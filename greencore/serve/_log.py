"""The access log: a line for each request."""

import json
import sys
import time


def open_log(name):
    """Return the file that lines go to, which other processes append to as well."""
    return sys.stdout if name == "-" else open(name, "a", buffering=1)  # noqa: SIM115 - open until the process ends


def moment(seconds, form):
    zone = time.strftime("%z", time.localtime(seconds))
    return time.strftime(form, time.localtime(seconds)), zone


def quoted(text):
    """Return a client's text for use inside of quotation marks: it ends neither them nor the line."""
    return json.dumps(text)[1:-1]


def common(handler):
    """Return the request's line in the Common Log Format, with the seconds that it took at the end."""
    when, zone = moment(handler.time_start, "%d/%b/%Y:%H:%M:%S")
    return (
        f'{client(handler)} - - [{when} {zone}] "{quoted(handler.requestline or "-")}" {handler.code or "-"} '
        f"{handler.response_length or '-'} {handler.time_finish - handler.time_start:.6f}\n"
    )


def as_json(handler):
    """Return the request's line as a JSON object."""
    when, zone = moment(handler.time_start, "%Y-%m-%dT%H:%M:%S")
    environ = handler.environ or {}
    fields = {
        "time": f"{when}{zone[:3]}:{zone[3:]}",
        "client": client(handler),
        "request": handler.requestline,
        "status": handler.code or None,
        "bytes": handler.response_length,
        "seconds": round(handler.time_finish - handler.time_start, 6),
        "referer": environ.get("HTTP_REFERER"),
        "agent": environ.get("HTTP_USER_AGENT"),
    }
    return json.dumps(fields) + "\n"


def client(handler):
    address = handler.client_address
    return address[0] if isinstance(address, tuple) else "-"


FORMATS = {"common": common, "json": as_json}
