"""The record API (sections 3 and 4 of its description) over the public collections of tasks and items."""

import json
import pathlib
import re
from urllib.parse import quote

import harness
import pytest

SERVE = []
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TASKS = "/api/collections/tasks/records"
ITEMS = "/api/collections/items/records"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def add(client):
    def add(path=TASKS, **record):
        record = {"title": "t", "description": "d", **record} if path == TASKS else {"name": "n", **record}
        answer = client.post(path, record)
        assert answer.status == 200, answer
        return answer.json()

    return add


def listed(client, path, **query):
    answer = client.get(f"{path}?" + "&".join(f"{key}={quote(str(value))}" for key, value in query.items()))
    assert answer.status == 200, answer
    return answer.json()


def is_envelope(answer, status):
    assert answer.status == status, answer
    body = answer.json()
    assert body["status"] == status
    assert body["message"][:1].isupper() and body["message"].endswith(".")
    assert isinstance(body["data"], dict)
    return body


class TestRecord:
    def test_create_answers_the_record(self, client):
        answer = client.post(TASKS, {"title": "a", "description": "b"})
        assert answer.status == 200
        record = answer.json()
        assert re.fullmatch("[a-z0-9]{15}", record["id"])
        assert record["collectionName"] == "tasks" and record["collectionId"].startswith("pbc_")
        assert (record["title"], record["description"], record["done"]) == ("a", "b", False)
        assert re.fullmatch(TIME, record["created"]) and re.fullmatch(TIME, record["updated"])
        assert client.get(f"{TASKS}/{record['id']}").json() == record

    def test_ids_sort_by_time(self, add):
        ids = [add()["id"] for _ in range(5)]
        assert ids == sorted(ids) or len({id[:8] for id in ids}) < 5

    def test_a_client_may_choose_the_id(self, client):
        assert client.post(TASKS, {"id": "chosen0123456ab", "title": "a", "description": "b"}).status == 200
        taken = client.post(TASKS, {"id": "chosen0123456ab", "title": "a", "description": "b"})
        assert is_envelope(taken, 400)["data"]["id"]["code"] == "validation_not_unique"
        for bad in ("short", "UPPERCASE012345", "x" * 16, "with'quote12345"):
            answer = client.post(TASKS, {"id": bad, "title": "a", "description": "b"})
            assert "id" in is_envelope(answer, 400)["data"], bad

    def test_update_changes_what_was_sent(self, client, add):
        record = add(title="a", description="b", done=True)
        answer = client.patch(f"{TASKS}/{record['id']}", {"title": "c"})
        assert answer.status == 200
        assert (answer.json()["title"], answer.json()["description"], answer.json()["done"]) == ("c", "b", True)
        assert answer.json()["created"] == record["created"]
        assert answer.json()["updated"] >= record["updated"]

    def test_the_id_stays(self, client, add):
        id = add()["id"]
        answer = client.patch(f"{TASKS}/{id}", {"id": "other0123456789"})
        assert is_envelope(answer, 400)["data"]["id"]["code"] == "validation_pk_change"

    def test_delete(self, client, add):
        id = add()["id"]
        answer = client.delete(f"{TASKS}/{id}")
        assert (answer.status, answer.body) == (204, b"")
        is_envelope(client.get(f"{TASKS}/{id}"), 404)
        is_envelope(client.delete(f"{TASKS}/{id}"), 404)

    def test_autodates_are_the_servers(self, add):
        record = add(created="2000-01-01 00:00:00.000Z")
        assert not record["created"].startswith("2000")

    def test_unknown_keys_are_ignored_unless_asked(self, client, add):
        assert "other" not in add(other=1)
        answer = client.post(TASKS, {"title": "a", "description": "b", "other": 1}, Prefer="handling=strict")
        assert is_envelope(answer, 400)["data"]["other"]["code"] == "validation_unknown_field"

    def test_all_faults_together(self, client):
        body = is_envelope(client.post(TASKS, {"title": "x" * 201, "done": "perhaps"}), 400)
        assert body["message"] == "Failed to create record."
        assert body["data"]["title"]["code"] == "validation_max_text_constraint"
        assert body["data"]["title"]["params"] == {"max": 200}
        assert body["data"]["description"]["code"] == "validation_required"
        assert "done" in body["data"]

    def test_lengths_are_code_points(self, client):
        assert client.post(TASKS, {"title": "\U0001f600" * 200, "description": "b"}).status == 200

    def test_minimal_answers(self, client):
        answer = client.post(TASKS, {"title": "a", "description": "b"}, Prefer="return=minimal")
        assert (answer.status, answer.body) == (201, b"")
        assert answer.headers["Location"]
        id = answer.headers["Location"].rsplit("/", 1)[1]
        answer = client.patch(f"{TASKS}/{id}", {"title": "c"}, Prefer="return=minimal")
        assert (answer.status, answer.body) == (204, b"")

    def test_open_collections_keep_undeclared_keys(self, add, client):
        record = add(ITEMS, extra={"deep": [1, 2]}, big=9223372036854775807)
        assert record["extra"] == {"deep": [1, 2]} and record["big"] == 9223372036854775807
        assert client.get(f"{ITEMS}/{record['id']}").json()["extra"] == {"deep": [1, 2]}


