"""The binary as an operator uses it: options, environment, files, transfers, one process for one database."""

import json
import re
import socket

import harness
import pytest

COMMANDS = ["serve", "import", "export", "backup", "restore", "move", "replica", "replicas", "version"]
TASKS = "/api/collections/tasks/records"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refused(done, *words):
    """Exit 2, one clear sentence that names these words, nothing on standard output."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr
    assert "terminate" not in done.stderr and "what():" not in done.stderr
    return True


class TestHelp:
    def test_version(self):
        done = harness.run("version")
        assert done.returncode == 0 and re.fullmatch(r"minga \d+\.\d+\.\d+\S*\n", done.stdout)
        assert harness.run("--version").stdout == done.stdout

    def test_help_names_every_command(self):
        done = harness.run("--help")
        assert done.returncode == 0
        assert all(re.search(rf"^\s+{command}\b", done.stdout, re.M) for command in COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_of_a_command(self, command):
        done = harness.run(command, "--help")
        assert done.returncode == 0 and done.stdout and not done.stderr

    def test_help_of_serve_names_its_options(self):
        text = harness.run("serve", "--help").stdout
        for option in ("--app", "--listen", "--data", "--database", "--lang", "--log-format"):
            assert option in text


    @pytest.mark.parametrize("command", ["import", "export", "backup", "restore"])
    def test_help_of_a_transfer_is_not_about_serving(self, command):
        text = harness.run(command, "--help").stdout
        assert "--database" in text and "--config" in text and "--listen" not in text


class TestWrongOptions:
    @pytest.mark.parametrize(
        "arguments, words",
        [
            ([], []),
            (["serv"], ["serv"]),
            (["serve", "--lisen", "x"], ["--lisen'", "--listen", "serve --help"]),
            (["serve", "--listen", "8090"], ["8090", "HOST:PORT"]),
            (["serve", "--listen", "127.0.0.1:99999"], ["99999", "65535"]),
            (["serve", "--lang", "fr"], ["fr", "es", "en"]),
            (["serve", "--log-format", "xml"], ["xml", "text", "json"]),
            (["serve", "--app", "tusks"], ["tusks", "hits", "tasks", "items"]),
            (["serve", "--database", "mysql://x"], ["mysql"]),
            (["serve", "--database", "sqlite:"], ["sqlite:", "names no file"]),
            (["serve", "--cors-origins", "https://a.org, b.org"], ["b.org", "https://app.example.org"]),
            (["serve", "--cors-origins", "https://a.org/"], ["https://a.org/", "an origin"]),
            (["serve", "--trusted-proxies", "10.0.0.1,10.0.0.0/8"], ["10.0.0.0/8", "IP address"]),
            (["serve", "--redirect-port", "8080"], ["--redirect-port", "--tls-certificate"]),
            (["import", "items"], ["FILE"]),
            (["serve", "--lisen=x"], ["--lisen'", "--listen"]),
            (["replicas", "status", "--jsn"], ["--jsn", "--json", "replicas status --help"]),
            (["replicas", "config", "--ttl", "5"], ["'--ttl'. minga replicas config --help"]),
            (["serve", "--config", "/tmp"], ["/tmp is a folder"]),
            (["version", "extra"], ["'extra' is one argument too many"]),
        ],
    )
    def test_say_what_is_right(self, tmp_path, arguments, words):
        assert refused(harness.run(*arguments, cwd=tmp_path), *words)
        assert not list(tmp_path.iterdir()), "a database was made"

    def test_an_occupied_port(self, make_server, tmp_path):
        server = make_server()
        address = server.url.split("//")[1].rstrip("/")
        done = harness.run("serve", "--listen", address, "--data", tmp_path / "other")
        assert done.returncode == 1 and address.split(":")[1] in done.stderr

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        done = harness.run("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "file" / "data")
        assert done.returncode != 0 and str(tmp_path / "file") in done.stderr


class TestSettings:
    def test_the_first_line_is_the_url(self, make_server):
        server = make_server()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/?", server.url)
        assert server.client().get("/api/health").status == 200

    def test_environment(self, make_server):
        server = make_server("--app", "hits", MINGA_LANG="en")
        assert '<html lang="en"' in server.client().get("/", Accept="text/html").text

    @pytest.mark.parametrize("variable", ["PORT", "BIND_PORT"])
    def test_ports_by_environment(self, make_server, variable):
        port = free_port()
        server = make_server(listen=None, **{variable: str(port)})
        assert server.url.rstrip("/").endswith(f":{port}")
        assert harness.Client(f"http://127.0.0.1:{port}").get("/api/health").status == 200

    def test_flags_before_environment_before_file(self, make_server, tmp_path):
        (tmp_path / "minga.toml").write_text('lang = "en"\nlisten = "127.0.0.1:0"\napp = ["hits"]\n')
        page = make_server(listen=None).client().get("/", Accept="text/html").text
        assert '<html lang="en"' in page
        other = tmp_path / "other"
        other.mkdir()
        (other / "minga.toml").write_text('lang = "en"\n')
        server = make_server("--app", "hits", folder=other, MINGA_LANG="es")
        assert '<html lang="es"' in server.client().get("/", Accept="text/html").text
        server.terminate()
        server = make_server("--app", "hits", "--lang", "en", folder=other, MINGA_LANG="es")
        assert '<html lang="en"' in server.client().get("/", Accept="text/html").text

    def test_a_wrong_file_is_named(self, tmp_path):
        (tmp_path / "minga.toml").write_text('listten = "127.0.0.1:0"\n')
        assert refused(harness.run("serve", cwd=tmp_path), "listten", "minga.toml")
        (tmp_path / "minga.toml").write_text("listen = \n")
        assert refused(harness.run("serve", cwd=tmp_path), "minga.toml")

    def test_json_log(self, make_server):
        server = make_server("--log-format", "json")
        id = server.client().get("/api/health").headers["X-Request-Id"]
        server.terminate()
        entries = [json.loads(line) for line in server.log().splitlines()]
        assert any(id in json.dumps(entry) for entry in entries)


class TestOneProcess:
    def test_a_second_process_is_refused(self, make_server):
        server = make_server()
        done = harness.run("serve", "--listen", "127.0.0.1:0", "--data", server.data)
        assert done.returncode == 1 and str(server.data) in done.stderr and len(done.stderr.splitlines()) <= 3
        assert server.client().get("/api/health").status == 200

    def test_a_killed_process_leaves_no_lock(self, make_server):
        make_server().kill()
        assert make_server().client().get("/api/health").status == 200

    def test_a_restored_database_may_not_be_in_use(self, make_server, tmp_path):
        server = make_server()
        file = tmp_path / "copy"
        assert harness.run("backup", file, "--data", server.data).returncode == 0
        done = harness.run("restore", file, "--data", server.data)
        assert done.returncode != 0 and done.stderr


class TestTransfers:
    DOCUMENTS = [{"name": f"d{n}", "deep": {"n": n}, "list": [None, "ñ"]} for n in range(1500)]

    def lines(self):
        return "".join(json.dumps(document) + "\n" for document in self.DOCUMENTS)

    def test_import_and_export(self, tmp_path):
        file = tmp_path / "items.ndjson"
        file.write_text(self.lines())
        data = tmp_path / "data"
        done = harness.run("import", "items", file, "--data", data)
        assert done.returncode == 0, done.stderr
        assert "1500" in (done.stdout + done.stderr).replace(",", "")
        done = harness.run("export", "items", "--data", data)
        assert done.returncode == 0, done.stderr
        back = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
        assert len(back) == 1500
        for document in self.DOCUMENTS:
            assert {key: back[document["name"]][key] for key in document} == document

    def test_export_while_serving(self, make_server):
        server = make_server()
        for n in range(20):
            server.client().post("/items/items", {"name": f"d{n}", "price": 1.5})
        files = set(server.data.iterdir())
        done = harness.run("export", "items", "--data", server.data)
        assert done.returncode == 0, done.stderr
        documents = [json.loads(line) for line in done.stdout.splitlines()]
        assert {document["name"] for document in documents} == {f"d{n}" for n in range(20)}
        assert '"price":1.5' in done.stdout and "collectionId" not in documents[0]
        assert set(server.data.iterdir()) == files

    def test_import_from_standard_input(self, tmp_path):
        done = harness.run("import", "items", "-", "--data", tmp_path / "data", input=self.lines())
        assert done.returncode == 0, done.stderr

    def test_a_bad_line_is_named(self, tmp_path):
        done = harness.run("import", "items", "-", "--data", tmp_path / "data", input='{"name":"a"}\n{bad\n{"name":"b"}\n')
        assert "2" in done.stderr + done.stdout
        back = harness.run("export", "items", "--data", tmp_path / "data").stdout
        assert len(back.splitlines()) == 2

    def test_unknown_collection(self, tmp_path):
        done = harness.run("import", "itens", "-", "--data", tmp_path / "data", input='{"name":"a"}\n')
        assert done.returncode != 0 and "itens" in done.stderr

    def test_a_missing_file_is_named(self, tmp_path):
        done = harness.run("import", "items", tmp_path / "missing.ndjson", "--data", tmp_path / "data")
        assert done.returncode != 0 and "missing.ndjson" in done.stderr

    def test_a_folder_is_no_file(self, tmp_path):
        done = harness.run("import", "items", tmp_path, "--data", tmp_path / "data")
        assert refused(done, str(tmp_path), "cannot be read")

    def test_says_how_many_bad_lines_it_does_not_name(self, tmp_path):
        done = harness.run("import", "items", "-", "--data", tmp_path / "data", input="[]\n" * 130)
        assert done.returncode == 1 and "0 added, 130 refused" in done.stdout
        assert done.stderr.count("\nline ") == 99 and done.stderr.endswith("and 30 lines more\n")

    def test_an_export_makes_no_database(self, tmp_path):
        done = harness.run("export", "items", "--data", tmp_path / "mistyped")
        assert refused(done, "mistyped/minga.db", "--data") and not list(tmp_path.iterdir())

    def test_a_wrong_filter_is_explained(self, tmp_path):
        assert harness.run("import", "items", "-", "--data", tmp_path / "data", input="").returncode == 0
        done = harness.run("export", "items", "--filter", "name =", "--data", tmp_path / "data")
        assert refused(done, "Invalid filter.", "A text, a number, a name or a function is expected.")

    def test_backup_while_serving_and_restore(self, make_server, tmp_path):
        server = make_server()
        client = server.client()
        for n in range(20):
            client.post(TASKS, {"title": f"t{n}", "description": "d"})
        file = tmp_path / "backup"
        done = harness.run("backup", file, "--data", server.data)
        assert done.returncode == 0, done.stderr
        client.post(TASKS, {"title": "later", "description": "d"})
        server.terminate()
        done = harness.run("restore", file, "--data", server.data)
        assert done.returncode == 0, done.stderr
        assert make_server().client().get(TASKS).json()["totalItems"] == 20

    def test_backup_overwrites_nothing(self, make_server, tmp_path):
        server = make_server()
        file = tmp_path / "precious"
        file.write_text("precious")
        done = harness.run("backup", file, "--data", server.data)
        assert done.returncode != 0 and "precious" in done.stderr
        assert file.read_text() == "precious"

    def test_restore_refuses_what_is_no_backup(self, tmp_path):
        file = tmp_path / "letter.txt"
        file.write_text("Dear Sir or Madam,\n" * 1000)
        done = harness.run("restore", file, "--data", tmp_path / "data")
        assert done.returncode != 0 and "letter.txt" in done.stderr
