"""``python -m swinx.cli``: the same as ``swinx``."""

from __future__ import annotations

from swinx.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
