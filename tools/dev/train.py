#!/usr/bin/python3 -B
"""Uses a server as its clients do, so that the release can be optimised for what it does most.

MINGA_BINARY names the server: one that counts what it runs, and writes that down when it ends (tools/dev/release.sh).
What is asked for here and how often decides what the release is fast at (docs/decisions/007-profile-guided-release.md).
Every answer is checked: a server that only refuses would be optimised for refusing.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "support"))
import harness  # noqa: E402
from forms import fill_in  # noqa: E402

CLIENTS = 8  # that use the server at the same time, so that there are commits of several writes
RECORDS = "/api/collections/tasks/records"
BROWSER = {"Accept": "text/html", "Accept-Language": "es,en;q=0.5"}
DOCUMENT = {
    "name": "minga",
    "description": "an application server, with everything in one file",
    "version": "0.1.0",
    "depends": [{"name": "libc6", "least": "2.36"}, {"name": "libpq5", "least": "15"}],
    "size": {"installed": 12_345, "download": 3_456},
}


def expect(status, answer):
    if answer.status != status:
        raise RuntimeError(f"{status} was expected, not {answer}")
    return answer


def task(number):
    return {"title": f"Comprar pan n\u00famero {number}", "description": "De masa madre, con man\u00ed.", "done": number % 3 == 0}


def use_tasks_as_a_program(client, number):
    """The application's own addresses, as the load of ./dev bench uses them."""
    made = [expect(201, client.post("/tasks/add", task(number))).json()["id"] for _ in range(12)]
    for id in made:
        etag = expect(200, client.get(f"{RECORDS}/{id}")).headers["ETag"]
        expect(304, client.get(f"{RECORDS}/{id}", If_None_Match=etag))
    for _ in range(3):
        expect(200, client.get("/tasks/"))
    expect(200, client.post(f"/tasks/update/{made[0]}", task(number + 1)))
    expect(200, client.delete(f"/tasks/delete/{made[1]}"))
    expect(400, client.post("/tasks/add", {"title": "", "description": "x" * 2_001}))


def use_records(client, number):
    """The record API, as PocketBase's clients use it."""
    made = [expect(200, client.post(RECORDS, task(number))).json()["id"] for _ in range(6)]
    for id in made:
        expect(200, client.get(f"{RECORDS}/{id}"))
        expect(200, client.patch(f"{RECORDS}/{id}", {"done": True}))
    for page in (1, 2, 3):
        expect(200, client.get(f"{RECORDS}?page={page}&sort=-created"))
    expect(200, client.get(f"{RECORDS}?filter=done%3Dtrue%26%26title~'pan'&sort=-created,title&fields=id,title&skipTotal=1"))
    expect(200, client.get(f"{RECORDS}?limit=30"))
    expect(204, client.delete(f"{RECORDS}/{made[0]}"))
    expect(404, client.get(f"{RECORDS}/{made[0]}"))
    expect(400, client.get(f"{RECORDS}?filter=title~"))


def count_visits(client):
    for _ in range(12):
        expect(200, client.get("/hits/"))
    expect(200, client.get("/hits/count"))


def use_items(client, number):
    for _ in range(4):
        item = expect(201, client.post("/items/items", {**DOCUMENT, "number": number})).json()
        path = f"/items/items/{item['id']}"
        etag = expect(200, client.get(path)).headers["ETag"]
        expect(200, client.put(path, {**DOCUMENT, "number": number + 1}, If_Match=etag))
        expect(200, client.patch(path, {"size": {"download": number}}))
    expect(200, client.get("/items/items?filter=size.installed%3E1000&sort=-name&perPage=10"))
    expect(204, client.delete(path))
    lines = [json.dumps({**DOCUMENT, "number": {"$numberLong": str(line)}}) for line in range(100)]
    expect(200, client.post("/items/items/import", "\n".join(lines).encode(), Content_Type="application/x-ndjson"))


def browse(client, number):
    for path in ("/", "/hits/", "/tasks/", "/tasks/?q=pan", "/tasks/?page=2", "/items/"):
        expect(200, client.get(path, headers={**BROWSER, "Accept-Encoding": "gzip, br"}))
    form = harness.Client(f"http://{client.host}:{client.port}", **BROWSER)
    expect(303, fill_in(form, "/tasks/add", title=f"A {number}", description="Written in a form."))
    form.close()


def use(server, rounds):
    """What one client does. A connection serves a round, as a client's does for a while."""
    for number in range(rounds):
        client = harness.Client(server.url)
        use_tasks_as_a_program(client, number)
        use_records(client, number)
        count_visits(client)
        if number % 5 == 0:
            use_items(client, number)
            browse(client, number)
        client.close()


def follow(server, followed):
    """A page that is open all the time, and shows what the others do."""
    try:
        with server.events("/api/events?topic=tasks%2F*") as events:
            while True:
                events.next()
                followed.append(1)
    except (AssertionError, OSError):
        pass  # the stream ends with the server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="of each of the clients (100)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is a number from 1")
    with tempfile.TemporaryDirectory(prefix="minga-train-") as folder:
        server = harness.Server(folder).start()
        try:
            followed = []
            follower = threading.Thread(target=follow, args=(server, followed), daemon=True)
            follower.start()
            with ThreadPoolExecutor(CLIENTS) as pool:
                for done in [pool.submit(use, server, options.rounds) for _ in range(CLIENTS)]:
                    done.result()
            server.terminate()
            follower.join(harness.PATIENCE)
            if not followed:
                raise RuntimeError("the follower was told of nothing")
        finally:
            server.kill()
    print(f"{CLIENTS} clients of {options.rounds} rounds were answered, and {len(followed):,} changes followed.")


if __name__ == "__main__":
    main()
