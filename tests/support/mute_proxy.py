"""A way to a TLS server that keeps the answers to itself: what is asked there is done, and nobody hears of it."""

import contextlib
import selectors
import socket
import threading

HELLO_AND_REQUEST = 2  # what a client of TLS 1.3 sends at once, then once the server has greeted it


class MuteProxy:
    """On a port that the kernel chose, until it is closed."""

    def __init__(self, host, port):
        self.server = (host, port)
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.requests = 0
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.pass_on, args=(client,)).start()

    def pass_on(self, client):
        """Until the client has had enough."""
        with client, socket.create_connection(self.server) as server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            spoken = 0
            with contextlib.suppress(OSError):
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(65536)
                        if key.fileobj is client:
                            spoken += 1
                            self.requests += spoken == HELLO_AND_REQUEST
                            if not data:
                                return
                            server.sendall(data)
                        elif not data:
                            selector.unregister(server)
                        elif spoken < HELLO_AND_REQUEST:
                            client.sendall(data)
