"""The items application: a REST API over documents of any shape."""

import json
import re
import threading
from urllib.parse import quote

import pytest
from forms import Form, send

SERVE = ["--app", "items"]


@pytest.fixture
def add(client):
    def add(document):
        answer = client.post("/items", document)
        assert answer.status == 201, answer
        return answer.json()

    return add


def lines(documents):
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def send_lines(client, body, **more):
    return client.post("/items/import", body, Content_Type="application/x-ndjson", **more)


ODD = {
    "name": "raro",
    "nested": {"a": [1, {"b": None}], "empty": {}, "list": []},
    "large": 9223372036854775807,
    "small": -9223372036854775808,
    "fraction": 0.1,
    "texts": ["ñ", "\u20ac", "\U0001f600", '"', "\\"],
    "true": True,
    "": "an empty key",
    "with.dot": 1,
    "with space": {"$odd": 1},
}


class TestDocuments:
    def test_keeps_a_document_as_it_is_given(self, client):
        answer = client.post("/items", ODD)
        assert answer.status == 201
        id = answer.json()["id"]
        assert answer.headers["Location"].endswith(f"/items/{id}")
        stored = client.get(f"/items/{id}").json()
        assert {key: value for key, value in stored.items() if key not in ("id", "description")} == ODD
        assert stored["description"] == ""
        assert [key for key in stored if key in ODD] == list(ODD), "the order of a document's keys is its own"

    @pytest.mark.parametrize("name", [None, "", {}])
    def test_requires_a_name(self, client, name):
        answer = client.post("/items", {"name": name, "other": 1})
        assert answer.status == 400
        assert set(answer.json()["data"]) == {"name"}

    @pytest.mark.parametrize(
        "body", [b"[]", b'"text"', b"1", b"{", b'{"name":"a",}', b'{"name":"\xff"}', b'{"name":"a"} x']
    )
    def test_refuses_what_is_no_document(self, client, body):
        answer = client.post("/items", body, Content_Type="application/json")
        assert answer.status == 400
        assert answer.json()["message"]

    def test_refuses_what_is_nested_too_deeply(self, client):
        body = b'{"name":"a","deep":' + b"[" * 100 + b"]" * 100 + b"}"
        assert client.post("/items", body, Content_Type="application/json").status == 400
        body = b'{"name":"a","deep":' + b"[" * 50 + b"]" * 50 + b"}"
        assert client.post("/items", body, Content_Type="application/json").status == 201

    def test_replaces_the_whole_document(self, client, add):
        id = add({"name": "a", "description": "b", "extra": {"c": 1}})["id"]
        answer = client.put(f"/items/{id}", {"name": "n", "other": [1]})
        assert answer.status == 200
        assert client.get(f"/items/{id}").json() == {"id": id, "name": "n", "description": "", "other": [1]}

    def test_merges(self, client, add):
        id = add({"name": "a", "keep": 1, "drop": 2, "deep": {"x": 1, "y": {"z": 2}}, "list": [1, 2]})["id"]
        patch = {"drop": None, "deep": {"y": {"z": None, "w": 3}}, "list": [3], "new": {"n": None, "m": 1}}
        answer = client.patch(f"/items/{id}", patch)
        assert answer.status == 200
        expected = {
            "id": id, "name": "a", "description": "", "keep": 1, "deep": {"x": 1, "y": {"w": 3}}, "list": [3],
            "new": {"m": 1},
        }  # fmt: skip
        assert answer.json() == expected
        assert client.get(f"/items/{id}").json() == expected

    def test_a_merge_keeps_the_rules(self, client, add):
        id = add({"name": "a"})["id"]
        assert client.patch(f"/items/{id}", {"name": None}).status == 400
        assert client.get(f"/items/{id}").json()["name"] == "a"

    def test_deletes(self, client, add):
        id = add({"name": "a"})["id"]
        answer = client.delete(f"/items/{id}")
        assert (answer.status, answer.body) == (204, b"")
        assert client.get(f"/items/{id}").status == 404
        assert client.delete(f"/items/{id}").status == 404

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_unknown_id(self, client, method):
        body = None if method in ("GET", "DELETE") else {"name": "a"}
        answer = client.request(method, "/items/aaaaaaaaaaaaaaa", body)
        assert answer.status == 404
        assert answer.json() == {"status": 404, "message": "Not Found: /items/aaaaaaaaaaaaaaa"} or (
            answer.json()["status"] == 404 and answer.json()["message"] == "Not Found: /items/aaaaaaaaaaaaaaa"
        )