class TestBodies:
    def test_form(self, client):
        answer = client.post(TASKS, form={"title": "a", "description": "b", "done": "true"})
        assert answer.status == 200 and answer.json()["done"] is True

    def test_multipart_with_json_payload(self, client):
        parts = {"title": "plain", "description": "plain", "@jsonPayload": '{"title":"payload","done":true}'}
        body = "".join(
            f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
        )
        body += "--limit--\r\n"
        answer = client.post(TASKS, body.encode(), Content_Type="multipart/form-data; boundary=limit")
        assert answer.status == 200, answer
        record = answer.json()
        assert (record["title"], record["description"], record["done"]) == ("payload", "plain", True)

    def test_an_empty_body_is_an_empty_object(self, client):
        body = is_envelope(client.post(TASKS, b"", Content_Type="application/json"), 400)
        assert set(body["data"]) == {"title", "description"}

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"title":"\xff"}', b'{"title":"a\\u0000b","description":"b"}'])
    def test_malformed(self, client, body):
        is_envelope(client.post(TASKS, body, Content_Type="application/json"), 400)

    def test_other_types(self, client):
        is_envelope(client.post(TASKS, b"<a/>", Content_Type="application/xml"), 415)

    def test_a_type_of_odd_bytes_is_told_as_utf8(self, client):
        answer = client.post(TASKS, b"x", Content_Type="a/\xff" + "b" * 1000)
        message = is_envelope(answer, 415)["message"]
        assert "'a/\N{REPLACEMENT CHARACTER}bbb" in message and len(message) < 300

    def test_a_get_may_carry_a_content_type(self, client):
        assert client.get(TASKS, Content_Type="application/json").status == 200


