"""Refusals of the assistant."""

from services.runtime.errors import Conflict, Denied, FieldViolation, Invalid, NotFound


def conversation_not_found(key: str) -> NotFound:
    """Nobody learns whether a conversation of somebody else exists."""
    return NotFound("CONVERSATION_NOT_FOUND", "There is no conversation {name}.", name=f"conversations/{key}")


def owner_not_caller() -> Denied:
    """Nobody begins a conversation in the name of another."""
    return Denied("OWNER_NOT_CALLER", "A conversation belongs to whoever begins it.")


def article_not_found(key: str) -> NotFound:
    """There is no such article."""
    return NotFound("ARTICLE_NOT_FOUND", "There is no article {name}.", name=f"articles/{key}")


def request_id_reused(request_id: str) -> Invalid:
    """One id, two questions."""
    return Invalid(
        "REQUEST_ID_REUSED",
        "The request id {request_id} was used for another message.",
        [FieldViolation("request_id", "belongs to another message")],
        request_id=request_id,
    )


def answer_in_progress(key: str) -> Conflict:
    """One answer at a time."""
    name = f"conversations/{key}"
    return Conflict("ANSWER_IN_PROGRESS", "An answer is being written in {name} already.", name=name)


def nothing_said() -> Invalid:
    """What is left of the text after cleaning is nothing."""
    return Invalid("FIELD_INVALID", "text: says nothing.", [FieldViolation("text", "says nothing")])


def article_invalid(field: str, problem: str) -> Invalid:
    """An article that cannot be stored as it is."""
    return Invalid(
        "FIELD_INVALID", "{field}: {problem}.", [FieldViolation(field, problem)], field=field, problem=problem
    )
