"""Checks that a release is consistent, and prints its notes.

    python tools/release.py v1.0.0 [--before OLD/public_api.txt --before-version 0.1.0]

The tag, package.xml, setup.py and the package must name one version, CHANGELOG.md must have a section of it, and
docs/reference/public_api.txt must be that of the code. With the file of the release before: what it has and the new one
lacks needs a new major version (semantic versioning). Exit status 1: not so, with one line for each reason.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import public_api  # noqa: E402

_VERSIONS = {
    "package.xml": r"<version>(.+?)</version>",
    "setup.py": r'^    version="(.+?)"',
    "metrichmsr_ros/__init__.py": r'^__version__ = "(.+?)"',
}


def main() -> int:
    """Check, and print the notes or what is wrong; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tag", help="of the release, for example v1.0.0")
    parser.add_argument("--before", type=Path, help="public_api.txt of the release before")
    parser.add_argument("--before-version", default="", help="version of the release before")
    options = parser.parse_args()
    version = options.tag.removeprefix("v")
    reasons = [*version_reasons(version), *interface_reasons()]
    if options.before:
        reasons += removal_reasons(version, options.before_version, options.before.read_text(encoding="utf-8"))
    notes = section(version)
    if not notes:
        reasons.append(f"CHANGELOG.md has no section '## {version}'")
    print("\n".join(f"error: {reason}" for reason in reasons) if reasons else notes)
    return 1 if reasons else 0


def version_reasons(version: str) -> list[str]:
    """Files that name another version."""
    found = {name: _search(pattern, (ROOT / name).read_text(encoding="utf-8")) for name, pattern in _VERSIONS.items()}
    return [f"{name} has version {of_file}, the tag {version}" for name, of_file in found.items() if of_file != version]


def interface_reasons() -> list[str]:
    """Whether the file of the public interface is out of date."""
    if public_api.FILE.read_text(encoding="utf-8") == public_api.interface():
        return []
    return ["docs/reference/public_api.txt is not that of the code; run python tools/public_api.py"]


def removal_reasons(version: str, before_version: str, before: str) -> list[str]:
    """What went since the release before, unless the major version is a new one."""
    if before_version.split(".")[0] != version.split(".")[0]:
        return []
    return [f"{line}: in {before_version}, no longer in {version}" for line in public_api.gone_since(before)]


def section(version: str) -> str:
    """The changes of a version, as CHANGELOG.md tells them; empty where it has no such section."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return _search(rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", text, re.DOTALL).strip()


def _search(pattern: str, text: str, flags: int = 0) -> str:
    found = re.search(pattern, text, re.MULTILINE | flags)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