class TestConditions:
    def test_the_tag_changes_with_the_document(self, client, add):
        id = add({"name": "a", "n": 1})["id"]
        first = client.get(f"/items/{id}").headers["ETag"]
        assert re.fullmatch('"[^"]+"', first)
        assert client.get(f"/items/{id}", If_None_Match=first).status == 304
        client.patch(f"/items/{id}", {"n": 2})
        second = client.get(f"/items/{id}")
        assert second.headers["ETag"] != first
        assert client.get(f"/items/{id}", If_None_Match=first).status == 200

    @pytest.mark.parametrize("method, body", [("PUT", {"name": "b"}), ("PATCH", {"name": "b"}), ("DELETE", None)])
    def test_a_stale_writer_is_told(self, client, add, method, body):
        id = add({"name": "a"})["id"]
        stale = client.get(f"/items/{id}").headers["ETag"]
        client.patch(f"/items/{id}", {"n": 1})
        fresh = client.get(f"/items/{id}").headers["ETag"]
        assert client.request(method, f"/items/{id}", body, If_Match=stale).status == 412
        assert client.get(f"/items/{id}").json()["name"] == "a"
        assert client.request(method, f"/items/{id}", body, If_Match=fresh).status in (200, 204)

    def test_of_two_writers_one_wins(self, server, client, add):
        id = add({"name": "a"})["id"]
        tag = client.get(f"/items/{id}").headers["ETag"]
        statuses = []

        def write(number):
            own = server.client()
            statuses.append(own.put(f"/items/{id}", {"name": f"w{number}"}, If_Match=tag).status)
            own.close()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] + [412] * 7


class TestList:
    @pytest.fixture(scope="class", autouse=True)
    def documents(self, server):
        client = server.client()
        body = lines(
            {"name": f"l{n}", "kind": "listed", "n": n, "tags": [f"t{n % 3}"], "box": {"w": n * 1.5}} for n in range(50)
        )
        assert send_lines(client, body).json()["added"] == 50
        client.close()

    def test_envelope_and_pages(self, client):
        answer = client.get("/items?filter=kind%3D%27listed%27&sort=-n&perPage=20&page=2")
        assert answer.status == 200
        listed = answer.json()
        assert [listed[key] for key in ("page", "perPage", "totalItems", "totalPages")] == [2, 20, 50, 3]
        assert [item["n"] for item in listed["items"]] == list(range(29, 9, -1))

    @pytest.mark.parametrize(
        "filter, expected",
        [
            ("kind = 'listed' && n < 3", {0, 1, 2}),
            ("kind = 'listed' && box.w >= 72", {48, 49}),
            ("kind = 'listed' && tags.0 = 't1' && n < 6", {1, 4}),
            ("name = 'l7'", {7}),
            ("kind = 'listed' && (n = 1 || n = 2) && missing = null", {1, 2}),
            ("kind = 'listed' && name ~ 'L4'", {4, *range(40, 50)}),
        ],
    )
    def test_filters_on_undeclared_fields(self, client, filter, expected):
        answer = client.get(f"/items?perPage=100&filter={quote(filter)}")
        assert answer.status == 200, answer
        assert {item["n"] for item in answer.json()["items"]} == expected

    @pytest.mark.parametrize("query", ["filter=name+%3D", "filter=%28", "sort=%3B", "page=x", "filter=name+%3D+%27a"])
    def test_bad_queries(self, client, query):
        answer = client.get(f"/items?{query}")
        assert answer.status == 400
        assert answer.json()["message"]


