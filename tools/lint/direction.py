#!/usr/bin/env python3
"""Proves which way includes point: the rule of the house, held for every #include and minga_module(USES).

    direction.py [ROOT]      prints each violation; exit 1 if there is one
"""

import pathlib
import re
import sys

# What a module may include besides itself and what those may include in turn.
ARROWS = {
    "base": [],
    "async": ["base"],
    "http": ["async"],
    "sql": ["async"],
    "sql_sqlite": ["sql"],
    "sql_postgres": ["sql"],
    "records": ["sql"],
    "accounts": ["records"],
    "files": ["records"],
    "jobs": ["records"],
    "live": ["records", "http"],  # the hub writes its streams itself
    "web": ["records", "accounts", "files", "jobs", "live", "http"],
    "api": ["records", "accounts", "files", "jobs", "live", "http"],
    "console": ["api", "web", "cluster", "jobs", "live", "files", "accounts", "records"],
    "cluster": ["sql", "http"],
    "move": ["records"],
    "server": ["console", "cluster", "move", "api", "web", "sql_sqlite", "sql_postgres"],
}

# The room each public header belongs to.
PUBLIC = {
    "error": "base", "json": "base", "embedded": "base",
    "async": "async",
    "request": "http", "response": "http",
    "field": "records", "filter": "records", "page": "records",
    "paging": "web",
    "app": "server", "collection": "server", "counter": "server", "minga": "server", "run": "server",
    "testing": "server",
}

# Client libraries that one room hides from all others.
HIDDEN = [
    (re.compile(r"boost/beast"), {"http"}),
    (re.compile(r"sqlite3\.h$"), {"sql_sqlite"}),
    (re.compile(r"(postgresql/)?libpq"), {"sql_postgres"}),
    (re.compile(r"curl/curl\.h$"), {"files"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.M)
MODULE = re.compile(r"minga_module\(([^)]*)\)", re.S)
KEYWORDS = {"NAME", "SOURCES", "TESTS", "USES", "LIBRARIES", "TEST_USES", "ONE_PROCESS", "TEST_FILTER"}


def reachable(module, arrows=None):
    """The module and all that it may include."""
    arrows = ARROWS if arrows is None else arrows
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(arrows[name])
    return found


def module_of(path):
    """The module of a path relative to src/, or None."""
    parts = pathlib.PurePosixPath(path).parts
    if len(parts) > 2 and "_".join(parts[:2]) in ARROWS:
        return "_".join(parts[:2])
    return parts[0] if len(parts) > 1 else None


def includes(path):
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        quoted, angled = match.groups()
        yield text.count("\n", 0, match.start()) + 1, quoted, angled


def declared_modules(root):
    """minga_module calls: {name: {keyword: [values]}} with the file they stand in."""
    modules = {}
    for path in sorted((root / "src").rglob("CMakeLists.txt")):
        for match in MODULE.finditer(re.sub(r"#.*", "", path.read_text(encoding="utf-8"))):
            values, keyword = {}, None
            for word in match.group(1).split():
                if word in KEYWORDS:
                    keyword = word
                    values[keyword] = []
                elif keyword:
                    values[keyword].append(word)
            modules[values["NAME"][0]] = (path, values)
    return modules


def check_cmake(root, modules):
    for name, (path, values) in modules.items():
        where = path.relative_to(root)
        if name not in ARROWS:
            yield f"{where}: the module '{name}' has no place in tools/lint/direction.py"
            continue
        for used in values.get("USES", []):
            if used not in reachable(name):
                yield f"{where}: {name} may not use {used}"


def check_sources(root, modules):
    for path in sorted((root / "src").rglob("*.[ch]pp")):
        inside = path.relative_to(root / "src").as_posix()
        where = f"src/{inside}"
        module = module_of(inside)
        if module not in ARROWS:
            yield f"{where}: the folder '{module}' has no place in tools/lint/direction.py"
            continue
        allowed = reachable(module)
        is_test = path.name.endswith("_test.cpp") or path.name.endswith("_testing.hpp")
        if is_test:
            for name in modules.get(module, (None, {}))[1].get("TEST_USES", []):
                allowed |= reachable(name) if name in ARROWS else {name}
        for line, quoted, angled in includes(path):
            place = f"{where}:{line}"
            if quoted:
                target = module_of(quoted)
                if quoted.startswith("embedded/") or (is_test and quoted.startswith("support/")):
                    continue
                if target is None or target not in ARROWS:
                    yield f'{place}: "{quoted}" names no module; write "module/file.hpp"'
                elif target not in allowed:
                    yield f'{place}: {module} may not include {target} ("{quoted}")'
            elif angled.startswith("minga/"):
                target = PUBLIC.get(pathlib.PurePosixPath(angled).stem)
                if target is None:
                    yield f"{place}: <{angled}> has no room in tools/lint/direction.py"
                elif target not in allowed:
                    yield f"{place}: {module} may not include {target} (<{angled}>)"
            elif not is_test:
                for pattern, rooms in HIDDEN:
                    if pattern.match(angled) and module not in rooms:
                        yield f"{place}: <{angled}> stays inside {', '.join(sorted(rooms))}"


def check_public(root):
    for path in sorted((root / "include").rglob("*.hpp")):
        where = path.relative_to(root)
        room = PUBLIC.get(path.stem)
        if room is None:
            yield f"{where}: no room in tools/lint/direction.py"
            continue
        for line, quoted, angled in includes(path):
            if quoted:
                yield f'{where}:{line}: a public header includes only public headers, not "{quoted}"'
            elif angled.startswith("minga/"):
                target = PUBLIC.get(pathlib.PurePosixPath(angled).stem)
                if target is None or (target not in reachable(room)):
                    yield f"{where}:{line}: {room} may not include {target} (<{angled}>)"
            else:
                for pattern, _ in HIDDEN:
                    if pattern.match(angled):
                        yield f"{where}:{line}: <{angled}> stays out of include/minga"


def check_applications(root):
    """An application is an outsider: it sees the public headers and its own folder."""
    for folder in ("apps", "tests/outsider", "docs/examples"):
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            inside = path.relative_to(root / folder)
            where = f"{folder}/{inside.as_posix()}"
            own = root / folder / inside.parts[0] if len(inside.parts) > 1 else root / folder
            for line, quoted, angled in includes(path):
                if not quoted:
                    continue
                if quoted.startswith("embedded/") or (folder, quoted) == ("apps", "apps.hpp"):
                    continue
                candidates = [path.parent / quoted, root / folder / quoted]
                if not any(c.exists() and c.resolve().is_relative_to(own.resolve()) for c in candidates):
                    yield f'{where}:{line}: an application includes <minga/...> and its own folder, not "{quoted}"'


def violations(root):
    modules = declared_modules(root)
    yield from check_cmake(root, modules)
    yield from check_sources(root, modules)
    yield from check_public(root)
    yield from check_applications(root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(violations(root))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
