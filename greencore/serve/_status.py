"""What is shown of the statistics: a line in the terminal, and a page."""

import json

from greencore.serve._statistics import Meter

PAGE = """<!doctype html>
<meta charset=utf-8><meta name=viewport content="width=device-width">
<title>greencore</title>
<style>
body { font: 16px system-ui, sans-serif; margin: 2em auto; max-width: 50em; padding: 0 1em; color: #222 }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9em, 1fr)); gap: 1em; margin: 1.5em 0 }
div { border: 1px solid #ccc; border-radius: 6px; padding: .7em 1em } dt { color: #666 } dd { margin: 0; font-size: 1.5em }
table { border-collapse: collapse; width: 100% } td, th { text-align: right; padding: .3em .6em; border-bottom: 1px solid #ddd }
svg { width: 100%; height: 8em; background: #f4f7f4; border-radius: 6px } polyline { fill: none; stroke: #2a7; stroke-width: 1.5 }
</style>
<h1>greencore</h1>
<dl id=sums></dl>
<svg viewBox="0 0 120 40" preserveAspectRatio=none role=img aria-label="requests a second, the last two minutes"><polyline id=plot /></svg>
<table><thead><tr><th>worker<th>requests<th>failures<th>connections<th>active<th>greenlets<th>loop lag</thead><tbody id=workers></table>
<script>
const show = %s, rates = [];
function draw(now) {
    rates.push(now.rate); if (rates.length > 120) rates.shift();
    const most = Math.max(1, ...rates), ms = seconds => (seconds * 1e3).toFixed(1) + " ms";
    const cells = { "requests/s": now.rate.toFixed(0), "p50": ms(now.p50), "p99": ms(now.p99), "connections": now.connections,
        "greenlets": now.greenlets, "loop lag": ms(now.lag / 1e6), "requests": now.requests, "up": now.uptime.toFixed(0) + " s" };
    sums.innerHTML = Object.entries(cells).map(([name, value]) => `<div><dt>${name}<dd>${value}</div>`).join("");
    plot.setAttribute("points", rates.map((rate, at) => `${at},${40 - 38 * rate / most}`).join(" "));
    workers.innerHTML = now.workers.map(row => "<tr>" + [row.pid, row.requests, row.failures, row.connections, row.active,
        row.greenlets, ms(row.lag / 1e6)].map(cell => `<td>${cell}`).join("")).join("");
}
draw(show);
setInterval(async () => draw(await (await fetch(location.pathname + "?json")).json()), 1000);
</script>
"""


def line(now):
    """Return the terminal's line for what Meter.take() returns."""
    return (
        f"{now['rate']:,.0f} requests/s   p50 {now['p50'] * 1e3:.1f} ms   p99 {now['p99'] * 1e3:.1f} ms   "
        f"{now['connections']:,} connections   {now['greenlets']:,} greenlets   lag {now['lag'] / 1e3:.1f} ms"
    )


class StatusPage:
    """A WSGI application that has the page at `path`, and asks `application` for all else."""

    def __init__(self, application, path, statistics):
        self.application = application
        self.path = path
        self.meter = Meter(statistics)
        self.latest = self.meter.take()

    def look(self):
        """Return what is shown. All who look share the rates of a second: else each would see those since somebody's last look."""
        now = self.meter.statistics.read()
        if now["uptime"] - self.latest["uptime"] >= 0.9:
            self.latest = self.meter.take()
        del now["latencies"]
        return {**now, **{name: self.latest[name] for name in ("rate", "p50", "p99")}}

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] != self.path:
            return self.application(environ, start_response)
        kind, text = "text/html; charset=utf-8", json.dumps(self.look())
        if environ["QUERY_STRING"] == "json":
            kind = "application/json"
        else:
            text = PAGE.replace("%s", text, 1)
        body = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response("200 OK", headers)
        return [body]