class TestTransfer:
    def test_a_bad_line_loses_nothing_else(self, client):
        body = (
            b'{"name":"i1","batch":"mixed"}\n{"name":\n\n[1]\n{"batch":"mixed"}\n{"name":"\xff"}\n{"name":"i2","batch":"mixed"}'
        )
        answer = send_lines(client, body)
        assert answer.status == 200
        report = answer.json()
        assert (report["added"], report["refused"]) == (2, 4)
        assert [one["line"] for one in report["refusals"]] == [2, 4, 5, 6]
        assert all(one["reason"] for one in report["refusals"])
        found = client.get("/items?filter=batch%3D%27mixed%27&sort=name").json()["items"]
        assert [item["name"] for item in found] == ["i1", "i2"]

    def test_many_come_and_go_as_they_are(self, client):
        documents = [{"name": f"m{n}", "batch": "many", "deep": {"n": n, "list": [n, None, "x"]}} for n in range(5000)]
        report = send_lines(client, lines(documents)).json()
        assert (report["added"], report["refused"]) == (5000, 0)
        exported = client.get("/items/export?filter=batch%3D%27many%27")
        assert exported.status == 200
        assert "ndjson" in exported.headers["Content-Type"]
        back = [json.loads(line) for line in exported.body.splitlines()]
        assert len({document.pop("id") for document in back}) == 5000
        assert all(document.pop("description", "") == "" for document in back)
        by_name = {document["name"]: document for document in back}
        assert by_name == {document["name"]: document for document in documents}

    def test_import_streams_a_chunked_body(self, server, client):
        with server.raw(timeout=60) as raw:
            raw.send(
                "POST /items/import HTTP/1.1\nHost: x\nContent-Type: application/x-ndjson\nTransfer-Encoding: chunked\n\n"
            )
            for n in range(2000):
                chunk = json.dumps({"name": f"c{n}", "batch": "chunked", "text": "x" * 500}).encode() + b"\n"
                # The line's end falls into the next chunk.
                raw.send(b"%x\r\n" % (len(chunk) - 1) + chunk[:-1] + b"\r\n1\r\n\n\r\n")
            raw.send(b"0\r\n\r\n")
            answer = raw.read_answer()
        assert answer.status == 200, answer
        assert answer.json()["added"] == 2000
        assert client.get("/items?filter=batch%3D%27chunked%27").json()["totalItems"] == 2000

    def test_extended_json_as_mongoexport_writes_it(self, client):
        line = (
            b'{"_id":{"$oid":"5f0c1f2e8a1b2c3d4e5f6a7b"},"name":"mongo","when":{"$date":"2020-07-13T08:45:34.123Z"},'
            b'"ms":{"$date":{"$numberLong":"1594629934123"}},"long":{"$numberLong":"9007199254740993"},'
            b'"int":{"$numberInt":"7"},"double":{"$numberDouble":"1.5"},"decimal":{"$numberDecimal":"12.30"},'
            b'"deep":[{"at":{"$date":"1999-12-31T23:59:59Z"}}]}\n'
        )
        report = send_lines(client, line).json()
        assert (report["added"], report["refused"]) == (1, 0), report
        (stored,) = client.get("/items?filter=name%3D%27mongo%27").json()["items"]
        assert stored["long"] == 9007199254740993
        assert (stored["int"], stored["double"]) == (7, 1.5)
        assert stored["when"] == "2020-07-13 08:45:34.123Z"
        assert stored["ms"] == "2020-07-13 08:45:34.123Z"
        assert stored["deep"] == [{"at": "1999-12-31 23:59:59.000Z"}]
        assert "5f0c1f2e8a1b2c3d4e5f6a7b" in json.dumps(stored)

    def test_one_upload_twice_is_one_upload(self, client):
        body = lines({"name": f"once{n}", "batch": "once"} for n in range(3))
        first = send_lines(client, body, Idempotency_Key="import-once-0123456789")
        second = send_lines(client, body, Idempotency_Key="import-once-0123456789")
        assert first.status == second.status == 200
        assert client.get("/items?filter=batch%3D%27once%27").json()["totalItems"] == 3


