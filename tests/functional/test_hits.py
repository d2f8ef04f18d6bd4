"""The visit counter (hits): exact, whoever asks and however many at once."""

import re
from concurrent.futures import ThreadPoolExecutor

SERVE = ["--app", "hits"]


def hits_of(answer):
    return int(re.fullmatch(r"Hello! I have been seen (\d+) times\.", answer.json()["message"]).group(1))


def test_counts_each_visit(client):
    first = hits_of(client.get("/"))
    assert hits_of(client.get("/")) == first + 1


def test_count_reads_without_counting(client):
    seen = hits_of(client.get("/"))
    assert hits_of(client.get("/count")) == seen
    assert hits_of(client.get("/count")) == seen


def test_answers_as_text_and_as_page(client):
    seen = hits_of(client.get("/count"))
    text = client.get("/", Accept="text/plain")
    assert text.headers["Content-Type"].startswith("text/plain")
    assert text.text.strip() == f"Hello! I have been seen {seen + 1} times."
    page = client.get("/", Accept="text/html", Accept_Language="en")
    assert page.headers["Content-Type"].startswith("text/html")
    assert str(seen + 2) in page.text and '<html lang="en"' in page.text


def test_is_exact_under_concurrent_visits(server, client):
    before = hits_of(client.get("/count"))
    visitors, visits = 16, 50

    def visit(_):
        own = server.client()
        values = [hits_of(own.get("/")) for _ in range(visits)]
        own.close()
        return values

    with ThreadPoolExecutor(visitors) as pool:
        values = [value for own in pool.map(visit, range(visitors)) for value in own]
    assert sorted(values) == list(range(before + 1, before + visitors * visits + 1))
    assert hits_of(client.get("/count")) == before + visitors * visits


def test_survives_a_restart(make_server):
    first = make_server(*SERVE)
    seen = [hits_of(first.client().get("/")) for _ in range(3)]
    first.terminate()
    again = make_server(*SERVE)
    assert hits_of(again.client().get("/")) == seen[-1] + 1


def test_survives_kill(make_server):
    first = make_server(*SERVE)
    seen = [hits_of(first.client().get("/")) for _ in range(3)]
    first.kill()
    again = make_server(*SERVE)
    assert hits_of(again.client().get("/count")) == seen[-1]


def test_unknown_path(client):
    answer = client.get("/nothing")
    assert answer.status == 404
    assert answer.json()["status"] == 404 and answer.json()["message"] == "Not Found: /nothing"


def test_other_method(client):
    answer = client.delete("/")
    assert answer.status == 405
    assert {"GET", "HEAD"} <= set(re.split(r",\s*", answer.headers["Allow"]))


def test_head_has_no_body(client):
    answer = client.head("/count")
    assert (answer.status, answer.body) == (200, b"")


def test_head_is_no_visit(client):
    before = hits_of(client.get("/"))
    assert client.head("/").status == 200
    assert hits_of(client.get("/count")) == before
