"""The delivery file: canaries, shadows and faults, reviewed like code and followed as the file changes.

services:
  product:
    weights: {stable: 95, v2: 5}
    rules: [{header: x-aisle-subject, value: users/anna, version: v2}]
    shadow: {version: v3, percent: 10}
    fault: {delay: {seconds: 0.5, percent: 10}, abort: {code: UNAVAILABLE, percent: 1}}
    max_calls: 200
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

import yaml
from grpc import StatusCode
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.control_plane.sources.explained import explained
from services.control_plane.topology import Delivery, Fault, HeaderRule, Service, Topology

Version = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Percent = Annotated[float, Field(ge=0, le=100)]
Header = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Value = Annotated[str, Field(min_length=1, max_length=256)]
_CODES = {code.name: code.value[0] for code in StatusCode if code is not StatusCode.OK}


class DeliveryError(Exception):
    """The file cannot be used; the message says everything that is wrong with it."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rule(_Entry):
    header: Header
    value: Value
    version: Version


class _Shadow(_Entry):
    version: Version
    percent: Percent = 100.0


class _Delay(_Entry):
    seconds: float = Field(gt=0, le=60)
    percent: Percent


class _Abort(_Entry):
    code: str
    percent: Percent

    @model_validator(mode="after")
    def _is_a_status(self) -> Self:
        if self.code not in _CODES:
            raise ValueError(f"'{self.code}' is no status of gRPC other than OK")
        return self


class _When(_Entry):
    header: Header
    value: Value


class _Fault(_Entry):
    delay: _Delay | None = None
    abort: _Abort | None = None
    when: _When | None = None

    def read(self) -> Fault:
        return Fault(
            delay_seconds=self.delay.seconds if self.delay else 0.0,
            delay_percent=self.delay.percent if self.delay else 0.0,
            abort_code=_CODES[self.abort.code] if self.abort else 0,
            abort_percent=self.abort.percent if self.abort else 0.0,
            header=self.when.header if self.when else "",
            value=self.when.value if self.when else "",
        )


class _Service(_Entry):
    weights: dict[Version, Annotated[int, Field(ge=0, le=10_000)]] = {}
    rules: tuple[_Rule, ...] = ()
    shadow: _Shadow | None = None
    fault: _Fault | None = None
    max_calls: int = Field(0, ge=0, le=100_000)

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if self.weights and not sum(self.weights.values()):
            raise ValueError("the weights are all 0: no call would go anywhere")
        return self

    def read(self, name: str) -> Delivery:
        return Delivery(
            service=name,
            weights=tuple(sorted((version, weight) for version, weight in self.weights.items() if weight)),
            rules=tuple(HeaderRule(rule.header, rule.value, rule.version) for rule in self.rules),
            shadow=self.shadow.version if self.shadow else "",
            shadow_percent=self.shadow.percent if self.shadow else 0.0,
            fault=self.fault.read() if self.fault else None,
            max_calls=self.max_calls,
        )


class _File(_Entry):
    services: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")], _Service] = {}


def parse(text: str) -> tuple[Delivery, ...]:
    """Return what a file says, services in the order of their names. Raises DeliveryError."""
    try:
        found = _File.model_validate(yaml.safe_load(text) or {})
    except ValidationError as invalid:
        raise DeliveryError(explained(invalid, "file")) from invalid
    except (yaml.YAMLError, ValueError, RecursionError) as broken:
        raise DeliveryError(f"not YAML: {' '.join(str(broken).split())}") from broken
    return tuple(entry.read(name) for name, entry in sorted(found.services.items()))


def problems(deliveries: Sequence[Delivery], services: Sequence[Service]) -> list[str]:
    """Return what a file asks for that is not there: services and versions without a replica."""
    known = {service.name: service for service in services}
    found = []
    for one in deliveries:
        if one.service not in known:
            found.append(f"{one.service}: no such service is registered")
            continue
        present = set(known[one.service].versions())
        wanted = {*(version for version, _ in one.weights), *(rule.version for rule in one.rules), one.shadow} - {""}
        found += [f"{one.service}: no replica runs version '{version}'" for version in sorted(wanted - present)]
    return found


def delivered(topology: Topology, deliveries: tuple[Delivery, ...]) -> Topology:
    """Return a topology with deliveries in it. What has no replica gets no calls: they would only fail."""
    known = {service.name: service for service in topology.services}
    kept = tuple(_possible(one, set(known[one.service].versions())) for one in deliveries if one.service in known)
    return replace(topology, deliveries=kept)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing about one service that differs between two files, in words; empty where nothing is said."""

    service: str
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.service}: {self.field}: {self.before or 'none'} -> {self.after or 'none'}"


def changes(before: Sequence[Delivery], after: Sequence[Delivery]) -> list[Change]:
    """Return what differs between two files, services in the order of their names."""
    old, new = ({one.service: described(one) for one in side} for side in (before, after))
    found = []
    for service in sorted(old.keys() | new.keys()):
        was, becomes = old.get(service, {}), new.get(service, {})
        found += [
            Change(service, what, was.get(what, ""), becomes.get(what, ""))
            for what in ("weights", "rules", "shadow", "fault", "max_calls")
            if was.get(what) != becomes.get(what)
        ]
    return found


def described(delivery: Delivery) -> dict[str, str]:
    """Return what is said of a service in words, by subject; what is not said is left out."""
    shadow = f"{delivery.shadow_percent:g} % to {delivery.shadow}" if delivery.shadow else ""
    said = {
        "weights": ", ".join(f"{version} {weight}" for version, weight in delivery.weights),
        "rules": ", ".join(f"{rule.header}={rule.value} -> {rule.version}" for rule in delivery.rules),
        "shadow": shadow,
        "fault": _in_words(delivery.fault) if delivery.fault is not None else "",
        "max_calls": str(delivery.max_calls or ""),
    }
    return {what: words for what, words in said.items() if words}


def _in_words(fault: Fault) -> str:
    names = {number: name for name, number in _CODES.items()}
    parts = [
        f"{fault.delay_percent:g} % wait {fault.delay_seconds:g} s" if fault.delay_percent else "",
        f"{fault.abort_percent:g} % fail with {names[fault.abort_code]}" if fault.abort_percent else "",
        f"where {fault.header}={fault.value}" if fault.header else "",
    ]
    return ", ".join(part for part in parts if part)


def _possible(delivery: Delivery, present: set[str]) -> Delivery:
    weights = tuple((version, weight) for version, weight in delivery.weights if version in present)
    return replace(
        delivery,
        weights=weights,
        rules=tuple(rule for rule in delivery.rules if rule.version in present),
        shadow=delivery.shadow if delivery.shadow in present else "",
    )
