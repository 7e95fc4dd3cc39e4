"""More greenlets than the address space has room for: those without a stack end with MemoryError, the others go on."""

import io
import resource

import gevent
from gevent.event import Event

hub = gevent.get_hub()
hub.exception_stream = io.StringIO()
gevent.sleep(0.001)
with open("/proc/self/status") as status:
    size = next(int(line.split()[1]) for line in status if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + (256 << 20),) * 2)

event = Event()
greenlets = [gevent.spawn(event.wait) for _ in range(3000)]
gevent.sleep(0.001)
raw = gevent.spawn_raw(event.wait)
gevent.sleep(0.001)
parked = event.linkcount()
event.set()
gevent.joinall(greenlets)
done = sum(g.successful() for g in greenlets)
assert all(isinstance(g.exception, MemoryError) for g in greenlets if not g.successful())
assert not raw and not raw.dead and repr(raw) in hub.exception_stream.getvalue()
assert gevent.spawn(lambda: 42).get() == 42
print("some parked" if 0 < parked == done < 3000 else f"{parked} parked, {done} done")
