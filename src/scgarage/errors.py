"""The errors that users meet: each says what was found, what was expected and what to do."""

__all__ = [
    "InputError",
    "MissingExtraError",
    "OutputExistsError",
    "SamplingError",
    "ScgarageError",
    "TrainingError",
]


class ScgarageError(Exception):
    """Base of every error that scgarage raises on purpose; the command line shows it without a traceback."""


class InputError(ScgarageError, ValueError):
    """The data or an argument cannot be used as it is."""


class OutputExistsError(ScgarageError, FileExistsError):
    """An output path exists and overwriting it was not asked for."""


class SamplingError(ScgarageError, RuntimeError):
    """A fitted model cannot produce the cells that were asked for."""


class TrainingError(ScgarageError, RuntimeError):
    """A training went wrong, for example because a loss is not finite."""


class MissingExtraError(ScgarageError, ImportError):
    """An optional dependency is needed and not installed."""
