"""The rate limiter: counts what the edge and the services let through, and says when it was enough."""