class TestLists:
    @pytest.fixture(scope="class", autouse=True)
    def records(self, server):
        client = server.client()
        rows = [{"name": f"r{n:03}", "set": "lists", "n": n, "even": n % 2 == 0, "color": None} for n in range(70)]
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        assert client.post("/items/items/import", body, Content_Type="application/x-ndjson").json()["added"] == 70
        client.close()

    OF_SET = {"filter": "set = 'lists'"}

    def test_envelope(self, client):
        page = listed(client, ITEMS, sort="name", **self.OF_SET)
        assert [page[key] for key in ("page", "perPage", "totalItems", "totalPages")] == [1, 30, 70, 3]
        assert [item["name"] for item in page["items"]] == [f"r{n:03}" for n in range(30)]

    @pytest.mark.parametrize(
        "query, expected",
        [
            ({"page": 0}, (1, 30, 30)),
            ({"page": -5, "perPage": 0}, (1, 30, 30)),
            ({"perPage": 5000}, (1, 1000, 70)),
            ({"page": 3}, (3, 30, 10)),
            ({"page": 99}, (99, 30, 0)),
        ],
    )
    def test_bounds(self, client, query, expected):
        page = listed(client, ITEMS, **query, **self.OF_SET)
        assert (page["page"], page["perPage"], len(page["items"])) == expected

    @pytest.mark.parametrize("query", ["page=x", "perPage=1.5", "skipTotal=maybe", "sort=%2B", "sort=nothing:x"])
    def test_bad_parameters(self, client, query):
        is_envelope(client.get(f"{TASKS}?{query}"), 400)

    def test_skip_total(self, client):
        for value in ("1", "t", "true", "TRUE"):
            page = listed(client, ITEMS, skipTotal=value, **self.OF_SET)
            assert (page["totalItems"], page["totalPages"], len(page["items"])) == (-1, -1, 30)

    def test_count_by_preference(self, client):
        path = f"{ITEMS}?filter={quote(self.OF_SET['filter'])}"
        assert client.get(path, Prefer="count=none").json()["totalItems"] == -1
        assert client.get(path, Prefer="count=estimated").json()["totalItems"] == 70

    def test_sort(self, client):
        page = listed(client, ITEMS, sort="-even,+n", perPage=3, filter="set = 'lists' && n < 5")
        assert [item["n"] for item in page["items"]] == [0, 2, 4]
        random = listed(client, ITEMS, sort="@random", perPage=70, **self.OF_SET)
        assert sorted(item["n"] for item in random["items"]) == list(range(70))

    def test_cursor(self, client):
        query = f"filter={quote(self.OF_SET['filter'])}&sort=-n&limit=30"
        seen, cursor = [], ""
        while cursor is not None:
            answer = client.get(f"{ITEMS}?{query}" + (f"&cursor={quote(cursor)}" if cursor else ""))
            assert answer.status == 200, answer
            seen += [item["n"] for item in answer.json()["items"]]
            cursor = answer.json()["cursor"]
        assert seen == list(range(69, -1, -1))

    def test_a_cursor_is_bound_to_its_list(self, client):
        cursor = client.get(f"{ITEMS}?sort=name&limit=5").json()["cursor"]
        for query in (f"sort=-name&limit=5&cursor={quote(cursor)}", "limit=5&cursor=forged"):
            is_envelope(client.get(f"{ITEMS}?{query}"), 400)

    @pytest.mark.parametrize(
        "fields, keys",
        [
            ("id,n", {"id", "n"}),
            ("*", None),
            ("nothing", set()),
            ("", None),
        ],
    )
    def test_fields(self, client, fields, keys):
        page = listed(client, ITEMS, fields=fields, perPage=2, **self.OF_SET)
        assert page["totalItems"] == 70  # the envelope stays
        for item in page["items"]:
            assert set(item) == keys if keys is not None else {"id", "name", "n", "collectionName"} <= set(item)

    def test_excerpt(self, client, add):
        id = add(ITEMS, description="<p>one <b>two</b></p><script>x</script>three four")["id"]
        record = client.get(f"{ITEMS}/{id}?fields=description:excerpt(9,true)").json()
        assert record["description"].endswith("...") and "<" not in record["description"]
        is_envelope(client.get(f"{ITEMS}/{id}?fields=description:shout()"), 400)

    def test_wrong_fields_are_refused_before_anything_is_written(self, client):
        before = listed(client, ITEMS, perPage=1)["totalItems"]
        is_envelope(client.post(f"{ITEMS}?fields=name:shout()", {"name": "never"}), 400)
        assert listed(client, ITEMS, perPage=1)["totalItems"] == before


