"""The aggregated discovery service: each Envoy's stream, in both variants of the protocol, over one order of types.

`SotwSession` and `DeltaSession` hold the rules of the protocol and do no I/O; `AdsServer` carries their messages.
"""

from services.control_plane.ads.delta import DeltaSession
from services.control_plane.ads.server import SERVICE, AdsServer
from services.control_plane.ads.session import ProxyStatus, Session, TypeStatus
from services.control_plane.ads.sotw import SotwSession

__all__ = ["SERVICE", "AdsServer", "DeltaSession", "ProxyStatus", "Session", "SotwSession", "TypeStatus"]
