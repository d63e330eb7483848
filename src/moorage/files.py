"""Files that others read while they are written."""

import contextlib
import os
import tempfile
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """All or nothing: a reader sees the old file or the new one. Raises `OSError`, and has then changed nothing."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        try:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(new.name).unlink()
            raise
