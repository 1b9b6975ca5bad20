"""The process in which a worker runs points: whatever kills it kills nothing else.

It reads specifications from a socket and writes results back, one at a time, so that the process at the other
end always knows which point is running.
"""

import json
import os
import pickle
import signal
import socket
import sys
import threading
import time

from runner.streams import forgiving
from runner.sweep.descendants import end_with_parent
from runner.sweep.supervise import IDLE_S, LEAVING, NO_DESCRIPTORS, READY, Terms
from runner.sweep.wire import MARK_BYTES, Wire


def main(descriptor: int) -> int:
    """Serve until the other end closes, is gone, or has had no work for a while."""
    os.set_inheritable(descriptor, False)
    end_with_parent()
    forgiving()
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)  # they are for the process that writes the ledger
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    there = socket.socket(fileno=descriptor)
    wire = Wire(there, there.recv(MARK_BYTES))
    try:
        terms: Terms = pickle.loads(wire.receive() or b"")
        sys.path += [entry for entry in terms.path if entry not in sys.path]
        _serve(wire, terms)
    except (EOFError, ConnectionError):
        return 0
    except OSError:  # the code has closed the socket
        return NO_DESCRIPTORS
    return 0


def _serve(wire: Wire, terms: Terms) -> None:
    import torch

    from runner.sweep.attempt import attempt, warm_up
    from runner.sweep.job import code_of_judge

    torch.set_num_threads(terms.threads or 1)
    warm_up()
    code_of_judge()  # of the files as they are now, which is how they were imported
    wire.send(READY)
    while (spec := wire.receive(IDLE_S)) is not None:
        result = attempt(pickle.loads(spec))  # the other end has the clock
        wire.send(json.dumps(result).encode())
        if result.get("tainted"):
            break
    wire.send(LEAVING)


def _follow(parent: int) -> None:
    """Leave when the parent is gone, even in the middle of a point, where the kernel does not see to it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)
