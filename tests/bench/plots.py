"""plots.py: draw docs/benchmarks.json, which `make bench` writes: docs/plots/*.svg, and the numbers in the README.

With --check it writes nothing, and fails if a file is not what it would write.
"""

import json
import math
import sys
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "docs" / "benchmarks.json"
README = ROOT / "README.rst"
BEGIN, END = ".. Numbers of tests/bench/plots.py begin.\n\n", "\n.. Numbers end.\n"

# The six numbers: a benchmark, what it is called here, and by how much it is divided for which unit.
SIX = (
    ("yield_10", "a switch, among 10", 1, "ns"),
    ("yield_1000", "a switch, among 1,000", 1, "ns"),
    ("spawn", "spawn, run, finish", 1, "ns"),
    ("queue_bounded", "a hand-over by a queue", 1, "ns"),
    ("echo_1k", "an echo of 1 KiB by TCP", 10_000, "µs"),
    ("parked", "memory of a parked one", 1, "bytes"),
)
WHO = ("greencore", "gevent", "asyncio", "uvloop", "Go")
COLOURS = {"greencore": "#2f9e44", "gevent": "#5c7cfa", "asyncio": "#f59f00", "uvloop": "#e8590c", "Go": "#15aabf"}
README_BAR = 40  # characters

STYLE = """<style>
svg:root.plot { --ink: #24292f; }
@media (prefers-color-scheme: dark) { svg:root.plot { --ink: #e6edf3; background: #131416; } }
.plot { max-width: 100%; font: 13px system-ui, sans-serif; }
.plot text { fill: var(--color-foreground-primary, var(--ink)); }
.plot .head { font-weight: 600; }
.plot .soft { opacity: .75; font-size: 12px; }
.plot line { stroke: #868686; stroke-width: .6; }
</style>"""


def show(value):
    return f"{value:,.0f}" if value >= 20 else f"{value:,.1f}"


def svg(name, title, width, height, body):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" class="plot" role="img"'
        f' aria-labelledby="{name}-title">\n<title id="{name}-title">{escape(title)}</title>\n{STYLE}\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def bar(x, y, width, height, colour):
    return f'<rect x="{x:.0f}" y="{y:.0f}" width="{max(width, 1):.1f}" height="{height}" fill="{colour}"/>'


def six_of(data):
    """Return [(label, unit, {who: value})] of the six numbers."""
    rows = {row["name"]: row for row in data["rows"]}
    return [
        (label, unit, {who: rows[name][who] / divisor for who in WHO if who in rows[name]})
        for name, label, divisor, unit in SIX
    ]


def draw_six(data):
    """Each number as bars from its own zero: the longest is as long as the plot is wide."""
    left, right, step, top, body = 90, 640, 19, 8, []
    for label, unit, values in six_of(data):
        top += 20
        body.append(text(0, top, f"{label} ({unit})", "head"))
        top += 8
        for who, value in values.items():
            length = value / max(values.values()) * (right - left)
            body += [
                text(left - 8, top + 12, who, "soft", "end"),
                bar(left, top, length, step - 5, COLOURS[who]),
                text(left + max(length, 1) + 6, top + 12, show(value), "soft"),
            ]
            top += step
        top += 8
    return svg("six", "Six numbers of greencore, gevent, asyncio, uvloop and Go: less is better", 720, top, body)


def draw_ratios(data):
    """How many times as much gevent takes, in decades."""
    rows = [row for row in data["rows"] if "for comparison" not in row["title"]]
    rows = sorted(rows, key=lambda row: row["greencore"] / row["gevent"])
    ratios = [row["gevent"] / row["greencore"] for row in rows]
    low, high = math.floor(math.log10(min(ratios))), math.ceil(math.log10(max(ratios)))
    left, right, step, top = 300, 660, 18, 30

    def place(ratio):
        return left + (math.log10(ratio) - low) / (high - low) * (right - left)

    height = top + step * len(rows) + 8
    body = []
    for decade in range(low, high + 1):
        x = place(10**decade)
        body += [f'<line x1="{x:.0f}" y1="{top - 8}" x2="{x:.0f}" y2="{height - 8}"/>']
        body += [text(x, top - 14, f"{10**decade:g}", "soft", "middle")]
    for number, (row, ratio) in enumerate(zip(rows, ratios)):
        y, x, one = top + number * step, place(ratio), place(1)
        body += [
            text(left - 8, y + 11, row["title"], "soft", "end"),
            bar(min(x, one), y, abs(x - one), step - 6, COLOURS["greencore" if ratio >= 1 else "gevent"]),
            text(max(x, one) + 6, y + 11, f"{ratio:.1f}", "soft"),
        ]
    return svg("ratios", "How many times as much as greencore gevent takes, in decades", 720, height, body)


def numbers_of(data):
    """The README's table, and the first of the numbers as bars of text, which any page shows."""
    six = six_of(data)
    rows = [["", "unit", *WHO]]
    rows += [[label, unit, *(show(values[who]) if who in values else "" for who in WHO)] for label, unit, values in six]
    rows[0][0] = "less is better"
    widths = [max(map(len, column)) for column in zip(*rows)]
    border = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    label, unit, values = six[0]
    bars = [
        f"    {who:<10} {'█' * max(1, round(value / max(values.values()) * README_BAR))} {show(value)} {unit}"
        for who, value in values.items()
    ]
    made = (
        f"Written by ``make bench`` on {data['date']}: CPython {data['python']}, {data['processor']}, {data['cores']} cores; "
        + ", ".join(f"{who} {version}" for who, version in {"gevent": data["gevent"], **data["beside"]}.items())
        + "."
    )
    table = "\n".join([border, lines[0], border, *lines[1:], border])
    return f"{table}\n\n{textwrap.fill(made, 120)}\n\n{label[0].upper()}{label[1:]}::\n\n" + "\n".join(bars) + "\n"


def readme_of(data):
    before, rest = README.read_text().split(BEGIN, 1)
    return before + BEGIN + numbers_of(data) + END + rest.split(END, 1)[1]


def main():
    data = json.loads(DATA.read_text())
    files = {
        ROOT / "docs" / "plots" / "six.svg": draw_six(data),
        ROOT / "docs" / "plots" / "ratios.svg": draw_ratios(data),
        README: readme_of(data),
    }
    if sys.argv[1:] == ["--check"]:
        stale = [path.name for path, wanted in files.items() if not path.exists() or path.read_text() != wanted]
        sys.exit(f"run tests/bench/plots.py: {', '.join(stale)}" if stale else 0)
    for path, wanted in files.items():
        path.write_text(wanted)


if __name__ == "__main__":
    main()