class TestPages:
    def test_shows_a_document_as_form_and_as_json(self, browser, add):
        id = add({"name": "Página", "price": 12, "tags": ["<b>"]})["id"]
        page = browser.get(f"/items/{id}")
        assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
        assert "Página" in page.text and "price" in page.text
        assert "<b>" not in page.text
        assert f'href="/items/{id}"' in browser.get("/items?q=P%C3%A1gina").text

    def test_who_saves_second_is_told_and_loses_nothing(self, browser, add):
        path = f"/items/{add({'name': 'Antes', 'price': 1})['id']}"
        mine, other = browser.get(path), browser.get(path)
        assert send(browser, other, name="De otra persona").status == 303
        told = send(browser, mine, name="Lo mío", rest='{"price": 2}')
        assert told.status == 412 and "Alguien se adelantó" in told.text
        assert f'href="{path}"' in told.text
        assert (Form(told.text).values["name"], Form(told.text).values["rest"]) == ("Lo mío", '{"price": 2}')
        assert browser.get(path, Accept="application/json").json()["name"] == "De otra persona"

        # Saving again replaces what one has been told of, but not a third version.
        assert send(browser, browser.get(path), name="De una tercera").status == 303
        again = send(browser, told, cookies=mine)
        assert again.status == 412
        assert send(browser, again, cookies=mine).status == 303
        document = browser.get(path, Accept="application/json").json()
        assert (document["name"], document["price"]) == ("Lo mío", 2)
        assert "_version" not in document

    def test_the_version_outlives_a_fault_in_the_form(self, browser, add):
        path = f"/items/{add({'name': 'Antes'})['id']}"
        page = browser.get(path)
        faulty = send(browser, page, name="Lo mío", rest="{")
        assert faulty.status == 400 and "Alguien se adelantó" not in faulty.text
        assert send(browser, browser.get(path), name="De otra persona").status == 303
        assert send(browser, faulty, cookies=page, rest="{}").status == 412

    def test_a_second_click_on_save_is_no_conflict(self, browser, add):
        page = browser.get(f"/items/{add({'name': 'Antes'})['id']}")
        assert [send(browser, page, name="Después").status for _ in range(2)] == [303, 303]

    def test_says_so_in_english_too(self, browser, add):
        path = f"/items/{add({'name': 'Before'})['id']}?lang=en"
        page = browser.get(path)
        assert send(browser, browser.get(path), name="Theirs").status == 303
        told = send(browser, page, name="Mine")
        assert told.status == 412 and "Someone was faster" in told.text
        assert "See what is stored now" in told.text


class TestListPage:
    def test_a_wrong_filter_stays_beside_the_reason(self, browser):
        page = browser.get("/items?q=words&filter=" + quote("price >"))
        assert page.status == 400
        assert 'value="words"' in page.text and 'value="price &gt;"' in page.text
        assert 'aria-describedby="filter-error"' in page.text and "No se entiende cerca del carácter" in page.text
        assert "0 documentos" not in page.text

    def test_a_wrong_filter_is_explained_in_full_in_english(self, browser):
        page = browser.get("/items?filter=" + quote("price >"), Accept_Language="en")
        assert "Not understood near character 7: A text, a number, a name or a function is expected." in page.text

    def test_words_go_with_a_filter_that_ends_in_a_comment(self, client, add):
        add({"name": "comment words", "price": 3})
        add({"name": "comment", "price": 3})
        found = client.get("/items?q=words&filter=" + quote("price = 1 || price = 3 // cheap")).json()
        assert [item["name"] for item in found["items"]] == ["comment words"]

    def test_behind_the_last_page(self, browser, add):
        for n in range(3):
            add({"name": f"past {n}"})
        page = browser.get("/items?q=past&perPage=2&page=9")
        assert "Ningún documento" not in page.text and "En esta página ya no queda nada." in page.text
        assert "?page=2&amp;" in page.text and ">Siguiente<" not in page.text
