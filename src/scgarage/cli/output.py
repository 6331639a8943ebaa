"""What commands print."""

__all__ = ["say"]


def say(text: str = "") -> None:
    """Print a line for the user."""
    print(text)  # noqa: T201
