"""Running a function in a native thread."""

import threading

LIMIT = 60  # seconds; a hang is a failure


def in_thread(function, *args):
    """Call the function in a native thread; return its result or raise its exception, once the thread is over."""
    result = []

    def run():
        try:
            result.append((function(*args), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LIMIT)
    assert result, "the thread hangs"
    value, error = result[0]
    if error is not None:
        raise error
    return value
