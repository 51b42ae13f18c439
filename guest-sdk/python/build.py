"""Makes a component of a project: ``python build.py PROJECT OUT.wasm``.

PROJECT is a folder with ``app.py`` or ``app/``, itself or in ``src``, and with a ``.venv`` where it
has dependencies: pure Python alone can be used. componentize-py has to be on the PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SDK = Path(__file__).resolve().parent
#: In the repository; a vendored SDK has the interface beside it.
WIT = next((p for p in (SDK / "wit", SDK.parent / "wit", SDK.parent.parent / "wit") if p.is_dir()), None)


def command(project: Path, out: Path) -> list[str]:
    """What componentize-py is called with."""
    if WIT is None:
        raise SystemExit(f"no folder `wit` at {SDK} or above")
    source = next((f for f in (project, project / "src") if _has_app(f)), None)
    if source is None:
        raise SystemExit(f"{project} has no app.py: the module `app` defines the functions")
    # the SDK first: the folder of packages may hold another one
    paths = [source, SDK, *project.glob(".venv/lib/python3.*/site-packages")]
    arguments = ["componentize-py", "-d", str(WIT), "-w", "plugin", "componentize", "pawl.component"]
    for path in paths:
        arguments += ["-p", str(path)]
    return [*arguments, "-o", str(out)]


def build(project: Path, out: Path) -> None:
    """Writes the component beside its place and then moves it there: a host may watch it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as beside:
        made = Path(beside) / out.name
        # an error is the author's own traceback; the paths are said, so no environment is looked for
        environment = {**os.environ, "RUST_BACKTRACE": "0"}
        environment.pop("VIRTUAL_ENV", None)
        subprocess.run(command(project, made), check=True, env=environment)
        made.replace(out)


def _has_app(folder: Path) -> bool:
    return (folder / "app.py").is_file() or (folder / "app" / "__init__.py").is_file()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    try:
        build(Path(sys.argv[1]), Path(sys.argv[2]))
    except FileNotFoundError as error:
        raise SystemExit(f"{error}: pip install componentize-py==0.25.1") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from error
