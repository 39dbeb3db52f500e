"""Mutual TLS between proxies: who one is, whom one takes calls from, and whom one believes to have reached.

Keys never leave the machine they are for: the secrets that are sent name files, which Envoy watches and reads itself.
"""

from dataclasses import replace

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import DataSource, TransportSocket, WatchedDirectory
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCombinedCertificateValidationContext,
    DownstreamTlsContext,
    SdsSecretConfig,
    Secret,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Protocol, Service, Trust
from services.control_plane.translate import wire

# The names of secrets: what a proxy is, and whom it believes.
OWN, AUTHORITIES = "own", "authorities"
# The names cert-manager gives its files.
CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE = "tls.crt", "tls.key", "ca.crt"

_SOCKET = "envoy.transport_sockets.tls"
_ALPN = {Protocol.GRPC: "h2", Protocol.HTTP: "http/1.1"}


def secrets(trust: Trust, workload: str) -> tuple[Secret, ...]:
    """Return the secrets of a workload's proxy: names of files, never what is in them."""
    folder = trust.folder(workload)
    watched = WatchedDirectory(path=folder)
    own = TlsCertificate(
        certificate_chain=DataSource(filename=f"{folder}/{CERTIFICATE_FILE}"),
        private_key=DataSource(filename=f"{folder}/{KEY_FILE}"),
        watched_directory=watched,
    )
    believed = CertificateValidationContext(
        trusted_ca=DataSource(filename=f"{folder}/{AUTHORITIES_FILE}"), watched_directory=watched
    )
    return Secret(name=OWN, tls_certificate=own), Secret(name=AUTHORITIES, validation_context=believed)


def towards(trust: Trust, service: Service, cluster: Cluster) -> Cluster:
    """Return a cluster that shows who it is, and hangs up on whoever is not the service."""
    context = UpstreamTlsContext(
        common_tls_context=_context(_uri(StringMatcher(exact=trust.identity(service.runs_as))), service.protocol)
    )
    return replace(cluster, transport_socket=TransportSocket(name=_SOCKET, typed_config=Any.pack(context)))


def taking_calls(trust: Trust, protocol: Protocol) -> TransportSocket:
    """Return the socket of a listener that only members of the mesh can open."""
    context = DownstreamTlsContext(
        common_tls_context=_context(_uri(StringMatcher(prefix=trust.everybody)), protocol),
        require_client_certificate=True,
        # Who resumes a session shows no certificate: one that has ended would go on opening connections.
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
    )
    return TransportSocket(name=_SOCKET, typed_config=Any.pack(context))


def _context(expected: SubjectAltNameMatcher, protocol: Protocol) -> CommonTlsContext:
    only = TlsParametersTlsProtocol.TLSv1_3
    return CommonTlsContext(
        tls_params=TlsParameters(tls_minimum_protocol_version=only, tls_maximum_protocol_version=only),
        tls_certificate_sds_secret_configs=[_sent(OWN)],
        combined_validation_context=CommonTlsContextCombinedCertificateValidationContext(
            default_validation_context=CertificateValidationContext(match_typed_subject_alt_names=[expected]),
            validation_context_sds_secret_config=_sent(AUTHORITIES),
        ),
        alpn_protocols=[_ALPN[protocol]],
    )


def _uri(matcher: StringMatcher) -> SubjectAltNameMatcher:
    return SubjectAltNameMatcher(san_type=SubjectAltNameMatcherSanType.URI, matcher=matcher)


def _sent(name: str) -> SdsSecretConfig:
    return SdsSecretConfig(name=name, sds_config=wire.over_ads())