class TestFilters:
    @pytest.fixture(scope="class", autouse=True)
    def records(self, server):
        client = server.client()
        for title, description, done in (
            ("Ana", "uno", True), ("ana", "dos", False), ("Ábaco", "100%", False), ("b_c", "o'clock", True),
            ('say "hi"', "back\\slash", False),
        ):  # fmt: skip
            client.post(TASKS, {"title": title, "description": f"filters {description}", "done": done})
        client.close()

    @pytest.mark.parametrize(
        "filter, titles",
        [
            ("title = 'Ana'", ["Ana"]),
            ("title != 'Ana' && title ~ 'ana'", ["ana"]),
            ("title ~ 'ANA'", ["Ana", "ana"]),
            ("title ~ 'ábaco'", ["Ábaco"]),
            ("title ~ 'a%'", ["Ana", "ana"]),
            ("title ~ 'b_'", ["b_c"]),
            ("title !~ 'a' && title !~ 'Á'", ["b_c"]),
            ("description ~ '100\\%'", ["Ábaco"]),
            ("description ~ \"o'clock\"", ["b_c"]),
            ("description ~ 'o\\'clock'", ["b_c"]),
            ('title = "say \\"hi\\""', ['say "hi"']),
            ("done = true", ["Ana", "b_c"]),
            ("done = false && (title = 'ana' || title = 'Ana')", ["ana"]),
            ("title = 'Ana' || title = 'ana' && done = true", ["Ana"]),
            ("created > '2000-01-01' && created <= @now && title = 'Ana'", ["Ana"]),
            ("created < '2000-01-01T00:00:00Z'", []),
            ("title > 'a' && title < 'b'", ["ana"]),
            ("title ?= 'Ana' // a comment", ["Ana"]),
        ],
    )
    def test_finds(self, client, filter, titles):
        page = listed(client, TASKS, filter=f"description ~ 'filters' && ({filter}\n)", sort="created,id")
        assert sorted(item["title"] for item in page["items"]) == sorted(titles)

    @pytest.mark.parametrize(
        "filter",
        [
            " ", "title", "title =", "= 'a'", "(title = 'a'", "title = 'a')", "title = 'a", "title == 'a'", "title =! 'a'",
            "title = 'a' & done = true", "nothing = 1", "title.deep = 1", "!(title = 'a')", "title = 'a' && ", "a..b = 1",
            "title = 'a'; DROP TABLE tasks", "strftime('%Q') = ''", "'a' = 'a' UNION SELECT 1",
        ],
    )  # fmt: skip
    def test_refuses(self, client, filter):
        body = is_envelope(client.get(f"{TASKS}?filter={quote(filter)}"), 400)
        assert body["data"]["filter"]["code"] == "validation_invalid_filter"
        assert isinstance(body["data"]["filter"]["params"]["position"], int)

    def test_long_filters(self, client):
        ok = "title = '" + "x" * (3500 - 10) + "'"
        assert len(ok) == 3500 and client.get(f"{TASKS}?filter={quote(ok)}").status == 200
        assert client.get(f"{TASKS}?filter={quote(ok + ' ')}").status == 400
        many = " || ".join(["done=1"] * 201)
        assert client.get(f"{TASKS}?filter={quote(many)}").status == 400
        deep = "(" * 65 + "done=1" + ")" * 65
        assert client.get(f"{TASKS}?filter={quote(deep)}").status == 400

    def test_guests_may_not_look_elsewhere(self, client):
        for filter in ("@request.auth.id = ''", "@collection.items.name = 'a'"):
            assert client.get(f"{TASKS}?filter={quote(filter)}").status == 403


class TestConditions:
    def test_tags(self, client, add):
        id = add()["id"]
        tag = client.get(f"{TASKS}/{id}").headers["ETag"]
        assert client.get(f"{TASKS}/{id}", If_None_Match=tag).status == 304
        assert client.patch(f"{TASKS}/{id}", {"title": "b"}, If_Match='"stale"').status == 412
        answer = client.patch(f"{TASKS}/{id}", {"title": "b"}, If_Match=tag)
        assert answer.status == 200 and answer.headers["ETag"] != tag
        assert client.delete(f"{TASKS}/{id}", If_Match=tag).status == 412
        assert client.delete(f"{TASKS}/{id}", If_Match=answer.headers["ETag"]).status == 204

    def test_a_write_tells_its_position(self, client):
        answers = [client.post(TASKS, {"title": "a", "description": "b"}) for _ in range(3)]
        positions = [answer.headers["Minga-Position"] for answer in answers]
        assert len({position.rsplit("-", 1)[0] for position in positions}) == 1
        places = [harness.place(position) for position in positions]
        assert places == sorted(set(places))


