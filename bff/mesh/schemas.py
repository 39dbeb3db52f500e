"""What the routes of the mesh's administration take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from bff.inputs import Input, Query, Text

Variant = Literal["state_of_the_world", "delta", "unknown"]
Health = Literal["healthy", "unhealthy", "draining", "unknown"]
Missing = Literal["CONTROL_PLANE", "ENVOY"]
_LONGEST_FILE = 262_144


class Replica(BaseModel):
    """One replica of a service."""

    address: str
    version: str
    zone: str = Field(description="Where it stands; empty is near everybody.")
    registered: Health = Field(description="What its registration says of it.")
    answers: bool | None = Field(description="Whether Envoy finds that it answers; null when Envoy does not say.")


class MeshService(BaseModel):
    """A service and its replicas."""

    name: str
    replicas: list[Replica]


class ResourceState(BaseModel):
    """What a proxy has of one type of resource."""

    type: str
    acknowledged_version: str
    acknowledge_time: datetime | None = None
    resource_count: int
    pending: bool = Field(description="An answer of the proxy is waited for.")
    refused_version: str
    refusal_reason: str = Field(description="In the proxy's own words.")
    refused_resources: list[str]
    refuse_time: datetime | None = None


class Certificate(BaseModel):
    """By what a proxy proved to the control plane whose it is."""

    identity: str = Field(description="The SPIFFE id.")
    serial: str = Field(description="In hexadecimal.")
    begin_time: datetime
    expire_time: datetime


class Proxy(BaseModel):
    """A proxy with an open stream to the control plane."""

    node_id: str
    workload: str = Field(description="Whose proxy it is; one that serves all has a name of its own.")
    certificate: Certificate | None = Field(None, description="Not there where proxies have none.")
    variant: Variant
    connect_time: datetime | None = None
    in_sync: bool = Field(description="It runs on what is current in all it asks for.")
    types: list[ResourceState]


class CurrentVersion(BaseModel):
    """What proxies are to run on, for one type of resource."""

    type: str
    version: str
    resource_count: int
    workload: str = Field(description="Whose proxies are to run on it; empty where one proxy serves all.")


class VersionWeight(BaseModel):
    """A version's weight, relative to the others'."""

    version: str
    weight: int


class ServiceDelivery(BaseModel):
    """How calls to one service are spread."""

    service: str
    weights: list[VersionWeight]
    rules: list[str]
    shadow_version: str
    shadow_percent: float
    fault: str
    max_calls: int


class Delivery(BaseModel):
    """How calls are spread over the versions of services."""

    text: str = Field(description="The file in YAML.")
    etag: str
    services: list[ServiceDelivery]
    problems: list[str] = Field(description="What it asks for that has no replica yet, or why the file cannot be used.")


class MeshStatus(BaseModel):
    """The state of the mesh."""

    services: list[MeshService]
    proxies: list[Proxy]
    versions: list[CurrentVersion]
    publish_time: datetime | None = None
    problems: list[str] = Field(description="Why a newer state was not published.")
    source_problems: list[str] = Field(
        description="What the sources of the mesh say that cannot be used: left out, or what was known last stays."
    )
    delivery: Delivery | None = Field(None, description="Not there where the control plane has no delivery file.")
    degraded: list[Missing] = Field(description="Who did not answer; what only they know is left out.")


class DeliveryFile(Input):
    """A delivery file to apply in place of the one that is there."""

    text: Annotated[Text, StringConstraints(max_length=_LONGEST_FILE)]
    etag: Annotated[Text, StringConstraints(max_length=64)] = Field(
        description="What the file was when it was looked at; empty replaces whatever is there."
    )


class ApplyQuery(Query):
    """How to apply."""

    validate_only: bool = Field(False, description="Only say what would change.")


class DeliveryChange(BaseModel):
    """One thing about one service that differs between two delivery files, in words; empty where nothing is said."""

    service: str
    field: str = Field(description="weights, rules, shadow, fault or max_calls.")
    before: str
    after: str


class Applied(BaseModel):
    """What an apply came to."""

    delivery: Delivery = Field(description="The one that holds now; when it was only validated, as before.")
    changes: list[str] = Field(description="What changed, or would; empty when nothing does.")
    differences: list[DeliveryChange] = Field(description="The same, taken apart.")
    problems: list[str] = Field(description="What the file that was given asks for that has no replica yet.")
