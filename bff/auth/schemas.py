"""What signing in takes and gives."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from bff.inputs import NO_NUL, Input, Text

Email = Annotated[Text, StringConstraints(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s.]+$")]


class Registration(Input):
    """Opens an account."""

    email: Email
    password: Annotated[Text, StringConstraints(min_length=10, max_length=200)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True), NO_NUL]


class Credentials(Input):
    """Signs in."""

    email: Annotated[Text, StringConstraints(min_length=1, max_length=254)]
    password: Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class RefreshRequest(Input):
    """Stays signed in."""

    refresh_token: Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class User(BaseModel):
    """Somebody who is signed in."""

    id: str
    email: str
    name: str
    role: Literal["shopper", "admin"]


class Session(BaseModel):
    """Tokens, and whom they speak for."""

    access_token: str
    refresh_token: str
    expires_in: int = Field(description="Seconds the access token is good for.")
    user: User
