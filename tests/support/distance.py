"""A port that leads to another one on this machine as if it were some milliseconds away.

    distance.py PORT MILLISECONDS    prints the port to connect to
"""

import asyncio
import pathlib
import subprocess
import sys


class Distance:
    """The program as a child process."""

    def __init__(self, port, milliseconds):
        self.child = subprocess.Popen([sys.executable, pathlib.Path(__file__), str(port),
                                       str(milliseconds)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline())

    def stop(self):
        """Ends it, and all connections."""
        self.child.kill()
        self.child.wait()


async def carry(reader, writer, seconds):
    """Passes on what comes, each piece so much later; pieces are on their way together."""
    loop, way = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while (piece := await way.get())[1]:
            await asyncio.sleep(piece[0] - loop.time())
            writer.write(piece[1])
            await writer.drain()
        writer.close()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(1 << 16):
            way.put_nowait((loop.time() + seconds, data))
    finally:
        way.put_nowait((0, b""))
        await delivery


async def serve(port, seconds):
    """Serves for ever."""
    async def meet(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, there[1], seconds), carry(there[0], writer, seconds),
                             return_exceptions=True)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
