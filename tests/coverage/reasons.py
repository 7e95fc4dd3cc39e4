"""What of src/ never ran: the reasons for it in reasons.txt, and the lines that have none.

Lines that never ran follow each other in blocks; an entry of reasons.txt names a block by a piece of one of its lines, or
of the line before it, which did run.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "reasons.txt"


class Block:
    """Lines that never ran, one after the other."""

    def __init__(self, name, before, text):
        self.name = name
        self.before = before  # the number of the last line that ran; 0 if there is none
        self.text = text
        self.numbers = []

    def has(self, piece):
        return any(piece in self.text[number] for number in [self.before, *self.numbers])

    def __str__(self):
        number = self.before or self.numbers[0]
        return f"{self.name}:{number} {self.text[number].strip()}"


def blocks_of(file, root):
    """Yield the blocks of one of the files of gcovr's report."""
    text = ["", *(root / file["file"]).read_text().splitlines()]
    counts = {}
    for line in file["lines"]:
        if not line.get("gcovr/noncode"):
            counts[line["line_number"]] = counts.get(line["line_number"], 0) + line["count"]
    before, block = 0, None
    for number, count in sorted(counts.items()):
        if count:
            before = number
            if block is not None:
                yield block
            block = None
        else:
            if block is None:
                block = Block(file["file"], before, text)
            block.numbers.append(number)
    if block is not None:
        yield block


def read_table(text):
    """Yield (file, piece, whether it may run) of each entry; each belongs to the reason above it."""
    reason = None
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            reason = line
            continue
        assert reason is not None, line
        name, piece = line.strip().split(": ", 1)
        yield name, piece, reason.startswith("Sometimes: ")


def judge(files, root, table):
    """Return (blocks without a reason, complaints about the table)."""
    blocks = [block for file in files for block in blocks_of(file, root)]
    explained, complaints = set(), []
    for name, piece, may_run in read_table(table):
        path = root / name
        found = [block for block in blocks if block.name == name and block.has(piece)]
        if not path.exists() or piece not in path.read_text():
            complaints.append(f"no such line: {name}: {piece}")
        elif not found and not may_run:
            complaints.append(f"it ran: {name}: {piece}")
        explained.update(found)
    return [block for block in blocks if block not in explained], complaints


def show(files, root):
    """Print the lines that never ran and have no reason, and what is wrong with the table. Return whether nothing is."""
    unexplained, complaints = judge(files, root, TABLE.read_text())
    lines = sum(len(block.numbers) for block in unexplained)
    print(f"\n{lines} lines in {len(unexplained)} places never ran, and have no reason in {TABLE.name}:")
    for block in unexplained:
        print(block)
    for complaint in complaints:
        print(f"{TABLE.name}: {complaint}")
    return not complaints
