"""What is wrong with a file, in the words of whoever wrote it."""

from pydantic import ValidationError


def explained(invalid: ValidationError, whole: str) -> str:
    """Return every error with the place it is at; what concerns the whole is named so."""
    found = invalid.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, error['loc'])) or whole}: {error['msg'].removeprefix('Value error, ')}" for error in found
    )
