"""The certificate authority of one machine: says who each workload is, anew every half hour.

On Kubernetes cert-manager does this. The files have its names, and are replaced as Kubernetes replaces mounted ones: a
folder beside them is made first, then one link is moved, so nobody ever reads half of what belongs together.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE = "tls.crt", "tls.key", "ca.crt"
LIFETIME = timedelta(hours=1)
# Clocks differ a little, on one machine by nothing.
_BACKDATED = timedelta(minutes=1)
_AUTHORITY_LIFETIME = timedelta(days=3650)
_CURRENT = "..data"

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, repr=False)
class Authority:
    """A key that signs certificates, and the certificate by which others know it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, now: datetime) -> "Authority":
        """Return an authority that nobody believes yet."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Aisle local {secrets.token_hex(4)}")])
        made = (
            _builder(name, name, key.public_key(), now, _AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(key, made.sign(key, hashes.SHA256()))

    @classmethod
    def load(cls, folder: Path, now: datetime) -> "Authority":
        """Return the authority of a folder, made when there is none."""
        key_file, certificate_file = folder / "ca.key", folder / AUTHORITIES_FILE
        if not certificate_file.exists():
            made = cls.new(now)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(key_file, _private(made.key))
            _write(certificate_file, made.pem)
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(key, x509.load_pem_x509_certificate(certificate_file.read_bytes()))

    @property
    def pem(self) -> bytes:
        """Its certificate, as files hold it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, identity: str, now: datetime, lifetime: timedelta = LIFETIME) -> tuple[bytes, bytes]:
        """Return a certificate for an identity and its new key, both in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = (
            _builder(x509.Name([]), self.certificate.subject, key.public_key(), now, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            .add_extension(signed_by, critical=False)
            # Without a subject this is what names the holder, so it may not be passed over.
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        )
        signed = made.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM), _private(key)


def replace(folder: Path, certificate: bytes, key: bytes, authorities: bytes) -> None:
    """Replace the files of a folder in one step."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folder / f"..{secrets.token_hex(8)}"
    fresh.mkdir(mode=0o700)
    files = {CERTIFICATE_FILE: certificate, KEY_FILE: key, AUTHORITIES_FILE: authorities}
    for name, content in files.items():
        _write(fresh / name, content)
    current = folder / _CURRENT
    before = current.resolve() if current.exists() else None
    moving = folder / f"{_CURRENT}_new"
    moving.unlink(missing_ok=True)
    moving.symlink_to(fresh.name)
    moving.replace(current)
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_CURRENT}/{name}")
    if before is not None:
        shutil.rmtree(before)


async def keep_fresh(
    authority: Authority,
    folders: Iterable[tuple[Path, str]],
    lifetime: timedelta = LIFETIME,
    clock: Clock = system_clock,
) -> None:
    """Give each workload, named by its folder and identity, a certificate again and again before the last one ends."""
    wanted = tuple(folders)
    while True:
        for folder, identity in wanted:
            certificate, key = authority.issue(identity, clock(), lifetime)
            replace(folder, certificate, key, authority.pem)
        await asyncio.sleep(lifetime / timedelta(seconds=2))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
