"""The edge's log: a line for each request, without what people wrote into its address."""

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog
from envoy_data_plane.envoy.config.core.v3 import SubstitutionFormatString
from envoy_data_plane.envoy.extensions.access_loggers.stream.v3 import StdoutAccessLog
from envoy_data_plane.google.protobuf import Any, Struct

from services.control_plane.topology import Topology

_LINE = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%E3S+00:00)%",
    "level": "INFO",
    "service": "edge",
    "logger": "envoy.http",
    "message": "http",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH):200%",
    "route": "%ROUTE_NAME%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "ms": "%DURATION%",
    "bytes": "%BYTES_SENT%",
    "upstream": "%UPSTREAM_HOST%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "trace_id": "%TRACE_ID%",
}


def edge(topology: Topology) -> list[AccessLog]:
    """Return where and how lines are written; nothing where nobody wants them."""
    if not topology.access_log:
        return []
    shape = SubstitutionFormatString(json_format=Struct.from_dict(_LINE), omit_empty_values=True)
    return [AccessLog(name="envoy.access_loggers.stdout", typed_config=Any.pack(StdoutAccessLog(log_format=shape)))]
