import functools

import harness
import postgres_server
import pytest


@pytest.fixture
def make_server(tmp_path):
    """Starts servers; what still runs at the test's end is stopped, and must stop well."""
    servers = []

    def make(*arguments, folder=tmp_path, **more):
        server = harness.Server(folder, *arguments, **more)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        if server.running():
            server.terminate()


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """The module's server. `SERVE` in the module says with which options; `ENVIRONMENT`, which variables."""
    arguments = getattr(request.module, "SERVE", [])
    more = getattr(request.module, "ENVIRONMENT", {})
    server = harness.Server(tmp_path_factory.mktemp("server"), *arguments, **more).start()
    yield server
    assert server.running(), f"the server ended by itself; log:\n{server.log()}"
    server.terminate()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for the whole run; `postgres.create_database()` gives the URL of a fresh database."""
    server = postgres_server.Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def engine(request):
    """With MINGA_TEST_ENGINE=postgres each server's data are in a PostgreSQL database of its own."""
    if harness.tests_postgres():
        of_folder = functools.cache(lambda folder: request.getfixturevalue("postgres").create_database())
        harness.Server.database_of = staticmethod(of_folder)
    yield
    harness.Server.database_of = None


@pytest.fixture
def client(server):
    """A connection of a program: no Accept-Language, answers in JSON."""
    client = server.client()
    yield client
    client.close()


@pytest.fixture
def browser(server):
    """A connection with a browser's headers, without its scripts."""
    client = server.client(Accept="text/html,application/xhtml+xml,*/*;q=0.8", Accept_Language="es")
    yield client
    client.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its server's log."""
    report = (yield).get_result()
    server = item.funcargs.get("server")
    if report.failed and server is not None:
        report.sections.append(("server log", "\n".join(server.log().splitlines()[-40:])))
