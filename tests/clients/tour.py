#!/usr/bin/env python3
"""The README's tour, as printed there: each command is run, and what it prints is compared with what the README says it prints.

tour.py [FILE]
"""

import difflib
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from server import ROOT, serving

TITLE = "## A five-minute tour"
START = "scripts/run"
ADDRESS = "http://127.0.0.1:8200"
# What differs from run to run; where the README says the same thing twice, it must be the same thing in this run too.
NAMED = (
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\bsecret=[A-Z2-7]+", "SECRET"),
    (r"\b\d{6}\b", "CODE"),
)
PASSING = (
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\b127\.0\.0\.1:\d+\b", "HOST"),
    (r"\bagain in \d+ seconds\b", "again in SOME seconds"),
)


def main(readme):
    steps = tour(readme.read_text())
    (start, printed), *steps = steps
    if not start.startswith(START) or printed:
        sys.exit(f"the tour begins with `$ {START}` alone, not with: {start}")
    # What the script would do after building.
    with serving(*shlex.split(start)[1:]) as address, tempfile.TemporaryDirectory() as directory:
        outcomes = run([command.replace(ADDRESS, address) for command, _ in steps], directory)
    failures = compare(steps, outcomes)
    print(f"tour: {len(steps)} commands, {failures} failed")
    return failures


def tour(text):
    """The tour's commands, each with the output that is printed below it."""
    _, title, rest = text.partition(f"\n{TITLE}\n")
    if not title:
        sys.exit(f"the README has no section “{TITLE}”")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    steps = []
    for block in re.findall(r"^```console\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            elif line.startswith("> ") and not steps[-1][1]:
                steps[-1] = (f"{steps[-1][0]}\n{line[2:]}", "")
            else:
                steps[-1] = (steps[-1][0], f"{steps[-1][1]}{line}\n")
    return steps


def run(commands, directory):
    """What each command prints, and its exit status, in one session of bash."""
    end = "end of a command of the tour:"
    script = pathlib.Path(directory, "tour.sh")
    script.write_text("".join(f"{command}\nprintf '\\n{end} %d\\n' $?\n" for command in commands))
    # The tour waits for a lock to open: a real clock runs in the server, so this takes its time.
    session = subprocess.run(
        ["bash", script], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=240,
    )
    outcomes = re.findall(rf"(.*?)\n{end} (\d+)\n", session.stdout, flags=re.DOTALL)
    if len(outcomes) < len(commands):
        sys.exit(f"the tour breaks off: {session.stdout}")
    return outcomes


def compare(steps, outcomes):
    """How many commands went otherwise than the README says; it is told how."""
    failures, here, there = 0, {}, {}
    for (command, expected), (printed, status) in zip(steps, outcomes, strict=True):
        wanted, got = masked(expected, there), masked(printed, here)
        if wanted != got or status != "0":
            failures += 1
            difference = difflib.unified_diff(wanted, got, "README", "now", lineterm="")
            print(f"$ {command}", f"exit status {status}", *difference, sep="\n")
    return failures


def masked(text, seen):
    """The lines of the text without what differs; what is named is numbered as it is `seen`."""
    for pattern, name in PASSING:
        text = re.sub(pattern, name, text)
    for pattern, name in NAMED:
        text = re.sub(pattern, lambda found: f"{name}-{seen.setdefault(found[0], len(seen))}", text)
    return text.strip().splitlines()


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]) if sys.argv[1:] else ROOT / "README.md") != 0)
