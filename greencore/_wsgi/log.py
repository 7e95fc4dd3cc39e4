"""What the server writes its logs to."""

import sys


class NoopLog:
    """A log that nobody reads."""

    def write(self, message):
        """Do nothing."""

    def flush(self):
        """Do nothing."""

    def writelines(self, lines):
        """Do nothing."""


class LoggingLogAdapter:
    """A logger as a file: write(line) logs it at `level`. All other attributes are the logger's."""

    __slots__ = ("_logger", "_level")

    def __init__(self, logger, level=20):
        object.__setattr__(self, "_logger", logger)
        object.__setattr__(self, "_level", level)

    def write(self, message):
        """Log a line, without its line feed."""
        self._logger.log(self._level, message[:-1] if message.endswith("\n") else message)

    def writelines(self, lines):
        """Log each of the lines."""
        for line in lines:
            self.write(line)

    def flush(self):
        """Do nothing."""

    def __getattr__(self, name):
        return getattr(self._logger, name)

    def __setattr__(self, name, value):
        setattr(self._logger, name, value)

    def __delattr__(self, name):
        delattr(self._logger, name)


def as_log(log, level):
    """Return what to write to for the argument `log` of a server. level: of lines that go to a logger."""
    if log is None:
        return NoopLog()
    if log == "default":
        return sys.stderr
    if not hasattr(log, "write") and hasattr(log, "log"):
        return LoggingLogAdapter(log, level)
    return log
