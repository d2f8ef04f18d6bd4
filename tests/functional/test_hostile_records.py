"""Bodies and parameters that test the bounds: refused as a whole, or kept exactly and read back."""

import json
import threading
from urllib.parse import quote

import pytest

TASKS = "/api/collections/tasks/records"
ITEMS = "/api/collections/items/records"


def post(client, text, path=ITEMS):
    return client.post(path, text if isinstance(text, bytes) else text.encode(), Content_Type="application/json")


class TestDepth:
    @pytest.mark.parametrize("depth", [30, 32, 33, 61, 62, 63])
    def test_what_is_accepted_can_be_read_everywhere(self, server, client, depth):
        """The body is one level, its values are others: 63 lists in a record are 64 levels."""
        text = f'{{"name":"deep","deep":{"[" * depth}{"]" * depth}}}'
        with server.events("/api/events?topic=items") as stream:
            created = client.post(ITEMS, text.encode(), Content_Type="application/json", Idempotency_Key=f"depth-{depth:020}")
            assert created.status == 200, created
            assert json.loads(stream.next()["data"])["record"] == created.json()
        id = created.json()["id"]
        assert client.get(f"{ITEMS}/{id}").json() == created.json()
        assert client.get(f"{ITEMS}?filter={quote(f'id = {json.dumps(id)}')}").json()["items"] == [created.json()]
        again = client.post(ITEMS, text.encode(), Content_Type="application/json", Idempotency_Key=f"depth-{depth:020}")
        assert again.headers["Idempotent-Replayed"] == "true" and again.json() == created.json()
        changed = client.patch(f"{ITEMS}/{id}", {"name": "still deep"})
        assert changed.status == 200 and changed.json()["deep"] == created.json()["deep"]
        assert client.get(f"/items/items/{id}").status == 200
        assert client.get(f"/items/items/{id}", Accept="text/html").status == 200
        assert client.delete(f"{ITEMS}/{id}").status == 204

    @pytest.mark.parametrize("depth", [64, 65, 1000, 1_000_000])
    def test_what_is_deeper_is_refused(self, client, depth):
        for opening, closing in ("[", "]"), ('{"a":', "}"):
            answer = post(client, f'{{"name":"deep","deep":{opening * depth}1{closing * depth}}}')
            assert answer.status == 400 and "64" in answer.json()["message"], answer

    def test_in_a_payload_of_a_form(self, client):
        payload = '{"a":' * 100 + "1" + "}" * 100
        answer = client.post(ITEMS, form={"name": "a", "@jsonPayload": payload})
        assert answer.status == 400


class TestNumbers:
    @pytest.mark.parametrize(
        "number",
        ["9223372036854775807", "-9223372036854775808", "18446744073709551615", "474.59380568556355", "5e-324",
         "1.7976931348623157e+308", "113.17408141314563", "0.1", "-0.18065145869140625"],
    )  # fmt: skip
    def test_are_kept_exactly(self, client, number):
        created = post(client, f'{{"name":"n","value":{number}}}')
        assert created.status == 200, created
        stored = client.get(f"{ITEMS}/{created.json()['id']}")
        assert stored.json()["value"] == json.loads(number), stored

    @pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400])
    def test_that_no_double_holds_are_refused(self, client, number):
        assert post(client, f'{{"name":"n","value":{number}}}').status == 400

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "01", "+1", ".5", "1.", "0x10", "1e"])
    def test_that_are_no_json(self, client, number):
        assert post(client, f'{{"name":"n","value":{number}}}').status == 400


