"""What every benchmark stands on: two sides in turns, child processes, a server of its own, rows and plots.

A benchmark is one file beside this folder. It says what *ours* and *theirs* do, as generators that prepare, yield,
work and yield what they did; the frame runs them in processes of their own, in turns, and prints rows.
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

for _folder in (REPOSITORY, REPOSITORY / "src"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
