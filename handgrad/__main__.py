"""The command `handgrad`, also as `python -m handgrad`."""

from runner.command.cli import main

if __name__ == "__main__":
    main()
