"""The one error hierarchy. A message says what was wrong, with which value, and what to do."""


class CleanS2SError(Exception):
    """Base of every error that CleanS2S raises on purpose."""


class BadInput(CleanS2SError, ValueError):
    """A value from outside (client, file, environment) is wrong.

    `field` is the dotted path of the value inside what was given, `value` the value itself.
    """

    def __init__(self, field: str, value: object, problem: str) -> None:
        try:
            shown = repr(value)
        except RecursionError:
            shown = f"a {type(value).__name__} of too many levels"
        if len(shown) > 120:
            shown = shown[:117] + "..."
        super().__init__(f"{field}: {problem} (got {shown})")
        self.field = field
        self.value = value
        self.problem = problem


class Unavailable(CleanS2SError):
    """Something outside (a service, a folder, a model) cannot be used now; the message says why."""
