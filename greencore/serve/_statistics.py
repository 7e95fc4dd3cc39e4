"""How the workers are doing: counters in memory that all of them share, each writing to its own part."""

import math
import mmap
import time

# The words of a worker's part, 64 bits each.
FIELDS = ("pid", "requests", "failures", "connections", "active", "greenlets", "lag")
LATENCIES = 128  # buckets: the time of a request in microseconds, by its logarithm
STEPS = 5  # buckets for each doubling of the time
WORDS = len(FIELDS) + LATENCIES


class Statistics:
    """The counters of `workers` processes, made before those are forked."""

    def __init__(self, workers):
        self.workers = workers
        self.started = time.time()
        self.words = memoryview(mmap.mmap(-1, workers * WORDS * 8)).cast("Q")

    def part(self, worker):
        """Return the words that worker number `worker` writes to."""
        return self.words[worker * WORDS : (worker + 1) * WORDS]

    def read(self):
        """Return what a page or a line shows, a dict: sums, a dict for each worker, and latencies as a list of counts."""
        parts = [self.part(number) for number in range(self.workers)]
        rows = [dict(zip(FIELDS, part)) for part in parts]
        counts = [sum(column) for column in zip(*(part[len(FIELDS) :] for part in parts))]
        sums = {name: sum(row[name] for row in rows) for name in FIELDS[1:-1]}
        return {
            "uptime": time.time() - self.started,
            **sums,
            "lag": max(row["lag"] for row in rows),
            "latencies": counts,
            "workers": rows,
        }


def bucket(seconds):
    """Return the number of the bucket for a request's time."""
    return min(int(math.log2(max(seconds * 1e6, 1)) * STEPS), LATENCIES - 1)


def percentile(counts, share):
    """Return the seconds within which `share` (0 to 1) of the counted requests were answered; 0 for none."""
    wanted, seen = share * sum(counts), 0
    for number, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return 2 ** ((number + 1) / STEPS) / 1e6
    return 0.0


class Meter:
    """What happened between two looks at the statistics."""

    def __init__(self, statistics):
        self.statistics = statistics
        self.before = statistics.read()

    def take(self):
        """Return the statistics with `rate` (requests a second), `p50` and `p99` (seconds) of the time since the last call."""
        now, before = self.statistics.read(), self.before
        self.before = now
        counts = [max(new - old, 0) for new, old in zip(now["latencies"], before["latencies"])]
        elapsed = max(now["uptime"] - before["uptime"], 1e-6)
        rate = max(now["requests"] - before["requests"], 0) / elapsed
        return {**now, "rate": rate, "p50": percentile(counts, 0.5), "p99": percentile(counts, 0.99)}
