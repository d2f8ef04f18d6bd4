"""What every answer of the server keeps to, and what it does with clients that keep to nothing."""

import gzip
import json
import re

import harness
import pytest

SERVE = ["--app", "tasks"]
TASKS = "/api/collections/tasks/records"
HOST = "Host: localhost\n"


class TestAnswers:
    def test_request_ids(self, client):
        made = [client.get("/api/health").headers["X-Request-Id"] for _ in range(2)]
        assert made[0] != made[1] and all(re.fullmatch(r"[A-Za-z0-9_-]{8,64}", id) for id in made)
        assert client.get("/api/health", X_Request_Id="my-own-id_1").headers["X-Request-Id"] == "my-own-id_1"
        for bad in ("short", "x" * 65, "with space"):
            assert client.get("/api/health", X_Request_Id=bad).headers["X-Request-Id"] != bad

    def test_headers(self, client):
        headers = client.get(TASKS).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"].startswith("application/json")

    def test_head(self, client):
        get = client.get("/api/health")
        head = client.head("/api/health")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]

    def test_other_methods(self, client):
        answer = client.put(TASKS, {})
        assert answer.status == 405
        assert {"GET", "HEAD", "POST"} <= set(re.split(r",\s*", answer.headers["Allow"]))

    def test_cors(self, client):
        assert client.get(TASKS, Origin="https://other.example").headers["Access-Control-Allow-Origin"] == "*"
        answer = client.options(
            TASKS, Origin="https://other.example", Access_Control_Request_Method="PATCH",
            Access_Control_Request_Headers="authorization,x-custom",
        )  # fmt: skip
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["Access-Control-Allow-Methods"].replace(" ", "") == "GET,HEAD,PUT,PATCH,POST,DELETE"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-custom"
        assert "Access-Control-Allow-Credentials" not in answer.headers

    def test_compression(self, client):
        for _ in range(30):
            client.post(TASKS, {"title": "compress me", "description": "again and again " * 20})
        plain = client.get(TASKS)
        assert "Content-Encoding" not in plain.headers
        packed = client.get(TASKS, Accept_Encoding="gzip")
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert client.get(TASKS, Accept_Encoding="br, gzip").headers["Content-Encoding"] == "br"
        assert "accept-encoding" in plain.headers["Vary"].lower()
        assert "Content-Encoding" not in client.get(TASKS, Accept_Encoding="gzip;q=0").headers

    def test_assets_are_immutable(self, client):
        page = client.get("/", Accept="text/html").text
        paths = re.findall(r'(?:href|src)="(/[^"]*\.(?:css|js|svg))"', page)
        assert any(path.endswith(".css") for path in paths)
        for path in paths:
            answer = client.get(path)
            assert answer.status == 200, path
            assert "immutable" in answer.headers["Cache-Control"]
            assert client.get(path, If_None_Match=answer.headers["ETag"]).status == 304
            part = client.get(path, Range="bytes=0-9")
            assert part.status == 206 and part.body == answer.body[:10]
            assert part.headers["Content-Range"] == f"bytes 0-9/{len(answer.body)}"
            assert client.get(path, Range=f"bytes={len(answer.body)}-").status == 416


class TestConnections:
    def test_pipelined_requests_are_answered_in_order(self, server):
        with server.raw() as raw:
            raw.send(*[f"GET /update/missing{n:08} HTTP/1.1\n{HOST}\n" for n in range(20)])
            for n in range(20):
                answer = raw.read_answer()
                assert answer.status == 404 and f"missing{n:08}" in answer.text

    def test_a_pipelined_body_is_not_a_request(self, server):
        body = json.dumps({"title": "a", "description": "GET / HTTP/1.1\r\nHost: x\r\n\r\n"})
        post = f"POST /add HTTP/1.1\n{HOST}Content-Type: application/json\nContent-Length: {len(body)}\n\n"
        with server.raw() as raw:
            raw.send(post, body.encode(), f"GET /api/health HTTP/1.1\n{HOST}\n")
            assert raw.read_answer("POST").status == 201
            assert raw.read_answer().json()["code"] == 200

    def test_http_1_0(self, server):
        with server.raw() as raw:
            raw.send("GET /api/health HTTP/1.0\n\n")
            received = raw.read_all()
        assert received.startswith(b"HTTP/1.") and b" 200 " in received.split(b"\r\n", 1)[0]

    def test_expect_continue(self, server):
        body = b'{"title":"a","description":"b"}'
        with server.raw() as raw:
            raw.send(
                f"POST /add HTTP/1.1\n{HOST}Content-Type: application/json\nContent-Length: {len(body)}\n"
                "Expect: 100-continue\n\n"
            )
            assert raw.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
            raw.send(body)
            assert raw.read_answer("POST").status == 201

    def test_absolute_form(self, server):
        with server.raw() as raw:
            raw.send(f"GET http://localhost/api/health HTTP/1.1\n{HOST}\n")
            assert raw.read_answer().status == 200


