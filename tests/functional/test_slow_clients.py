"""Clients that are slower than the server waits for: their connection ends, others do not notice."""

import time

SERVE = ["--app", "tasks"]
# Short waits, so that the test sees them end.
ENVIRONMENT = {"MINGA_HEADER_TIMEOUT": "500", "MINGA_BODY_TIMEOUT": "500", "MINGA_IDLE_TIMEOUT": "700"}


def ends(raw):
    """True once the server has closed the connection; the socket's own timeout is the bound."""
    raw.read_all()
    return True


def test_a_header_that_never_ends(server, client):
    with server.raw() as raw:
        raw.send("GET / HTTP/1.1\nHost: x\nX-Slow: ")
        assert ends(raw)
    assert client.get("/api/health").status == 200


def test_a_body_that_never_comes(server, client):
    with server.raw() as raw:
        raw.send("POST /add HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 100\n\n{")
        assert ends(raw)
    assert client.get("/api/health").status == 200


def test_an_idle_connection(server):
    with server.raw() as raw:
        raw.send("GET /api/health HTTP/1.1\nHost: x\n\n")
        assert raw.read_answer().status == 200
        assert ends(raw)


def test_many_silent_connections_leave_room(server, client):
    silent = [server.raw() for _ in range(200)]
    try:
        assert client.get("/api/health").status == 200
    finally:
        for raw in silent:
            raw.close()


def test_a_long_import_is_a_stream(make_server):
    """It may take longer than a request, as long as something comes."""
    server = make_server("--app", "items", MINGA_REQUEST_TIMEOUT="600")
    with server.raw() as raw:
        raw.send("POST /items/import HTTP/1.1\nHost: a\nContent-Type: application/x-ndjson\n")
        raw.send("Transfer-Encoding: chunked\n\n")
        for n in range(12):
            line = b'{"name":"n%d"}\n' % n
            raw.send(b"%x\r\n" % len(line) + line + b"\r\n")
            time.sleep(0.1)  # the client is slow
        raw.send("0\n\n")
        assert raw.read_answer("POST").json()["added"] == 12
