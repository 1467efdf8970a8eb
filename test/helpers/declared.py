"""What package.xml, setup.py and the requirement files declare, read without running them."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree

from helpers.repository import ROOT


def requirement_name(line: str) -> str:
    """Name on PyPI, in lower case, of a requirement such as `onnxruntime-gpu[cuda]>=1.21`."""
    return re.split(r"[<>=!~ ;\[]", line)[0].lower().replace("_", "-")


def requirement_names(file: str) -> set[str]:
    """Names in a requirement file of the repository's root."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return {requirement_name(line) for line in lines if line}


def extras() -> dict[str, set[str]]:
    """Names that each extra of setup.py spells out; running setup.py would compile the messages.

    A starred part, which is a requirement file, is left out.
    """
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "EXTRAS":
            assert isinstance(node.value, ast.Dict)
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {ast.literal_eval(key): spelled_out(value) for key, value in pairs if key}
    raise AssertionError("setup.py assigns no EXTRAS")


def spelled_out(requirements: ast.expr) -> set[str]:
    """Names of the requirements that a list literal has as strings."""
    assert isinstance(requirements, ast.List)
    return {requirement_name(ast.literal_eval(r)) for r in requirements.elts if isinstance(r, ast.Constant)}


def depends(*tags: str, conditional: bool = False) -> set[str]:
    """Names of package.xml's dependencies of these kinds, those with a condition or those without."""
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    return {str(d.text) for d in package if d.tag in tags and ("condition" in d.attrib) == conditional}
