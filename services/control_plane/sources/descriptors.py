"""The methods of our contracts with their policies, read from the descriptors."""

from aisle.mesh.v1.policy_pb2 import RATE_CLASS_BROWSE
from services.control_plane.topology import Method, RateClass
from services.runtime import policy as mesh_policy
from services.runtime.policy import policies


def methods() -> tuple[Method, ...]:
    """Return every method of every contract, in the order of their paths."""
    return tuple(
        Method(
            path=policy.method,
            service=policy.service,
            timeout=policy.timeout,
            streaming=policy.streaming,
            max_duration=policy.max_duration,
            idle_timeout=policy.idle_timeout,
            retry_safe=policy.retry_safe,
            without_effects=not policy.side_effects and policy.rate_class == RATE_CLASS_BROWSE,
            rate_class=mesh_policy.rate_class_name(policy.rate_class),
            callers=policy.callers,
            role=mesh_policy.role_name(policy.role),
        )
        for _, policy in sorted(policies().items())
    )


def rate_classes() -> tuple[RateClass, ...]:
    """Return the rate classes of the contracts, in the order of their names."""
    return tuple(RateClass(name, passes) for name, passes in sorted(mesh_policy.rate_classes().items()))
