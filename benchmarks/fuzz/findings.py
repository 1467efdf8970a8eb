"""What a run leaves on the disk: a corpus of inputs that did something new, and every input that shows a fault."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.fuzz.judge import Verdict
from benchmarks.fuzz.target import Target

_CORPUS = "corpus"


class Store:
    """Folder of one run and of those after it.

    Args:
        folder: `corpus/TARGET/SHA.bin` and `TARGET/SHA.bin` are below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def known(self, target: Target) -> list[bytes]:
        """The seeds of a target, and the corpus of earlier runs."""
        files = sorted((self._folder / _CORPUS / target.name).glob("*.bin"))
        return [*target.seeds().values(), *(path.read_bytes() for path in files)]

    def keep(self, target: Target, data: bytes) -> None:
        """Add an input to the corpus."""
        self._write(self._folder / _CORPUS / target.name, data)

    def fault(self, target: Target, data: bytes, verdict: Verdict, seed: int) -> str:
        """Save an input that shows a fault, with what it did beside it; the command that runs it again."""
        path = self._write(self._folder / target.name, data)
        about = {"target": target.name, "seed": seed, **asdict(verdict)}
        path.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return f"python -m benchmarks.fuzz --only {target.name} --replay {path}"

    @staticmethod
    def _write(folder: Path, data: bytes) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
        path.write_bytes(data)
        return path
