"""Errors that end a job, and the exit codes of their kinds."""

EXIT_CODES = {"bad_job": 2, "bad_model": 2, "bad_input": 2}
OTHER_EXIT_CODE = 3


class JobError(Exception):
    """Ends the job; its kind and message become the result's error."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def first_cause(error):
    """The exception that ``error`` goes back to: what a package says of it in the end may be long,
    and for people who build the package."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return error


def one_line(error):
    """An exception as one line of at most 400 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
