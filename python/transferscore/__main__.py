"""``python -m transferscore`` is the command ``transferscore``."""

from __future__ import annotations

import sys

from transferscore.cli import main

if __name__ == "__main__":
    sys.exit(main())
