"""The process in which a worker runs points: whatever kills it kills nothing else.

`python -m runner.sweep.child FD` reads specifications from a connection and writes rows back, one at a
time, so that the process at the other end always knows which point is running.
"""

import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

from runner.sweep.supervise import IDLE_EXIT, IDLE_S, READY, Terms


def main(descriptor: int) -> int:
    """Serve until the other end closes, is gone, or has had no work for a while."""
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes the ledger
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    connection = Connection(descriptor)
    try:
        terms: Terms = connection.recv()
        sys.path += [entry for entry in terms.path if entry not in sys.path]
        return _serve(connection, terms)
    except (EOFError, ConnectionError):
        return 0


def _serve(connection: Connection, terms: Terms) -> int:
    import torch

    from runner.sweep.attempt import attempt, warm_up

    torch.set_num_threads(terms.threads or 1)
    warm_up()
    connection.send_bytes(READY)
    while connection.poll(IDLE_S):
        spec = pickle.loads(connection.recv_bytes())
        connection.send(attempt(spec))  # the other end has the clock
    return IDLE_EXIT


def _follow(parent: int) -> None:
    """Leave when the parent is gone, even in the middle of a point."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
