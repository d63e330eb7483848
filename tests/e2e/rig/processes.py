"""One program that a test run started: its log in a file, its end for certain."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class NotStarted(AssertionError):
    """A program ended, or said nothing, before it was ready."""


def until(ask: Callable[[], T | None], *, within: float, what: str, every: float = 0.02) -> T:
    """The first answer that is neither None nor False; asked again and again until the deadline."""
    deadline = time.monotonic() + within
    while True:
        answer = ask()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(every)


class Program:
    """A process in a session of its own, so that its children end with it."""

    def __init__(
        self, *command: str | Path, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._env = {**os.environ, **env} if env else None
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.log.stem

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> "Program":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        return self

    def check(self) -> None:
        """Says with the end of its log why it is gone, if it is."""
        if not self.running:
            raise NotStarted(f"{self.name} ended:\n{self.tail()}")

    def tail(self, *, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def wait(self, *, within: float) -> int:
        assert self._process is not None
        return self._process.wait(within)

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """At once. The API server would drain its watches for a minute after SIGTERM."""
        self.signal(signal.SIGKILL)
        self._reap()

    def stop(self, *, patience: float = 3) -> None:
        """As an operator does: asked first, made to after a while."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(patience)
        self.kill()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(10)
            self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Alive but silent: its connections stay open and nothing comes."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)
