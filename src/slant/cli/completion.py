"""Tab completion. Hydra completes `slant train …`; the commands' names are completed here.

`eval "$(slant -sc install=bash)"` installs Hydra's own script for `slant`; it asks `slant -sc query=bash` with the line in COMP_LINE.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from slant.cli.main import COMMANDS

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    if not any(argument.startswith("query=") for argument in arguments):
        from slant.pipeline import run_app

        run_app(list(arguments))
        return 0
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    if len(words) > 2 or (len(words) == 2 and line.endswith(" ")):
        if words[1] == "train":
            from slant.pipeline import run_app

            # Hydra must not take the command's name for an override.
            rest = line.split("train", 1)[1]
            os.environ["COMP_LINE"] = f"slant{rest}"
            os.environ["COMP_POINT"] = str(len(os.environ["COMP_LINE"]))
            run_app(list(arguments))
        return 0
    begun = words[1] if len(words) == 2 else ""
    print(" ".join(name for name in COMMANDS if name.startswith(begun)))
    return 0
