"""The docs say what is true: their code is the examples', their settings are the binary's, their links lead somewhere."""

import pathlib
import re
import subprocess

import harness
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page, *languages):
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
    return [text for language, text in found if language in languages]


def test_the_guide_shows_the_example():
    """Which the outsider test builds and uses."""
    files = [path for path in (DOCS / "examples" / "guestbook").rglob("*") if path.is_file()]
    example = [path.read_text(encoding="utf-8") for path in files]
    shown = blocks(DOCS / "application-guide.md", "cpp", "cmake", "toml")
    assert len(shown) > 5
    for block in shown:
        assert any(block in text for text in example), f"not in the example:\n{block}"


def options_of(command):
    text = harness.run(command, "--help").stdout
    return set(re.findall(r"^\s+(?:-\w,\s*)?(--[a-z-]+)", text, re.M)) - {"--help", "--config"}


def test_configuration_lists_every_setting():
    rows = re.findall(r"^\| `(--[a-z-]+)[^`]*` \| `(MINGA_[A-Z_]+)`", (DOCS / "configuration.md").read_text(), re.M)
    assert {flag for flag, _ in rows} == options_of("serve")
    for flag, variable in rows:
        assert variable == "MINGA_" + flag[2:].upper().replace("-", "_")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)#]+)", text):
        if not re.match(r"https?:", target):
            assert (page.parent / target).exists(), target


def test_dev_help_names_every_command():
    script = (ROOT / "dev").read_text()
    commands = set(re.findall(r"^    (\w+)\)", script, re.M))
    shown = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    assert commands == set(re.findall(r"^  (\w+) ", shown, re.M)) - {"help"}
