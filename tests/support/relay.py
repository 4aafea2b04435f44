"""A way to a server that is cut in the middle, or falls silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cut_after(port: int, size: int) -> Iterator[int]:
    """A way to ``port``, for one client, that is cut once the server has sent so many bytes."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port_here = door.getsockname()[1]

        def relay() -> None:
            client, _ = door.accept()
            door.close()  # whoever comes next is refused at once
            server = socket.create_connection(("127.0.0.1", port))
            up = threading.Thread(target=_pump, args=(client, server, 1 << 40), daemon=True)
            up.start()
            _pump(server, client, size)
            for end in (client, server):
                end.shutdown(socket.SHUT_RDWR)
            up.join()
            client.close()
            server.close()

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        yield port_here
        thread.join(10)


@contextmanager
def silenced(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A way to ``port``, for one client, on which nothing more comes once the event is set, and nothing is closed."""
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_connection(("127.0.0.1", port)) as server:
        silence, clients = threading.Event(), list[socket.socket]()

        def answers() -> None:
            client, _ = door.accept()
            clients.append(client)
            threading.Thread(target=_pump, args=(client, server, 1 << 40), daemon=True).start()
            with suppress(OSError):
                while data := server.recv(4096):
                    if not silence.is_set():
                        client.sendall(data)

        threading.Thread(target=answers, daemon=True).start()
        yield door.getsockname()[1], silence
        server.shutdown(socket.SHUT_RDWR)
        for client in clients:
            client.close()


def _pump(source: socket.socket, target: socket.socket, size: int) -> None:
    try:
        while size > 0 and (data := source.recv(min(size, 4096))):
            target.sendall(data)
            size -= len(data)
    except OSError:
        return
