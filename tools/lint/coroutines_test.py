import coroutines
import pytest

BAD = [
    "co_await pool.run([this] { return 1; });",
    "co_await pool.run([&x, y = 2](int a) mutable -> int { return a; });",
    "auto rows = co_await database.read(Statement{sql, values});",
    "auto rows = co_await database.read({sql, {1, 2}});",
    "co_return Page{1, co_await count()};",
    "if (co_await match({1, 2})) { work(); }",
    "call(std::vector<int>{1}, co_await read());",
    "auto r = (co_await read()).find([x](int a) { return a == x; });",
    "while (co_await next(Key{x})) {}",
    "co_await a(\n    b,\n    {c, d});",
    "for (auto& x : co_await list()) { use(x); }",
    "auto done = a && co_await f();",
    "if (a || co_await f()) {}",
    "auto x = a ? b : co_await f();",
    "auto x = a ? co_await f() : b;",
    "auto f = [](Request& r) -> Async<int> { co_return co_await g({r, 1}); };",
]
GOOD = [
    "auto job = [this] { return 1; };\nco_await pool.run(job);",
    "co_await pool.run([] { return 1; });",
    'auto page = co_await tasks.list(request, {.sort = "-created"});',
    "co_await timer.wait(std::chrono::seconds{1});",
    "co_await timer.wait(milliseconds{20});",
    "if (auto x = co_await read(); x) { auto y = Foo{1}; }",
    "app.get(path, [tasks](Request& request) -> Async<Response> { co_return co_await f(request); });",
    'auto s = "co_await f({1})"; // co_await f([x] {})',
    "Async<void> f() { co_await g(); }\nstruct S { int a; };\nS s{1};",
    "auto list = co_await f(); for (auto& x : list) { use({x}); }",
    "auto const done = co_await f() && other;",
    "auto&& rows = co_await f(a && b);",
    "for (auto i = co_await first(); i < 3; ++i) {}",
    "auto v = values[index]; co_await f(values[1]);",
    "co_await f({});",
    "try { co_await f(); } catch (...) { g(Foo{1}); }",
    "switch (co_await f()) { case 1: g({1}); }",
    "Foo x{a}; co_await f(x); Bar y{b};",
]


@pytest.mark.parametrize("source", BAD)
def test_finds(source):
    assert coroutines.faults(f"Async<void> h() {{\n{source}\n}}\n"), source


@pytest.mark.parametrize("source", GOOD)
def test_lets_pass(source):
    assert not coroutines.faults(f"Async<void> h() {{\n{source}\n}}\n"), source


def test_names_the_line():
    assert coroutines.faults("void f() {}\n\nAsync<void> g() {\n  co_await h(\n      [x] {});\n}\n") == [
        (5, "a capturing lambda in the same expression as co_await")
    ]
