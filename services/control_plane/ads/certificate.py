"""The certificate that a proxy showed, as the proxy before the control plane tells of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from cryptography import x509

# Envoy writes it, from the handshake, and drops what a client sends under this name.
HEADER = "x-forwarded-client-cert"


class NotShownError(Exception):
    """What should tell of a certificate does not."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a proxy proved to be, and for how long that holds."""

    identity: str
    begins: datetime
    ends: datetime
    # In hexadecimal, as certificates are looked for.
    serial: str

    def left(self, now: datetime) -> float:
        """Return the seconds that it still holds."""
        return (self.ends - now) / timedelta(seconds=1)


def read(header: str) -> Certificate:
    """Return the certificate that a header tells of. Raises NotShownError."""
    # `Hash=…;Cert="…";URI=…`: only the last element is the neighbour's own, and none of the values we ask for holds a
    # comma, a semicolon or an equals sign unescaped.
    parts = dict(part.partition("=")[::2] for part in header.rpartition(",")[2].split(";"))
    try:
        found = x509.load_pem_x509_certificate(unquote(parts["Cert"].strip('"')).encode())
    except (KeyError, ValueError) as broken:
        raise NotShownError("no certificate is told of") from broken
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    identities = names.get_values_for_type(x509.UniformResourceIdentifier)
    if identities != [parts.get("URI")]:
        raise NotShownError("the certificate names no one identity")
    return Certificate(
        identity=identities[0],
        begins=found.not_valid_before_utc,
        ends=found.not_valid_after_utc,
        serial=f"{found.serial_number:x}",
    )
