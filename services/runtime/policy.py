"""The mesh policy of methods, read from the descriptors that carry it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import cast

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import EnumValueDescriptor, MethodDescriptor, ServiceDescriptor

import aisle
from aisle.mesh.v1 import policy_pb2

_NO_SIDE_EFFECTS = 1
_RATE_CLASS = "RATE_CLASS_"

# On calls made while answering a call that is retried itself. Proxies do not repeat these: of a chain one call is.
RETRIED_OUTSIDE = "x-aisle-retried-outside"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the mesh knows about one method. Times are seconds; 0 means that none is stated."""

    method: str
    service: str
    timeout: float
    streaming: bool
    max_duration: float
    idle_timeout: float
    retry_safe: bool
    side_effects: bool
    callers: frozenset[str]
    role: int
    rate_class: int

    @property
    def audited(self) -> bool:
        """Return whether the audit log tells of every call: staff changes something by it."""
        return self.side_effects and self.role == policy_pb2.ROLE_ADMIN

    @property
    def deadline(self) -> float:
        """Seconds the call may take when the caller names no deadline."""
        return self.max_duration if self.streaming else self.timeout


@cache
def policies() -> Mapping[str, Policy]:
    """Return the policy of every method of our contracts by its path, `/aisle.product.v1.ProductService/GetProduct`."""
    found: dict[str, Policy] = {}
    for service in _services():
        for method in service.methods:
            if method.GetOptions().HasExtension(policy_pb2.policy):
                found[f"/{service.full_name}/{method.name}"] = _read(service, method)
    return found


def policy_of(method: str) -> Policy | None:
    """Return the policy of a method path, or None for methods that are not ours (health, reflection)."""
    return policies().get(method)


def methods_without_policy() -> list[str]:
    """Return the methods of our contracts that state no complete policy."""
    missing = []
    for service in _services():
        for method in service.methods:
            stated = method.GetOptions().Extensions[policy_pb2.policy]
            bounded = stated.HasField("stream") if method.server_streaming else stated.HasField("timeout")
            if not (bounded and stated.retry_class and stated.role and stated.rate_class and stated.callers):
                missing.append(f"{service.full_name}/{method.name}")
    return missing


def rate_classes() -> Mapping[str, bool]:
    """Return the rate classes by name, `browse`, and whether their calls pass while nobody can count them."""
    return {
        value.name.removeprefix(_RATE_CLASS).lower(): _limiter_away(value) == policy_pb2.LIMITER_AWAY_PASS
        for value in policy_pb2.RateClass.DESCRIPTOR.values
        if value.number
    }


def rate_classes_without_policy() -> list[str]:
    """Return the rate classes that do not say what happens while nobody can count."""
    values = policy_pb2.RateClass.DESCRIPTOR.values
    return [value.name for value in values if value.number and not _limiter_away(value)]


def rate_class_name(number: int) -> str:
    """Return the name of a rate class: `browse`."""
    return policy_pb2.RateClass.Name(cast(policy_pb2.RateClass.ValueType, number)).removeprefix(_RATE_CLASS).lower()


def role_name(number: int) -> str:
    """Return the name of a role: `shopper`."""
    return policy_pb2.Role.Name(cast(policy_pb2.Role.ValueType, number)).removeprefix("ROLE_").lower()


def service_name(full_name: str) -> str:
    """Return the mesh name of a contract's service: `aisle.product.v1.ProductService` is `product`."""
    return full_name.split(".")[1]


def _limiter_away(value: EnumValueDescriptor) -> int:
    return int(value.GetOptions().Extensions[policy_pb2.limiter_away])


def _read(service: ServiceDescriptor, method: MethodDescriptor) -> Policy:
    options = method.GetOptions()
    stated = options.Extensions[policy_pb2.policy]
    return Policy(
        method=f"/{service.full_name}/{method.name}",
        service=service_name(service.full_name),
        timeout=stated.timeout.ToNanoseconds() / 1e9,
        streaming=method.server_streaming,
        max_duration=stated.stream.max_duration.ToNanoseconds() / 1e9,
        idle_timeout=stated.stream.idle_timeout.ToNanoseconds() / 1e9,
        retry_safe=stated.retry_class == policy_pb2.RETRY_CLASS_SAFE,
        side_effects=options.idempotency_level != _NO_SIDE_EFFECTS,
        callers=frozenset(stated.callers),
        role=stated.role,
        rate_class=stated.rate_class,
    )


@cache
def _services() -> tuple[ServiceDescriptor, ...]:
    pool = descriptor_pool.Default()
    files = [_file_of(module) for module in _contract_modules()]
    return tuple(
        pool.FindServiceByName(service.full_name)
        for file in files
        for service in pool.FindFileByName(file).services_by_name.values()
    )


def _contract_modules() -> list[ModuleType]:
    names = (m.name for m in walk_packages(aisle.__path__, "aisle.") if m.name.endswith("_service_pb2"))
    return [import_module(name) for name in names]


def _file_of(module: ModuleType) -> str:
    return str(module.DESCRIPTOR.name)
