"""`import slant.tracking` costs no MLflow."""

from __future__ import annotations

import subprocess
from collections.abc import Callable


def test_importing_the_package_imports_no_mlflow(start_script: Callable[..., subprocess.Popen[str]]) -> None:
    code = "import sys, slant.tracking as t; print([hasattr(t, n) for n in t.__all__].count(False))"
    heavy = "print(sorted(sys.modules.keys() & {'mlflow', 'sqlalchemy', 'alembic', 'pandas', 'numpy'}))"
    out, err = start_script(f"{code}; {heavy}").communicate()
    assert (out, err) == ("0\n[]\n", "")
