"""What a device can do at most, measured: one large product of matrices, and one large copy."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.gpu.clock import milliseconds

SIDE = 8192
"""Rows and columns of the matrices."""
COPIED = 1 << 30
"""Bytes of the copy."""


@dataclass(frozen=True)
class Limits:
    """Rates of a device.

    Attributes:
        flops: floating-point operations a second of a bf16 product; a multiplication with its addition is two.
        bytes: bytes a second of a copy on the device, those read and those written.
    """

    flops: float
    bytes: float

    @classmethod
    def of(cls, device: torch.device, side: int = SIDE, copied: int = COPIED) -> Limits:
        """Measure a device."""
        factor = torch.randn(side, side, device=device).to(torch.bfloat16)
        product = milliseconds(lambda: factor @ factor, device)
        source = torch.zeros(copied, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        copy = milliseconds(lambda: target.copy_(source), device)
        return cls(2 * side**3 / (product / 1e3), 2 * copied / (copy / 1e3))

    def least_ms(self, flop: float, read: float) -> float:
        """Shortest time of work that multiplies and reads so much: the longer of the two."""
        return 1e3 * max(flop / self.flops, read / self.bytes)