POST = f"POST /add HTTP/1.1\n{HOST}Content-Type: application/json\n"
HOSTILE = {
    "no request": "\n\n\n\n",
    "noise": "\x00\x01\x02" * 100,
    "TLS where there is none": "\x16\x03\x01\x02\x00\x01\x00",
    "no version": "GET /\n\n",
    "another version": f"GET / HTTP/3.9\n{HOST}\n",
    "no host": "GET / HTTP/1.1\n\n",
    "two hosts": f"GET / HTTP/1.1\n{HOST}Host: other\n\n",
    "a space before the colon": f"GET / HTTP/1.1\n{HOST}Content-Length : 0\n\n",
    "a folded header": f"GET / HTTP/1.1\n{HOST}X-A: b\n c\n\n",
    "a control character": f"GET / HTTP/1.1\n{HOST}X-A: b\x00c\n\n",
    "a bare CR": f"GET / HTTP/1.1\n{HOST}X-A: b\rX-B: c\n\n",
    "a space in the target": f"GET /a b HTTP/1.1\n{HOST}\n",
    "a long target": f"GET /{'a' * 20_000} HTTP/1.1\n{HOST}\n",
    "a long header": f"GET / HTTP/1.1\n{HOST}X-A: {'a' * 40_000}\n\n",
    "many headers": f"GET / HTTP/1.1\n{HOST}" + "".join(f"X-{n}: {n}\n" for n in range(5000)) + "\n",
    "length and chunks": POST + "Content-Length: 4\nTransfer-Encoding: chunked\n\n0\n\nGET /api/health HTTP/1.1\n",
    "two lengths": POST + "Content-Length: 4\nContent-Length: 5\n\n{}  x",
    "a list of lengths": POST + "Content-Length: 4, 5\n\n{}  x",
    "a negative length": POST + "Content-Length: -1\n\n{}",
    "a length with a sign": POST + "Content-Length: +2\n\n{}",
    "an endless length": POST + "Content-Length: 99999999999999999999999999\n\n{}",
    "a huge length": POST + "Content-Length: 9000000000\n\n{}",
    "an unknown coding": POST + "Transfer-Encoding: gzip\n\n{}",
    "chunked not last": POST + "Transfer-Encoding: chunked, identity\n\n0\n\n",
    "chunked twice": POST + "Transfer-Encoding: chunked, chunked\n\n0\n\n",
    "chunked in disguise": POST + "Transfer-Encoding: xchunked\n\n0\n\n",
    "a chunk size with a sign": POST + "Transfer-Encoding: chunked\n\n-2\n{}\n0\n\n",
    "a chunk size that overflows": POST + "Transfer-Encoding: chunked\n\nfffffffffffffffff\n{}\n0\n\n",
    "a chunk size that is none": POST + "Transfer-Encoding: chunked\n\nzz\n{}\n0\n\n",
    "a chunk without its end": POST + "Transfer-Encoding: chunked\n\n2\n{}0\n\n",
    "a chunk extension without end": POST + "Transfer-Encoding: chunked\n\n2;" + "a" * 100_000 + "\n{}\n0\n\n",
}


class TestHostile:
    @pytest.mark.parametrize("shape", HOSTILE)
    def test_is_refused_or_dropped(self, server, client, shape):
        with server.raw() as raw:
            try:
                raw.send(HOSTILE[shape])
                raw.socket.shutdown(1)
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass  # refused before all of it was sent
            received = raw.read_all()
        statuses = re.findall(rb"^HTTP/1\.[01] (\d{3}) ", received, re.M)
        # One refusal at most: what follows on the connection must not be taken for a request.
        assert len(statuses) <= 1, received
        assert not statuses or statuses[0].startswith(b"4") or statuses[0] in (b"501", b"505"), received
        assert client.get("/api/health").status == 200

    def test_a_refusal_is_counted_and_logged(self, server, client):
        def refused():
            return int(re.search(r'^minga_http_requests_total{status="4xx"} (\d+)$', client.get("/metrics").text, re.M)[1])

        before = refused()
        with server.raw() as raw:
            raw.send("GET / HTTP/1.1\n\n")
            answer = raw.read_answer()
        assert answer.status == 400
        harness.wait_for(lambda: refused() == before + 1)  # counted and logged behind the answer
        assert re.fullmatch("[A-Za-z0-9_-]{8,64}", answer.headers["X-Request-Id"])
        line = f"- - 400 {answer.headers['Content-Length']} B .*{answer.headers['X-Request-Id']} 127.0.0.1"
        harness.wait_for(lambda: re.search(line, server.log()))

    def test_a_body_past_the_limit(self, client):
        answer = client.post(TASKS, b'{"title":"' + b"a" * (33 * 2**20) + b'"}', Content_Type="application/json")
        assert answer.status == 413

    def test_a_chunked_body_past_the_limit(self, server, client):
        with server.raw() as raw:
            raw.send(f"POST {TASKS} HTTP/1.1\n{HOST}Content-Type: application/json\nTransfer-Encoding: chunked\n\n")
            try:
                for _ in range(40):
                    raw.send(b"100000\r\n" + b" " * 2**20 + b"\r\n")
            except OSError:
                pass  # refused before all of it was sent
            received = raw.read_all()
        assert not received or b" 413 " in received.split(b"\r\n", 1)[0], received
        assert client.get("/api/health").status == 200

    @pytest.mark.parametrize("sent", ["", "GET / HT", f"GET / HTTP/1.1\n{HOST}", POST + "Content-Length: 10\n\n{}"])
    def test_half_a_request(self, server, client, sent):
        with server.raw() as raw:
            raw.send(sent)
            raw.socket.shutdown(1)
            received = raw.read_all()
        assert not received or re.match(rb"HTTP/1\.[01] 4\d\d ", received), received
        assert client.get("/api/health").status == 200

    def test_paths_stay_inside(self, client):
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/assets/../../etc/passwd"):
            answer = client.get(path)
            assert answer.status in (400, 404) and b"root:" not in answer.body

    @pytest.mark.parametrize("path", ["/%", "/%zz", "/%00", "/%ff", "/a%2"])
    def test_bad_percent_encodings(self, client, path):
        assert client.get(path).status in (400, 404)

    def test_deep_json(self, client):
        body = b'{"title":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        assert client.post(TASKS, body, Content_Type="application/json").status == 400
