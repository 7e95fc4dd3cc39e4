"""asyncio in a patched program."""

from isolated.run import check_code


def test_loops_in_several_greenlets():
    check_code(
        """
        import asyncio, gevent, time
        async def work(number):
            loop = asyncio.get_running_loop()
            for _ in range(3):
                await asyncio.sleep(0.001)
                time.sleep(0.001)  # others run in the middle of a coroutine
                assert asyncio.get_running_loop() is loop
                assert asyncio.current_task() is not None
            return number
        def none():
            for _ in range(10):
                gevent.sleep(0.0005)
                try: asyncio.get_running_loop()
                except RuntimeError: pass
                else: raise AssertionError("a loop that is somebody else's")
        other = gevent.spawn(none)
        print([greenlet.get() for greenlet in [gevent.spawn(asyncio.run, work(n)) for n in range(4)]], other.get())
        """,
        "[0, 1, 2, 3] None",
    )


def test_a_greenlet_that_has_ended_keeps_no_loop():
    check_code(
        """
        import asyncio, greenlet, sys
        async def main():
            loop = asyncio.get_running_loop()
            before = sys.getrefcount(loop)
            for _ in range(10):
                greenlet.greenlet(asyncio.get_running_loop).switch()
            return sys.getrefcount(loop) - before
        print(asyncio.run(main()))
        """,
        "0",
    )


def test_threads_of_a_loop():
    check_code(
        """
        import asyncio, threading, time
        def blocks(value):
            time.sleep(0.005)
            return value
        async def main():
            loop = asyncio.get_running_loop()
            return await asyncio.gather(asyncio.to_thread(blocks, 1), loop.run_in_executor(None, blocks, 2))
        print(asyncio.run(main()))
        """,
        "[1, 2]",
    )


def test_greenlets_run_while_a_loop_waits():
    check_code(
        """
        import asyncio, gevent
        ticks = []
        ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.001)) for _ in range(5)])
        asyncio.run(asyncio.sleep(0.1))
        print(len(ticks))
        """,
        "5",
    )


def test_streams_and_subprocesses():
    check_code(
        """
        import asyncio, sys
        async def serve(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()
        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\\n")
            print(await reader.readline())
            writer.close()
            server.close()
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print(input()); raise SystemExit(3)", stdin=-1, stdout=-1)
            print(await child.communicate(b"in\\n"), child.returncode)
        asyncio.run(main())
        """,
        """
        b'HELLO\\n'
        (b'in\\n', None) 3
        """,
    )
