#!/usr/bin/env python3
"""Finds what GCC 12 destroys twice: a capturing lambda, or a braced list, in the same full expression as co_await; a
co_await that is reached only sometimes (behind &&, || or ?) or whose result a for loop walks.

    coroutines.py FILE...    prints each place; exit 1 if there is one

The remedy is to give the lambda, the list or what is awaited a name in a statement of its own. The file is read as tokens are, not
parsed: comments and literals are blanked, then the statement around each co_await is walked.
"""

import pathlib
import re
import sys

BLANKED = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Za-z_])\'(?:\\.|[^\'\\\n])*\'', re.S
)
# Types without a destructor of their own cannot be destroyed twice.
TRIVIAL = re.compile(
    r"(\.list\s*\(\s*request\s*,\s*|\b(std::chrono::|chrono::)?(nano|micro|milli)?(seconds|minutes|hours)\s*"
    r"|\b(std::)?(u?int(8|16|32|64)?(_t)?|size_t|ssize_t|bool|char|double|string_view|span<[^<>]*>)\s*)$"
)
BLOCK = re.compile(r"(\)|\belse|\bdo|\btry|\bmutable|\bnoexcept|\bconst|\boverride|[;{}:]|->[^;(){}]*)\s*$")
OPENING, CLOSING = "([{", ")]}"


def blank(text):
    """The text with comments and literals as spaces: every position stays what it was."""
    return BLANKED.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def matching(text, at):
    """The position of the bracket that closes the one at `at`."""
    depth = 0
    for position in range(at, len(text)):
        if text[position] in OPENING:
            depth += 1
        elif text[position] in CLOSING:
            depth -= 1
            if depth == 0:
                return position
    return len(text) - 1


def opening_of(text, at):
    """The position of the bracket that opens the one at `at`."""
    depth = 0
    for position in range(at, -1, -1):
        if text[position] in CLOSING:
            depth += 1
        elif text[position] in OPENING:
            depth -= 1
            if depth == 0:
                return position
    return 0


def is_block(text, brace):
    return bool(BLOCK.search(text[max(0, brace - 200) : brace])) or not text[:brace].strip()


def expression_start(text, at):
    """Where the full expression that holds `at` begins; backwards over whole bracket pairs."""
    position = at - 1
    while position >= 0:
        character = text[position]
        if character == ";":
            return position + 1
        if character == "}":
            opened = opening_of(text, position)
            after = text[position + 1 : at].lstrip()
            if is_block(text, opened) and not re.match(r"[,.)(]", after) and not is_lambda_body(text, opened):
                return position + 1
            position = opened
        elif character in ")]":
            position = opening_of(text, position)
        elif character == "{" and is_block(text, position):
            return position + 1
        elif character == "(" and re.search(r"\b(if|while|switch|for)\s*(constexpr\s*)?$", text[:position]):
            return position + 1
        position -= 1
    return 0


def is_lambda_body(text, brace):
    head = text[max(0, brace - 300) : brace].rstrip()
    head = re.sub(r"->[^(){};]*$", "", head).rstrip()
    head = re.sub(r"\b(mutable|noexcept)\s*$", "", head).rstrip()
    if head.endswith(")"):
        head = head[: opening_of(head, len(head) - 1)].rstrip()
    return head.endswith("]")


def expression_end(text, at):
    """Where the full expression ends: its semicolon, or the bracket that closes the condition it stands in."""
    position = at
    while position < len(text):
        if text[position] in OPENING:
            position = matching(text, position)
        elif text[position] == ";":
            return position
        elif text[position] in CLOSING:
            opened = opening_of(text, position)
            if text[position] == "}" and is_block(text, opened):
                return position
            if text[position] == ")" and re.search(r"\b(if|while|switch|for)\s*(constexpr\s*)?$", text[:opened]):
                return position
        position += 1
    return len(text)


def faults_in(text, start, end):
    """Capturing lambdas and braced lists of one expression, bodies of lambdas left out."""
    position = start
    while position < end:
        character = text[position]
        if character == "[":
            before = text[:position].rstrip()
            closed = matching(text, position)
            if text.startswith("[[", position) or re.search(r"[\w)\]]$", before) and not re.search(
                r"\b(return|co_return|co_await|co_yield)$", before
            ):
                position += 1
                continue
            if text[position + 1 : closed].strip():
                yield position, "a capturing lambda"
            body = text.find("{", closed)
            if body != -1:
                position = matching(text, body)
        elif character == "{" and not is_block(text, position):
            closed = matching(text, position)
            if text[position + 1 : closed].strip() and not TRIVIAL.search(text[max(0, position - 80) : position]):
                yield position, "a braced list"
        position += 1


def shape_around(text, start, at):
    """What makes the co_await at `at` a trap by where it stands in its expression, or None."""
    before = text[start:at]
    if re.search(r"\bfor\s*\($", text[:start]) and re.search(r"[^:]:[^:]", before + " "):
        return "the range of a for loop"
    position = start
    while position < at:
        if text[position] in OPENING and matching(text, position) < at:
            position = matching(text, position)
        elif text[position] == "?" or re.match(r"\s(&&|\|\|)\s", text[position : position + 4]):
            return "a part that is not always reached"
        position += 1
    return None


def faults(source):
    """(line, what) for each fault of a source text."""
    text = blank(source)
    found = set()
    for match in re.finditer(r"\bco_await\b", text):
        start, end = expression_start(text, match.start()), expression_end(text, match.end())
        for position, what in faults_in(text, start, end):
            found.add((text.count("\n", 0, position) + 1, f"{what} in the same expression as co_await"))
        shape = shape_around(text, start, match.start())
        if shape:
            found.add((text.count("\n", 0, match.start()) + 1, f"co_await in {shape}"))
    return sorted(found)


def main():
    bad = False
    for name in sys.argv[1:]:
        for line, what in faults(pathlib.Path(name).read_text(encoding="utf-8")):
            print(f"{name}:{line}: {what}; give it a name first")
            bad = True
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
