"""Running a function in the hub."""

import greencore


def in_hub(function, *args):
    """Call the function in the hub; return its result or its exception."""
    results = []

    def call():
        try:
            results.append(function(*args))
        except Exception as error:
            results.append(error)

    greencore.get_hub().loop.run_callback(call)
    while not results:
        greencore.sleep(0)
    return results[0]
