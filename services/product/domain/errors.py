"""The refusals of the catalogue, each with its stable reason."""

from services.runtime.errors import AlreadyExists, Conflict, Denied, FieldViolation, Invalid, NotFound, Unavailable


def product_not_found(product_id: str) -> NotFound:
    """Return the refusal for a product that does not exist."""
    return NotFound("PRODUCT_NOT_FOUND", "There is no product {product}.", product=f"products/{product_id}")


def product_already_exists(product_id: str) -> AlreadyExists:
    """Return the refusal for an id that is taken."""
    return AlreadyExists(
        "PRODUCT_ALREADY_EXISTS", "There is a product {product} already.", product=f"products/{product_id}"
    )


def category_not_found(category_id: str) -> NotFound:
    """Return the refusal for a category that does not exist."""
    return NotFound("CATEGORY_NOT_FOUND", "There is no category {category}.", category=f"categories/{category_id}")


def etag_stale(product_id: str) -> Conflict:
    """Return the refusal for an edit of something that changed meanwhile."""
    return Conflict(
        "ETAG_STALE",
        "Somebody changed {product} since you read it. Read it again and repeat your change.",
        product=f"products/{product_id}",
    )


def field_not_updatable(path: str) -> Invalid:
    """Return the refusal for a mask that names something that cannot be changed."""
    return Invalid(
        "FIELD_NOT_UPDATABLE",
        "The field {path} cannot be changed.",
        [FieldViolation("update_mask", f"{path} is not a field that can be changed")],
        path=path,
    )


def field_invalid(field: str, problem: str) -> Invalid:
    """Return the refusal for a value that makes no sense where it stands."""
    return Invalid(
        "FIELD_INVALID", "{field}: {problem}.", [FieldViolation(field, problem)], field=field, problem=problem
    )


def search_index_away(cause: str) -> Unavailable:
    """Return what an index raises while it cannot be used."""
    return Unavailable("SEARCH_INDEX_AWAY", "The search index does not answer: {cause}.", cause=cause)


def embeddings_away(cause: str) -> Unavailable:
    """Return what an embedder raises while vectors cannot be had."""
    return Unavailable("EMBEDDINGS_AWAY", "Texts cannot be embedded: {cause}.", cause=cause)


def copywriter_away(cause: str) -> Unavailable:
    """Return what a copywriter raises while no language model is good enough or near enough."""
    return Unavailable("COPYWRITER_UNAVAILABLE", "No language model could write the text: {cause}.", cause=cause)


def media_store_away(cause: str) -> Unavailable:
    """Return what a media store raises while it cannot keep a picture."""
    return Unavailable("MEDIA_STORE_AWAY", "The media store does not answer: {cause}.", cause=cause)


def states_hidden() -> Denied:
    """Return the refusal to show drafts to shoppers."""
    return Denied("STATE_HIDDEN", "Only staff can list drafts.")
