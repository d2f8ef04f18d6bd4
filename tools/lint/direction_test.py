"""The rule must fail on each kind of violation, planted into a small house of its own."""

import direction
import pytest

HOUSE = {
    "src/base/CMakeLists.txt": "minga_module(NAME base SOURCES text.cpp)",
    "src/base/text.hpp": "#include <minga/error.hpp>\n#include <string>\n",
    "src/async/CMakeLists.txt": "minga_module(NAME async USES base)",
    "src/async/pool.cpp": '#include "base/text.hpp"\n#include <minga/async.hpp>\n',
    "src/http/CMakeLists.txt": "minga_module(NAME http USES async)",
    "src/http/server.cpp": '#include "async/pool.hpp"\n#include <boost/beast/http.hpp>\n',
    "src/sql/CMakeLists.txt": "minga_module(NAME sql USES async)",
    "src/sql/sqlite/CMakeLists.txt": "minga_module(NAME sql_sqlite USES sql)",
    "src/sql/sqlite/engine.cpp": "#include <sqlite3.h>\n",
    "src/records/CMakeLists.txt": "minga_module(NAME records USES sql TEST_USES sql_sqlite)",
    "src/records/store_test.cpp": '#include "sql/sqlite/engine.hpp"\n',
    "include/minga/error.hpp": "#include <minga/json.hpp>\n",
    "include/minga/json.hpp": "#include <boost/json/value.hpp>\n",
    "apps/hits/app.cpp": '#include <minga/minga.hpp>\n#include "embedded/hits.hpp"\n#include "pages.hpp"\n',
    "apps/hits/pages.hpp": "",
}

VIOLATIONS = {
    "base must not see http": ("src/base/bad.cpp", '#include "http/server.hpp"\n'),
    "http must not see sql": ("src/http/bad.hpp", '#include "sql/database.hpp"\n'),
    "records must not see an engine": ("src/records/bad.cpp", '#include "sql/sqlite/engine.hpp"\n'),
    "an engine must not see another": ("src/sql/sqlite/bad.cpp", '#include "sql/postgres/engine.hpp"\n'),
    "sql must not see its engine": ("src/sql/bad.cpp", '#include "sql/sqlite/engine.hpp"\n'),
    "records must not see HTTP's public headers": ("src/records/bad2.cpp", "#include <minga/request.hpp>\n"),
    "Beast stays inside http": ("src/records/bad3.cpp", "#include <boost/beast/core.hpp>\n"),
    "SQLite stays inside its engine": ("src/sql/bad2.cpp", "#include <sqlite3.h>\n"),
    "an include names its module": ("src/http/bad4.cpp", '#include "server.hpp"\n'),
    "a public header sees public headers only": ("include/minga/error.hpp", '#include "base/text.hpp"\n'),
    "a public header keeps to its room": ("include/minga/error.hpp", "#include <minga/request.hpp>\n"),
    "a public header has a room": ("include/minga/news.hpp", ""),
    "an application sees no module": ("apps/hits/bad.cpp", '#include "http/server.hpp"\n'),
    "an application sees no other": ("apps/votes/bad.cpp", '#include "../hits/pages.hpp"\n'),
    "a module has a place": ("src/attic/CMakeLists.txt", "minga_module(NAME attic)"),
    "CMake keeps to the rule": ("src/http/CMakeLists.txt", "minga_module(NAME http USES async records)"),
}


def build(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_lets_a_tidy_house_pass(tmp_path):
    build(tmp_path, HOUSE)
    assert list(direction.violations(tmp_path)) == []


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_finds(tmp_path, rule):
    path, text = VIOLATIONS[rule]
    build(tmp_path, {**HOUSE, path: text})
    found = list(direction.violations(tmp_path))
    assert len(found) == 1 and found[0].startswith(path), found


def test_arrows_have_no_circle():
    for module in direction.ARROWS:
        others = set().union(*(direction.reachable(next_one) for next_one in direction.ARROWS[module]))
        assert module not in others
