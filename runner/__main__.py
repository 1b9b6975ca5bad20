"""`python -m runner`."""

from runner.command.app import main

if __name__ == "__main__":
    main()