class TestText:
    @pytest.mark.parametrize("bytes", [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"])
    def test_invalid_utf8_is_refused_wherever_it_stands(self, client, bytes):
        encoded = quote(bytes)
        assert post(client, b'{"name":"' + bytes + b'"}').status == 400
        assert post(client, b'{"name":"a","' + bytes + b'":1}').status == 400
        assert client.post(ITEMS, b"name=" + encoded.encode(), Content_Type="application/x-www-form-urlencoded").status == 400
        part = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + bytes + b"\r\n--b--\r\n"
        assert client.post(ITEMS, part, Content_Type="multipart/form-data; boundary=b").status == 400
        for query in (f"filter=name%3D'{encoded}'", f"sort={encoded}", f"fields={encoded}", f"cursor={encoded}", f"{encoded}=1"):
            assert client.get(f"{ITEMS}?{query}").status == 400, query
        assert client.get(f"{ITEMS}/{encoded}").status in (400, 404)
        assert client.get(f"/?{encoded}", Accept="text/html").status == 400

    def test_zero_is_refused_wherever_it_stands(self, client):
        def refused(answer, field):
            error = answer.json()
            assert answer.status == 400 and error["data"][field]["code"] == "validation_invalid_text", answer
            assert error["message"] and error["data"][field]["message"] == "Must not hold U+0000.", answer

        made = post(client, '{"name":"a"}').json()
        path = f"{ITEMS}/{made['id']}"
        for text, field in [
            ('{"name":"a\\u0000"}', "name"),
            ('{"name":"a","b\\u0000":1}', "b\0"),
            ('{"name":"a","b":["\\u0000"]}', "b"),
            ('{"name":"a","b":{"\\u0000":1}}', "b"),
        ]:
            refused(post(client, text), field)
            refused(client.patch(path, text.encode(), Content_Type="application/json"), field)
        urlencoded = "application/x-www-form-urlencoded"
        refused(client.post(ITEMS, b"name=%00", Content_Type=urlencoded), "name")
        part = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\0\r\n--b--\r\n'
        refused(client.post(ITEMS, part, Content_Type="multipart/form-data; boundary=b"), "name")
        refused(client.post(ITEMS, form={"name": "a", "@jsonPayload": '{"b":"\\u0000"}'}), "b")
        for name in ("filter", "sort", "fields", "cursor", "search"):
            refused(client.get(f"{ITEMS}?{name}=%00"), name)
        refused(client.get(f"{ITEMS}?%00=1"), "\0")
        literal = client.get(f"{ITEMS}?filter=" + quote('name = "\\u0000"'))
        assert literal.status == 400 and literal.json()["data"]["filter"]["code"] == "validation_invalid_filter", literal
        for method in ("GET", "DELETE"):
            answer = client.request(method, f"{ITEMS}/%00")
            assert answer.status == 400 and answer.json()["message"], answer
        page = client.post("/tasks/add", form={"title": "a\0", "description": "b"}, Accept="text/html")
        assert page.status == 400 and "<html" in page.text, page
        assert client.get(path).json() == made

    @pytest.mark.parametrize("text", ["\U0010ffff", "\u2028\u2029", "e\u0301", "\u202e", "\ufeff", "\x7f", "\t\r\n", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")])  # fmt: skip
    def test_any_other_character_is_kept(self, client, text):
        created = client.post(ITEMS, {"name": f"a{text}b", text: text})
        assert created.status == 200, created
        stored = client.get(f"{ITEMS}/{created.json()['id']}").json()
        assert stored["name"] == f"a{text}b" and stored[text] == text


class TestFilterLength:
    """The bound counts bytes, not characters."""

    @pytest.mark.parametrize("fill", ["x", "ñ", "\U0001f600", "€"])
    def test_in_bytes(self, client, fill):
        room = 3500 - len("name = ''")
        text = fill * (room // len(fill.encode()))
        text += "x" * (room - len(text.encode()))
        filter = f"name = '{text}'"
        assert len(filter.encode()) == 3500
        assert client.get(f"{ITEMS}?filter={quote(filter)}").status == 200
        longer = filter.replace("x'", "xx'") if "x'" in filter else filter + " "
        assert len(longer.encode()) == 3501
        answer = client.get(f"{ITEMS}?filter={quote(longer)}")
        assert answer.status == 400 and "3500" in answer.text.replace(",", ""), answer

    def test_other_parameters_have_bounds(self, client):
        assert client.get(f"{TASKS}?sort={','.join(['title'] * 9)}").status == 400
        assert client.get(f"{TASKS}?sort={'x' * 256}").status == 400
        for query in ("expand=" + "a." * 3000, "fields=" + "a." * 3000, "fields=" + "(" * 3000, "expand=" + "," * 9000):
            assert client.get(f"{TASKS}?{query}").status in (200, 400), query[:40]


class TestOnce:
    def test_the_same_key_at_the_same_moment_writes_once(self, server, client):
        for round in range(5):
            key, title = f"at-the-same-moment-{round}", f"moment {round}"
            answers, barrier = [], threading.Barrier(8)

            def write():
                own = server.client()
                barrier.wait()
                answers.append(own.post(TASKS, {"title": title, "description": "d"}, Idempotency_Key=key))

            threads = [threading.Thread(target=write) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert {answer.status for answer in answers} <= {200, 409}
            assert len({answer.body for answer in answers if answer.status == 200}) == 1
            assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 409)
            assert sum(answer.status == 200 and "Idempotent-Replayed" not in answer.headers for answer in answers) == 1
            assert client.get(f"{TASKS}?filter={quote(f'title = {json.dumps(title)}')}").json()["totalItems"] == 1

    def test_every_kind_of_write_is_replayed_as_it_was(self, client):
        minimal = {"Prefer": "return=minimal"}
        first = client.post(TASKS, {"title": "a", "description": "b"}, Idempotency_Key="kinds-of-write-create", headers=minimal)
        again = client.post(TASKS, {"title": "a", "description": "b"}, Idempotency_Key="kinds-of-write-create", headers=minimal)
        assert first.status == again.status == 201
        assert first.headers["Location"] == again.headers["Location"] and again.body == b""
        id = first.headers["Location"].rsplit("/", 1)[1]
        one = client.patch(f"{TASKS}/{id}", {"title": "one"}, Idempotency_Key="kinds-of-write-update")
        assert client.patch(f"{TASKS}/{id}", {"title": "two"}).status == 200
        replayed = client.patch(f"{TASKS}/{id}", {"title": "one"}, Idempotency_Key="kinds-of-write-update")
        assert replayed.json() == one.json() and replayed.headers["Idempotent-Replayed"] == "true"
        assert client.get(f"{TASKS}/{id}").json()["title"] == "two"
        for replay in (False, True):
            answer = client.delete(f"{TASKS}/{id}", Idempotency_Key="kinds-of-write-delete")
            assert answer.status == 204 and ("Idempotent-Replayed" in answer.headers) == replay

    def test_a_form_with_parts_is_replayed_too(self, client):
        def send(title):
            parts = {"title": title, "description": "d"}
            body = "".join(f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items())
            return client.post(
                TASKS, (body + "--b--\r\n").encode(), Content_Type="multipart/form-data; boundary=b",
                Idempotency_Key="a-form-with-parts-1",
            )  # fmt: skip

        first, again = send("parts"), send("parts")
        assert first.status == again.status == 200 and first.json() == again.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert send("others").status == 422

    def test_a_key_belongs_to_method_path_query_and_body(self, client):
        id = client.post(TASKS, {"title": "a", "description": "b"}).json()["id"]
        key = "belongs-to-its-request"
        assert client.patch(f"{TASKS}/{id}", {"title": "c"}, Idempotency_Key=key).status == 200
        for method, path, body in (
            ("PATCH", f"{TASKS}/{id}", {"title": "d"}),
            ("PATCH", f"{TASKS}/{id}?fields=id", {"title": "c"}),
            ("DELETE", f"{TASKS}/{id}", {"title": "c"}),
            ("POST", TASKS, {"title": "c", "description": "b"}),
        ):
            answer = client.request(method, path, body, Idempotency_Key=key)
            assert answer.status == 422, (method, path, answer)
        assert client.get(f"{TASKS}/{id}").json()["title"] == "c"


class TestConditionalWrites:
    def test_of_two_who_read_the_same_one_wins(self, server, client):
        answer = client.post(TASKS, {"title": "a", "description": "b"})
        path, tag = f"{TASKS}/{answer.json()['id']}", answer.headers["ETag"]
        statuses, barrier = [], threading.Barrier(6)

        def write(number):
            own = server.client()
            barrier.wait()
            statuses.append(own.patch(path, {"title": f"writer {number}"}, If_Match=tag).status)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] + [412] * 5

    def test_lists_stars_and_noise(self, client):
        answer = client.post(TASKS, {"title": "a", "description": "b"})
        path, tag = f"{TASKS}/{answer.json()['id']}", answer.headers["ETag"]
        assert client.patch(path, {"title": "b"}, If_Match='"x", "y"').status == 412
        answer = client.patch(path, {"title": "b"}, If_Match=f'"x", {tag}')
        assert answer.status == 200
        assert client.patch(path, {"title": "c"}, If_Match="*").status == 200
        for noise in ("noise", '"', ""):
            assert client.patch(path, {"title": "d"}, If_Match=noise).status == 412, noise
        assert client.delete(f"{TASKS}/aaaaaaaaaaaaaaa", If_Match="*").status in (404, 412)
        assert client.get(path).json()["title"] == "c"