class TestRights:
    def test_unknown_collection(self, client):
        body = is_envelope(client.get("/api/collections/nothing/records"), 404)
        assert body["message"] == "The requested resource wasn't found."

    def test_definitions_are_not_served_without_accounts(self, client):
        assert client.get("/api/collections").status == 404
        assert client.get("/api/collections/tasks").status == 404

    def test_system_collections_are_closed(self, client):
        assert client.get("/api/collections/_changes/records").status in (403, 404)

    def test_names_without_regard_to_case_and_ids(self, client, add):
        record = add()
        assert client.get(f"/api/collections/TASKS/records/{record['id']}").json()["id"] == record["id"]
        assert client.get(f"/api/collections/{record['collectionId']}/records/{record['id']}").json() == record

    def test_a_final_slash_makes_no_difference(self, client, add):
        id = add()["id"]
        assert client.get(f"{TASKS}/").status == 200
        assert client.get(f"{TASKS}/{id}/").status == 200


class TestIdempotency:
    KEY = "once-and-only-once-0001"

    def test_a_repeat_gets_the_first_answer(self, client):
        task = {"title": "idem", "description": "b"}
        first = client.post(TASKS, task, Idempotency_Key=self.KEY)
        again = client.post(TASKS, task, Idempotency_Key=self.KEY)
        assert first.status == again.status == 200
        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
        assert listed(client, TASKS, filter="title = 'idem'")["totalItems"] == 1

    def test_the_key_belongs_to_its_request(self, client):
        client.post(TASKS, {"title": "idem2", "description": "b"}, Idempotency_Key="once-and-only-once-0002")
        other = client.post(TASKS, {"title": "else", "description": "b"}, Idempotency_Key="once-and-only-once-0002")
        assert is_envelope(other, 422)["message"] == "Idempotency-Key was used for another request."

    def test_a_refusal_stores_nothing(self, client):
        key = "once-and-only-once-0003"
        assert client.post(TASKS, {"title": ""}, Idempotency_Key=key).status == 400
        assert client.post(TASKS, {"title": "a", "description": "b"}, Idempotency_Key=key).status == 200

    @pytest.mark.parametrize("key", ["short", "x" * 256, "with space and more"])
    def test_malformed_keys(self, client, key):
        answer = client.post(TASKS, {"title": "a", "description": "b"}, Idempotency_Key=key)
        is_envelope(answer, 400)

    def test_a_delete_may_be_repeated(self, client, add):
        id = add()["id"]
        for _ in range(2):
            assert client.delete(f"{TASKS}/{id}", Idempotency_Key="once-and-only-once-0004").status == 204

    def test_a_key_outlives_a_kill(self, make_server):
        server = make_server()
        task = {"title": "a", "description": "b"}
        first = server.client().post(TASKS, task, Idempotency_Key=self.KEY).json()
        server.kill()
        client = make_server().client()
        again = client.post(TASKS, task, Idempotency_Key=self.KEY)
        assert again.json() == first and again.headers["Idempotent-Replayed"] == "true"
        assert client.get(TASKS).json()["totalItems"] == 1


class TestOperations:
    def test_health(self, client):
        answer = client.get("/api/health")
        assert answer.status == 200
        assert answer.json() == {"code": 200, "message": "API is healthy.", "data": {}}

    def test_metrics(self, client):
        answer = client.get("/metrics")
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
        assert re.search(r"^# TYPE \w+ (counter|gauge|histogram)$", answer.text, re.M)

    def test_openapi_describes_what_is_served(self, client):
        description = client.get("/api/openapi.json").json()
        assert description["openapi"].startswith("3.1")
        assert {TASKS, ITEMS, "/api/health"} <= set(description["paths"])
        for path, operations in description["paths"].items():
            concrete = re.sub(r"\{\w+\}", "aaaaaaaaaaaaaaa", path)
            for method in operations:
                if method == "get" and "event-stream" not in json.dumps(operations[method]):
                    answer = client.get(concrete)
                    # Served means: it is found, or what is missing is the record.
                    assert answer.status != 405, path
                    assert answer.status != 404 or "{" in path, path

    def test_the_docs_name_only_what_is_served(self, client):
        text = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
        named = set(re.findall(r"(/(?:api|metrics)\b[a-z./{}]*)", text))
        served = client.get("/api/openapi.json").json()["paths"].keys()
        assert named and {path.replace("{c}", "tasks") for path in named} <= served
