"""The sha256 of every file that constraints.txt allows, as PyPI has them: constraints.sha256.

    python tools/hashes.py --write                  # asks PyPI; after a change of constraints.txt
    pip install --dry-run --ignore-installed --report report.json -c constraints.txt -r requirements.txt
    python tools/hashes.py --check report.json      # exit code 1: pip would install a file that is not listed

pip takes hashes only from files of requirements in which everything is pinned. Ours have lower bounds, because a robot
has packages of its own. So CI compares what pip chose with this list, of files for CPython 3.10 to 3.13 on Linux.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PINS, HASHES = ROOT / "constraints.txt", ROOT / "constraints.sha256"
_INDEX = "https://pypi.org/simple/{name}/"
_ANSWER = "application/vnd.pypi.simple.v1+json"
_TIMEOUT_S = 60.0
_WHEEL = re.compile(r"-(?:cp31[0-3]-cp31[0-3]|cp3\d+-abi3|py2\.py3-none|py3\d*-none)-(?:any|.*linux.*)\.whl$")
_OTHERS = re.compile(r"musllinux|armv7l|i686|ppc64|s390x|riscv64|loongarch")


def main() -> int:
    """Write or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="ask PyPI and write constraints.sha256")
    what.add_argument("--check", type=Path, metavar="REPORT", help="of pip install --report")
    options = parser.parse_args()
    if options.write:
        HASHES.write_text("".join(f"{digest}  {file}\n" for file, digest in of_pins(pins())), encoding="utf-8")
        return 0
    wrong = unlisted(json.loads(options.check.read_text(encoding="utf-8")), listed())
    for text in wrong:
        print(f"error: {text}")
    return 1 if wrong else 0


def pins() -> list[tuple[str, str]]:
    """Name and version of each line of constraints.txt."""
    lines = (re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line) for line in PINS.read_text(encoding="utf-8").splitlines())
    return [(found[1], found[2]) for found in lines if found]


def listed() -> dict[str, str]:
    """sha256 by file name, of constraints.sha256."""
    rows = (line.split() for line in HASHES.read_text(encoding="utf-8").splitlines())
    return {file: digest for digest, file in rows}


def of_pins(wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """File and sha256 of each pin, from PyPI.

    Raises:
        SystemExit: PyPI has no file of a pin.
    """
    for name, version in wanted:
        request = urllib.request.Request(_INDEX.format(name=name), headers={"Accept": _ANSWER})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            files = json.load(answer)["files"]
        found = [(file["filename"], file["hashes"]["sha256"]) for file in files if is_of(file["filename"], version)]
        if not found:
            raise SystemExit(f"error: PyPI has no file of {name}=={version}; change constraints.txt")
        yield from sorted(found)


def is_of(file: str, version: str) -> bool:
    """Whether a file is of this version, and a source archive or a wheel that runs here."""
    try:
        if file.endswith(".whl"):
            runs_here = bool(_WHEEL.search(file)) and not _OTHERS.search(file)
            return runs_here and parse_wheel_filename(file)[1] == Version(version)
        return parse_sdist_filename(file)[1] == Version(version)
    except (InvalidWheelFilename, InvalidSdistFilename):  # an egg or an installer
        return False


def unlisted(report: dict[str, Any], known: dict[str, str]) -> list[str]:
    """What is wrong with the files that pip chose, as its report tells them."""
    wrong = []
    for chosen in report["install"]:
        about = chosen["download_info"]
        file = about["url"].rpartition("/")[2].replace("%2B", "+")
        digest = about.get("archive_info", {}).get("hashes", {}).get("sha256", "")
        if file not in known:
            wrong.append(f"{file} is not in constraints.sha256; run python tools/hashes.py --write")
        elif digest != known[file]:
            wrong.append(f"{file} has the sha256 {digest or '(none)'}, and {known[file]} is listed: do not install it")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
