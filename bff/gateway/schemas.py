"""What the routes of the gateway's administration take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from bff.inputs import Input, PageSize, PageToken, Query, Text

UsageBy = Literal["model", "provider", "use_case", "user", "tenant", "api_key", "prompt_version", "day"]
Subject = Literal["tenant", "use_case", "user", "api_key"]
Window = Literal["minute", "month"]
_Limit = Annotated[int, Field(ge=0, le=10**12)]
_Tenant = Annotated[str, StringConstraints(pattern=r"^$|^tenants/[a-z0-9][a-z0-9-]{0,62}$")]


class Page(Query):
    """Which page of a list."""

    page_size: PageSize = 0
    page_token: PageToken = ""


class UsageQuery(Query):
    """Which days until now, and what to group by."""

    days: int = Field(30, ge=1, le=365)
    by: UsageBy = "model"


class Failure(BaseModel):
    """How many calls ended in one way that is not good."""

    outcome: str
    count: int


class Usage(BaseModel):
    """Figures of a group. Times are of calls that ended well: a call that failed must not look like a fast one."""

    key: str
    calls: int
    ok_calls: int
    failed_calls: int
    failures: list[Failure]
    left_calls: int = Field(description="The caller hung up.")
    exact_hits: int
    similar_hits: int
    shared_hits: int
    cache_misses: int
    input_tokens: int
    output_tokens: int
    cost_micros: int
    saved_micros: int
    first_token_p50_seconds: float
    first_token_p95_seconds: float
    latency_p50_seconds: float
    latency_p95_seconds: float


class UsageReport(BaseModel):
    """Usage by group, the dearest first (days: the oldest first), and of all together."""

    rows: list[Usage]
    total: Usage
    start_time: datetime
    end_time: datetime
    truncated: bool


class ApiKey(BaseModel):
    """A key, without its secret."""

    id: str
    display_name: str
    tenant: str
    hint: str = Field(description="The last characters of the secret.")
    state: Literal["active", "expired", "revoked"]
    creator: str
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None


class ApiKeys(BaseModel):
    """A page of keys, newest first."""

    keys: list[ApiKey]
    next_page_token: str


class NewApiKey(Input):
    """A key to make."""

    display_name: Annotated[Text, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    tenant: _Tenant = ""
    expire_time: Annotated[AwareDatetime, Field(strict=False)] | None = None


class MadeApiKey(BaseModel):
    """A new key and its secret, which is shown this once."""

    key: ApiKey
    secret: str


class Spending(BaseModel):
    """How far a budget is spent; reserved is what calls on their way may take."""

    used_tokens: int
    used_micros: int
    reserved_tokens: int
    reserved_micros: int
    reset_time: datetime


class Budget(BaseModel):
    """A budget that holds."""

    id: str
    subject_kind: Subject
    subject: str
    window: Window
    tokens: int | None = None
    micros: int | None = None
    origin: Literal["file", "set"]
    spending: Spending | None = None
    updater: str
    update_time: datetime | None = None


class Budgets(BaseModel):
    """The budgets, by subject and window."""

    budgets: list[Budget]
    degraded: list[str]


class NewBudget(Input):
    """A budget to set, in place of the one of the same subject and window."""

    subject_kind: Subject
    subject: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    window: Window
    tokens: _Limit | None = None
    micros: _Limit | None = None


class Change(BaseModel):
    """What somebody changed."""

    actor: str
    action: str
    resource: str
    detail: str
    create_time: datetime


class Changes(BaseModel):
    """A page of changes, newest first."""

    changes: list[Change]
    next_page_token: str
