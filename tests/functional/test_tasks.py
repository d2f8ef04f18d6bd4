"""The tasks application as APIs and browsers without scripts use it."""

import re

import pytest
from forms import Form, cookies_of, fill_in, send

SERVE = ["--app", "tasks"]


def add(client, title="Comprar pan", description="De masa madre", **more):
    answer = client.post("/add", {"title": title, "description": description, **more})
    assert answer.status == 201, answer
    return answer.json()


class TestProgram:
    def test_adds(self, client):
        answer = client.post("/add", {"title": "Leer", "description": "Un libro", "done": True})
        assert answer.status == 201
        task = answer.json()
        assert task["message"] == "Tarea añadida correctamente"
        assert (task["title"], task["description"], task["done"]) == ("Leer", "Un libro", True)
        assert re.fullmatch("[a-z0-9]{15}", task["id"])

    def test_adds_by_form_without_a_page(self, client):
        answer = client.post("/add", form={"title": "Leer", "description": "Un libro"})
        assert answer.status in (303, 403), answer  # a form of a page carries its token

    def test_speaks_english_when_asked(self, client):
        answer = client.post("/add", {"title": "a", "description": "b"}, Accept_Language="en")
        assert answer.status == 201
        assert answer.json()["message"] != "Tarea añadida correctamente"

    @pytest.mark.parametrize(
        "field, value, code",
        [
            ("title", "", "validation_required"),
            ("title", None, "validation_required"),
            ("title", "x" * 201, "validation_max_text_constraint"),
            ("description", "", "validation_required"),
            ("description", "x" * 2001, "validation_max_text_constraint"),
        ],
    )
    def test_refuses_and_says_why(self, client, field, value, code):
        task = {"title": "a", "description": "b", field: value}
        answer = client.post("/add", task)
        assert answer.status == 400
        assert answer.json()["status"] == 400
        assert set(answer.json()["data"]) == {field}
        assert answer.json()["data"][field]["code"] == code
        assert answer.json()["data"][field]["message"]

    def test_says_all_that_is_wrong_at_once(self, client):
        assert set(client.post("/add", {}).json()["data"]) == {"title", "description"}

    def test_takes_the_longest_texts(self, client):
        add(client, "ñ" * 200, "ü" * 2000)

    def test_lists_newest_first_and_by_pages(self, client):
        made = [add(client, f"Página {n}")["id"] for n in range(5)]
        # Two tasks of one millisecond are in no order but that of their ids.
        times = {id: client.get(f"/api/collections/tasks/records/{id}").json()["created"] for id in made}
        made.sort(key=lambda id: (times[id], id))
        answer = client.get("/?perPage=3")
        assert answer.status == 200
        listed = answer.json()
        assert [task["id"] for task in listed["items"]] == made[:1:-1]
        assert listed["page"] == 1 and listed["perPage"] == 3
        assert listed["totalItems"] >= 5
        second = client.get("/?perPage=3&page=2").json()
        assert [task["id"] for task in second["items"]][:2] == made[1::-1]

    def test_searches(self, client):
        wanted = add(client, "Aguja en un pajar", "muy fina")["id"]
        other = add(client, "Otra cosa", "una AGUJA también", done=True)["id"]
        add(client, "100% lana", "y _otra_ cosa")
        found = {task["id"] for task in client.get("/?q=aguja").json()["items"]}
        assert found == {other, wanted}
        assert [task["id"] for task in client.get("/?q=aguja&done=true").json()["items"]] == [other]
        assert [task["id"] for task in client.get("/?q=aguja&done=false").json()["items"]] == [wanted]
        # What is looked for is text, never a pattern and never a filter.
        assert client.get("/?q=0%25+l").json()["totalItems"] == 1
        assert client.get("/?q=%27+%7C%7C+id+!%3D+%27").json()["totalItems"] == 0

    def test_updates(self, client):
        id = add(client, done=True)["id"]
        answer = client.post(f"/update/{id}", {"title": "Nuevo", "description": "Texto"})
        assert answer.status == 200
        assert answer.json()["message"] == "Tarea actualizada correctamente"
        assert (answer.json()["title"], answer.json()["done"]) == ("Nuevo", False)  # replaced as a whole

    def test_refuses_a_bad_update_and_keeps_the_task(self, client):
        task = add(client)
        assert client.post(f"/update/{task['id']}", {"title": "", "description": "x"}).status == 400
        stored = client.get(f"/api/collections/tasks/records/{task['id']}").json()
        assert stored["title"] == task["title"]

    @pytest.mark.parametrize("method", ["DELETE", "POST"])
    def test_deletes(self, client, method):
        id = add(client)["id"]
        answer = client.request(method, f"/delete/{id}", {} if method == "POST" else None)
        assert answer.status == 200
        assert answer.json() == {"message": "Tarea eliminada correctamente"}
        assert client.get(f"/api/collections/tasks/records/{id}").status == 404
        assert client.delete(f"/delete/{id}").status == 404

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_crawler_deletes_nothing(self, client, method):
        id = add(client)["id"]
        assert client.request(method, f"/delete/{id}", Accept="text/html").status == 200
        assert client.get(f"/api/collections/tasks/records/{id}").status == 200

    @pytest.mark.parametrize("path", ["/update/aaaaaaaaaaaaaaa", "/delete/aaaaaaaaaaaaaaa", "/update/%27--"])
    def test_unknown_id(self, client, path):
        answer = client.post(path, {"title": "a", "description": "b"})
        assert answer.status == 404
        assert answer.json()["status"] == 404
        assert answer.json()["message"] == f"Not Found: {path}"


