"""An application in a folder of its own, built from an installed minga, as README tells a newcomer."""

import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NOTES = "/api/collections/notes/records"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", os.environ["MINGA_BUILD"], "--prefix", prefix)
    return prefix


def built(source, prefix, folder):
    """The program of a project, built where nothing of this repository's sources is at hand."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder / "build")
    return folder / "build" / source.name


@pytest.fixture(scope="module")
def notes(prefix, tmp_path_factory):
    return built(HERE / "notes", prefix, tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module")
def guestbook(prefix, tmp_path_factory):
    return built(ROOT / "docs" / "examples" / "guestbook", prefix, tmp_path_factory.mktemp("guestbook"))


def test_readme_shows_this_application():
    blocks = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert ("cpp", (HERE / "notes" / "main.cpp").read_text()) in blocks
    assert ("cmake", (HERE / "notes" / "CMakeLists.txt").read_text()) in blocks


def test_ten_lines_of_code():
    """Lines that say something: a bracket that closes a block does not."""
    lines = (HERE / "notes" / "main.cpp").read_text().splitlines()
    assert len([line for line in lines if line.strip(" });")]) <= 10


def test_the_installed_package_is_whole(prefix):
    headers = {path.name for path in (prefix / "include" / "minga").iterdir()}
    assert headers == {path.name for path in (ROOT / "include" / "minga").iterdir()}
    assert (prefix / "bin" / "minga").exists()
    # As a path that begins there: "${_IMPORT_PREFIX}/lib/minga" is none, wherever the clone lies.
    built_in = re.compile(rf"(?<![\w}}/.-]){re.escape(str(ROOT))}(?![\w.-])")
    for path in prefix.rglob("*.cmake"):
        assert not built_in.search(path.read_text()), f"{path.name} names the folder it was built in"


def test_serves(notes, make_server, monkeypatch):
    monkeypatch.setenv("MINGA_BINARY", str(notes))
    server = make_server()
    client = server.client()
    assert client.get("/").json()["items"] == []
    created = client.post(NOTES, {"text": "Hola"})
    assert created.status == 200, created
    assert client.post(NOTES, {"text": ""}).json()["data"]["text"]["code"] == "validation_required"
    (item,) = client.get("/").json()["items"]
    assert (item["id"], item["text"]) == (created.json()["id"], "Hola")
    assert NOTES in client.get("/api/openapi.json").json()["paths"]
    server.terminate()
    assert make_server().client().get("/").json()["totalItems"] == 1


def test_answers_for_its_command_line(notes):
    done = subprocess.run([notes, "serve", "--app", "other"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "notes" in done.stderr
    done = subprocess.run([notes, "serve", "--dta", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "is --data meant?" in done.stderr and "notes serve --help" in done.stderr
    done = subprocess.run([notes, "export", "--help"], capture_output=True, text=True, check=False)
    assert "Usage: notes export" in done.stdout


def test_the_guides_example(guestbook, make_server, monkeypatch):
    monkeypatch.setenv("MINGA_BINARY", str(guestbook))
    server = make_server(GUESTBOOK_OWNER="Ana")
    client = server.client()
    browser = server.client(Accept="text/html", Accept_Language="en")
    assert "The guest book of Ana" in browser.get("/").text
    page = browser.get("/sign")
    token = re.search(r'name="_csrf" value="([^"]+)"', page.text).group(1)
    cookie = page.headers["Set-Cookie"].split(";")[0]
    refused = browser.post("/sign", form={"_csrf": token, "name": "", "message": "Hi"}, Cookie=cookie)
    assert refused.status == 400 and "Hi</textarea>" in refused.text
    signed = browser.post("/sign", form={"_csrf": token, "name": "Eva", "message": "Hi <b>"}, Cookie=cookie)
    assert (signed.status, signed.headers["Location"]) == (303, "/")
    time.sleep(0.002)  # two entries of one millisecond are in no order but that of their ids
    assert client.post("/sign", {"name": "Leo", "message": "50% hungry", "mood": "hungry"}).status == 201
    listed = client.get("/").json()["items"]
    assert [entry["name"] for entry in listed] == ["Leo", "Eva"]
    assert "Hi &lt;b&gt;" in browser.get("/").text
    assert client.get(f"/entries/{listed[0]['id']}").json()["mood"] == "hungry"
    assert client.get("/search?mood=hungry&q=0%25").json()["totalItems"] == 1
    assert client.get("/search?q=Hi").json()["totalItems"] == 0
    assert client.get("/").json()["totalItems"] == 2
