"""A static memory plan: places in one block, handed out and taken back while code is written."""

from __future__ import annotations

__all__ = ["Arena"]

_ALIGN = 64
_LARGE, _PAGE = 1 << 15, 4096
_APART = _PAGE + 1088  # from page to page: loads wait for stores that end in the same twelve bits


class Arena:
    """First fit among the gaps; ``size`` is the most that was ever in use."""

    def __init__(self) -> None:
        self.size = 0
        self.used: dict[int, int] = {}  # offset -> bytes

    def take(self, count: int) -> int:
        count = -(-count // _ALIGN) * _ALIGN
        if count >= _LARGE:
            count += _APART - count % _PAGE
        offset = 0
        for start in sorted(self.used):
            if start - offset >= count:
                break
            offset = start + self.used[start]
        self.used[offset] = count
        self.size = max(self.size, offset + count)
        return offset

    def give(self, offset: int) -> None:
        del self.used[offset]
