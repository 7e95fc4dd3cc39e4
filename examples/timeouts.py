"""A limit on how long something may take, as a block, a call or an exception of one's own."""

import gevent
from gevent import Timeout


class TooSlow(Exception):
    pass


def answer():
    gevent.sleep(1)
    return 42


with Timeout(0.05, False):
    answer()
print("a block that was left silently")

print("a call with a value instead:", gevent.with_timeout(0.05, answer, timeout_value="none yet"))

try:
    with Timeout(0.05, TooSlow("after 50 ms")):
        answer()
except TooSlow as error:
    print("an exception of one's own:", error)

timeout = Timeout.start_new(0.05)
try:
    gevent.spawn(answer).join()
except Timeout as caught:
    assert caught is timeout
    print("join gave up:", caught)
finally:
    timeout.close()