class TestPerson:
    def test_adds_and_sees_the_notice_once(self, browser):
        answer = fill_in(browser, "/add", title="Regar", description="Las plantas", done="true")
        assert (answer.status, answer.headers["Location"]) == (303, "/add")
        shown = browser.get("/add", Cookie=cookies_of(answer))
        assert "Tarea añadida correctamente" in shown.text
        again = browser.get("/add", Cookie=cookies_of(shown))
        assert "Tarea añadida correctamente" not in again.text
        listed = browser.get("/")
        assert "Regar" in listed.text and "Las plantas" in listed.text

    def test_keeps_what_was_typed_beside_the_fault(self, browser):
        answer = fill_in(browser, "/add", title="", description='<b>"Las" plantas</b>', done="true")
        assert answer.status == 400
        form = Form(answer.text)
        assert form.values["description"] == '<b>"Las" plantas</b>'
        assert form.values["done"] == "true"
        assert 'aria-invalid="true"' in answer.text
        assert "<b>" not in answer.text

    def test_changes(self, browser, client):
        id = add(client, "Antes", done=True)["id"]
        page = browser.get(f"/update/{id}")
        assert Form(page.text).values["title"] == "Antes" and Form(page.text).values["done"] == "true"
        answer = fill_in(browser, f"/update/{id}", title="Después")
        assert (answer.status, answer.headers["Location"]) == (303, "/update")
        assert client.get(f"/api/collections/tasks/records/{id}").json()["title"] == "Después"

    def test_is_told_when_somebody_else_was_faster(self, browser, client):
        path = f"/update/{add(client, 'Antes')['id']}"
        mine, other = browser.get(path), browser.get(path)
        assert send(browser, other, title="De otra persona").status == 303
        told = send(browser, mine, title="Lo mío", done="true")
        assert told.status == 412 and "Alguien se adelantó" in told.text
        assert f'href="{path}"' in told.text
        assert (Form(told.text).values["title"], Form(told.text).values["done"]) == ("Lo mío", "true")
        assert Form(browser.get(path).text).values["title"] == "De otra persona"
        assert send(browser, told, cookies=mine).status == 303
        assert Form(browser.get(path).text).values["title"] == "Lo mío"

    def test_a_second_click_on_save_is_no_conflict(self, browser, client):
        path = f"/update/{add(client, 'Antes')['id']}"
        page = browser.get(path)
        assert [send(browser, page, title="Después").status for _ in range(2)] == [303, 303]

    def test_deletes_after_asking(self, browser, client):
        id = add(client, "Sobra")["id"]
        assert "Sobra" in browser.get(f"/delete/{id}").text
        answer = fill_in(browser, f"/delete/{id}")
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert client.get(f"/api/collections/tasks/records/{id}").status == 404

    def test_a_form_without_its_token_changes_nothing(self, browser, client):
        before = client.get("/").json()["totalItems"]
        answer = browser.post("/add", form={"title": "Ajena", "description": "De otro sitio"})
        assert answer.status == 403
        assert client.get("/").json()["totalItems"] == before

    def test_escapes_everything(self, browser, client):
        add(client, "<script>alert(1)</script>", "<img src=x onerror=alert(2)>")
        page = browser.get("/").text
        assert "<script>alert" not in page and "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page

    def test_a_page_for_what_is_not_there(self, browser):
        for path in ("/nothing", "/update/aaaaaaaaaaaaaaa"):
            answer = browser.get(path)
            assert answer.status == 404
            assert answer.headers["Content-Type"].startswith("text/html")
            assert '<html lang="es"' in answer.text

    def test_pages_are_strict(self, browser):
        answer = browser.get("/")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy or "default-src 'none'" in policy
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "style=" not in answer.text and "onclick=" not in answer.text

    def test_says_which_headers_choose_the_answer(self, browser):
        vary = browser.get("/").headers.get("Vary", "").lower()
        assert "accept" in vary and "accept-language" in vary

    def test_speaks_both_languages(self, browser):
        assert '<html lang="es"' in browser.get("/").text
        english = browser.get("/", headers={"Accept-Language": "en-GB,en;q=0.9,es;q=0.1"})
        assert '<html lang="en"' in english.text
        assert '<html lang="es"' in browser.get("/", headers={"Accept-Language": "de"}).text


class TestMounted:
    """Under one site with the others, everything stands below /tasks."""

    def test_links_and_redirects_keep_the_prefix(self, make_server):
        server = make_server()
        browser = server.client(Accept="text/html", Accept_Language="es")
        answer = fill_in(browser, "/tasks/add", title="a", description="b")
        assert (answer.status, answer.headers["Location"]) == (303, "/tasks/add")
        start = browser.get("/")
        assert start.status == 200
        for path in ("/hits/", "/tasks/", "/items/"):
            assert f'href="{path}"' in start.text
            assert browser.get(path).status == 200
        links = set(re.findall(r'(?:href|action)="(/[^"]*)"', browser.get("/tasks/").text))
        for link in links:
            assert browser.get(link.replace("&amp;", "&")).status == 200, link
