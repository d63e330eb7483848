"""`moorage serve` whose wall clock can be set: SIGUSR1 puts it an hour forwards, SIGUSR2 two hours back."""

import signal
import time

_real = time.time
_set_by = {signal.SIGUSR1: 3600.0, signal.SIGUSR2: -7200.0}
_offsets = []


if __name__ == "__main__":
    time.time = lambda: _real() + sum(_offsets)
    for number, by in _set_by.items():
        signal.signal(number, lambda *_, by=by: _offsets.append(by))
    from moorage.cli import main

    main(prog_name="moorage")
