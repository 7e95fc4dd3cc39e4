"""Tables of reStructuredText, which programs write into the documents."""

import textwrap

WIDTH = 120  # of a document


def rst_table(rows):
    """Return a table of reStructuredText; the first row is its head.

    Cells of the last column are broken into lines where the table would be too wide for a document.
    """
    *widths, last = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = min(last, max(WIDTH - sum(widths) - 2 * len(widths), 20))
    widths.append(last)
    rule = "  ".join("=" * width for width in widths)
    lines = []
    for row in rows:
        parts = textwrap.wrap(row[-1], last, break_long_words=False, break_on_hyphens=False) or [""]
        for cells in [*row[:-1], parts[0]], *([*[""] * len(row[:-1]), part] for part in parts[1:]):
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        if row is rows[0]:
            lines.append(rule)
    return "\n".join([rule, *lines, rule])
