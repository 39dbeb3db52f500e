"""The methods of our contracts with their policies, read from the descriptors."""

from services.control_plane.topology import Method
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
        )
        for _, policy in sorted(policies().items())
    )
