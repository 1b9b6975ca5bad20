"""`python -m runner`."""

import sys

if __name__ == "__main__":
    try:
        from runner.command.app import main

        main()
    except KeyboardInterrupt:  # while it starts, when there is nothing to report
        sys.exit(130)
