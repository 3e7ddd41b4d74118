#!/usr/bin/python3
"""Style as a check: what clang-format does not see.

Lines of at most 100 columns, files of at most 500 lines and functions of at most 70, a comment at
the head of each file that says what it is, no pauses in place of waiting, no unbounded C string
functions, no marks of unfinished work, no paths of one machine.

tidy.py [ROOT] prints each finding and exits 1. It looks at what git tracks or would track."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

CPP = (".cpp", ".hpp", ".c", ".h", ".h.in")
PYTHON = (".py",)
# Perl too: both say "#".
SHELL = (".sh", ".pl")
# Prose wraps by itself; recorded bytes and generated data have their own shape.
LONG_LINES_ALLOWED = (".md", ".txt", ".json", ".map")
# Inputs that are wrong on purpose.
DATA_FOLDERS = ("tests/fuzz/corpus/", "tests/data/config/")
# Where a name that is banned has to be spelled: the checks and their tests.
EXEMPT_FROM_BANS = ("tools/tidy.py", "tests/tools/tidy_test.py")

PAUSES = {
    CPP: re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until)\s*\("),
    PYTHON: re.compile(r"\btime\.sleep\b|\bfrom time import .*\bsleep\b"),
    SHELL: re.compile(r"^\s*(?:[^#]*[;&|]\s*)?sleep\s+[\d.$]")}
# What is measured or simulated may be time itself; then the line says why: "pause: ...".
ALLOWED_PAUSE = re.compile(r"(//|#) pause: \w")
UNBOUNDED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|tmpnam)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home|root)/\w")
NOT_A_FUNCTION = re.compile(r"\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|do"
                            r"|else|case|return|try|catch|\})\b")
# A lambda counts as part of what it stands in.
FUNCTION_START = re.compile(r"\s*(\[\[\w+\]\]|[A-Za-z_~:])")

Finding = tuple[int, str]


def kind_of(name: str, first_line: str) -> tuple[str, ...]:
    """CPP, PYTHON or SHELL; empty for anything else."""
    for kind in (CPP, PYTHON, SHELL):
        if name.endswith(kind):
            return kind
    if first_line.startswith("#!"):
        return PYTHON if "python" in first_line else SHELL
    return ()


def long_lines(name: str, lines: list[str], _: tuple[str, ...]) -> Iterator[Finding]:
    if name.endswith(LONG_LINES_ALLOWED) or name.endswith("CMakeLists.txt"):
        return
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {LINE_COLUMNS_MAX}"


def long_file(name: str, lines: list[str], kind: tuple[str, ...]) -> Iterator[Finding]:
    if kind and len(lines) > FILE_LINES_MAX:
        yield len(lines), f"{len(lines)} lines, at most {FILE_LINES_MAX}"


def own_header(name: str, include_line: str) -> str:
    """The path in the #include line if it is the header of this .cpp or of what it tests."""
    path = include_line.removeprefix('#include "').rstrip('"')
    stem = Path(name).name.removesuffix(".cpp").removesuffix("_test")
    return path if Path(path).name == f"{stem}.hpp" else ""


def missing_head(name: str, lines: list[str], kind: tuple[str, ...]) -> Iterator[Finding]:
    body = [line for line in lines[:4] if not line.startswith("#!")]
    if kind == CPP and body and body[0] == f'#include "{own_header(name, body[0])}"':
        return  # the header says it
    starts = {CPP: ("//", "/*"), PYTHON: ('"""', '# '), SHELL: ("# ",)}.get(kind)
    if starts and not (body and body[0].startswith(starts)):
        yield 1, "no comment at the head that says what the file is"


def statement_start(lines: list[str], last: int) -> int:
    """The first line of the statement or signature that line `last` ends."""
    index = last
    while index > 0:
        text = "".join(lines[index:last + 1])
        inside = text.count("(") < text.count(")")  # "if (init;" stands above
        before = lines[index - 1].strip()
        ended = before.endswith((";", "{", "}", ":")) or before.startswith(("//", "#"))
        if not before or (ended and not inside):
            break
        index -= 1
    return index


def long_functions(_: str, lines: list[str], kind: tuple[str, ...]) -> Iterator[Finding]:
    if kind != CPP:
        return
    for index, line in enumerate(lines):
        if not line.endswith("{") or ")" not in line:
            continue
        start = statement_start(lines, index)
        if NOT_A_FUNCTION.match(lines[start]) or not FUNCTION_START.match(lines[start]):
            continue
        indent = lines[start][:len(lines[start]) - len(lines[start].lstrip())]
        closing = next((later for later in range(index + 1, len(lines))
                        if lines[later].startswith(f"{indent}}}")), len(lines) - 1)
        length = closing - start + 1
        if length > FUNCTION_LINES_MAX:
            yield start + 1, f"function of {length} lines, at most {FUNCTION_LINES_MAX}"


def banned(name: str, lines: list[str], kind: tuple[str, ...]) -> Iterator[Finding]:
    if name in EXEMPT_FROM_BANS:
        return
    for number, line in enumerate(lines, 1):
        code = line.split("//", 1)[0] if kind == CPP else line
        if kind and PAUSES[kind].search(code) and not ALLOWED_PAUSE.search(line):
            yield number, "a pause: wait for the event instead"
        if kind == CPP and UNBOUNDED.search(code):
            yield number, "an unbounded C function"
        if UNFINISHED.search(line):
            yield number, "a mark of unfinished work"
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"


def stray_space(name: str, lines: list[str], _: tuple[str, ...]) -> Iterator[Finding]:
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() and not name.endswith(".md"):
            yield number, "space at the end of the line"
        # gofmt and make want them.
        if "\t" in line and not name.endswith((".md", ".txt", ".go", "debian/rules")):
            yield number, "a tab"


RULES: tuple[Callable[[str, list[str], tuple[str, ...]], Iterator[Finding]], ...] = (
    long_lines, long_file, missing_head, long_functions, banned, stray_space)


def check_text(name: str, text: str) -> list[str]:
    lines = text.split("\n")
    found = []
    if text and lines.pop() != "":
        found.append(f"{name}:{len(lines) + 1}: no line end at the end of the file")
        lines = text.split("\n")
    kind = kind_of(name, lines[0] if lines else "")
    for rule in RULES:
        found += [f"{name}:{number}: {what}" for number, what in rule(name, lines, kind)]
    return found


def tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], check=True, capture_output=True, text=True)
    return sorted({name for name in listed.stdout.split("\0")
                   if (root / name).is_file() and not name.startswith(DATA_FOLDERS)})


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    names = tracked(root)
    found = []
    for name in names:
        try:
            text = (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not a text
        found += check_text(name, text)
    print("\n".join(found) if found else f"tidy: {len(names)} files, nothing found")
    sys.exit(1 if found or not names else 0)


if __name__ == "__main__":
    main()
