"""The ways a command can end without doing its job, each with the exit code users rely on."""


class CommandError(Exception):
    """Base of the errors that end a command with one clear line."""

    exit_code = 1


class CheckFailed(CommandError):
    """A gate, comparison or verification did not hold."""

    exit_code = 1


class RequestError(CommandError):
    """A wrong request; the message says what was found, what was expected and what to do."""

    exit_code = 2


class DeviceError(CommandError):
    """A device, a runtime, the network or this program failed."""

    exit_code = 3
