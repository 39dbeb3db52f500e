"""Fails when a method of the contracts states no complete mesh policy, or names a caller that does not exist."""

import sys

from services.runtime.policy import methods_without_policy, policies, rate_classes_without_policy

CALLERS = {"bff", "cli", "product", "llm", "chat", "recommendation", "analytics"}


def main() -> int:
    """Print what is wrong. Returns an exit code."""
    problems = [f"{method}: no complete policy" for method in methods_without_policy()]
    problems += [f"{name}: does not say what happens while nobody counts" for name in rate_classes_without_policy()]
    for policy in policies().values():
        unknown = policy.callers - CALLERS
        if unknown:
            problems.append(f"{policy.method}: unknown callers {', '.join(sorted(unknown))}")
        if policy.retry_safe and policy.streaming:
            problems.append(f"{policy.method}: a stream cannot be sent twice")
    for problem in problems:
        print(problem)  # noqa: T201
    return 1 if problems or not policies() else 0


if __name__ == "__main__":
    sys.exit(main())
