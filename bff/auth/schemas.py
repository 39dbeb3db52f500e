"""What signing in takes and gives."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from bff.inputs import NO_NUL, Input, Text

Email = Annotated[Text, StringConstraints(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s.]+$")]


Keeper = Literal["cookie", "body"]
KeptIn = Annotated[
    Keeper,
    Field(
        description="Where the refresh token is told. `cookie`: to browsers, in a cookie that no script can read. "
        "`body`: to programs that keep it themselves."
    ),
]


class Registration(Input):
    """Opens an account."""

    email: Email
    password: Annotated[Text, StringConstraints(min_length=10, max_length=200)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True), NO_NUL]
    session_kept_in: KeptIn = "cookie"


class Credentials(Input):
    """Signs in."""

    email: Annotated[Text, StringConstraints(min_length=1, max_length=254)]
    password: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    session_kept_in: KeptIn = "cookie"


class RefreshRequest(Input):
    """Stays signed in."""

    refresh_token: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None,
        description="The refresh token, for programs that keep it themselves. Pages of the shop leave it out and send "
        "`X-Session: cookie`: theirs comes in the cookie.",
    )


class User(BaseModel):
    """Somebody who is signed in."""

    id: str
    email: str
    name: str
    role: Literal["shopper", "admin"]


class Session(BaseModel):
    """Tokens, and whom they speak for."""

    access_token: str
    refresh_token: str | None = Field(description="Null where it is in the cookie.")
    expires_in: int = Field(description="Seconds the access token is good for.")
    user: User


class PublicKey(BaseModel):
    """A JSON Web Key that checks access tokens."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class KeySet(BaseModel):
    """All of them (RFC 7517)."""

    keys: list[PublicKey]
