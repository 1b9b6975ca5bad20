"""The command that is under way, by one name for `conf/config.yaml`, in a clone and in a wheel."""

from runner.command.app import followed as followed
