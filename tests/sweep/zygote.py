"""A process that has imported everything, and forks for each command: a sweep begins at once.

Reads a line of JSON, [arguments, seconds to live or null], and answers with the exit status, -9 where the
seconds were over first.
"""

import json
import os
import signal
import sys
import time

import torch

from runner import experiment, report
from runner.command import session
from runner.command.app import main

torch.set_num_threads(1)
IMPORTED = experiment, report, session

for line in sys.stdin:
    arguments, seconds = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.argv = ["runner", *arguments]
        main()
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # the pid is still the child's: nobody has waited for it
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.stdout.write(f"{status}\n")
    sys.stdout.flush()
