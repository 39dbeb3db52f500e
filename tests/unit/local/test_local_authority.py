"""The local certificate authority: what it signs, and how files are replaced."""

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from local.authority import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE, Authority, keep_fresh, replace

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHOP = "spiffe://aisle.local/ns/aisle/sa/shop"


def read(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())


def test_certificate_names_its_holder_for_an_hour_and_is_signed() -> None:
    authority = Authority.new(NOW)
    pem, key = authority.issue(SHOP, NOW)
    made = x509.load_pem_x509_certificate(pem)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [SHOP]
    assert made.not_valid_after_utc - NOW == timedelta(hours=1)
    assert load_pem_private_key(key, None).public_key() == made.public_key()
    # Whoever verifies as browsers do finds nothing to complain of.
    verifier = PolicyBuilder().store(Store([authority.certificate])).time(NOW).build_client_verifier()
    assert verifier.verify(made, []).chain[-1] == authority.certificate


def test_certificate_of_another_authority_is_not_believed() -> None:
    pem, _ = Authority.new(NOW).issue(SHOP, NOW)
    verifier = PolicyBuilder().store(Store([Authority.new(NOW).certificate])).time(NOW).build_client_verifier()
    with pytest.raises(x509.verification.VerificationError):
        verifier.verify(x509.load_pem_x509_certificate(pem), [])


def test_authority_is_made_once_and_its_key_is_the_owners(tmp_path: Path) -> None:
    made = Authority.load(tmp_path / "authority", NOW)
    assert Authority.load(tmp_path / "authority", NOW).certificate == made.certificate
    assert stat.S_IMODE((tmp_path / "authority" / "ca.key").stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(made)


def test_files_are_replaced_together_and_nothing_is_left_behind(tmp_path: Path) -> None:
    for turn in range(3):
        content = f"{turn}".encode()
        replace(tmp_path, content, content, content)
        found = {name: (tmp_path / name).read_bytes() for name in (CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE)}
        assert set(found.values()) == {content}
    # The three links, the link that is moved, and the one folder it leads to.
    assert len(list(tmp_path.iterdir())) == 5
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


async def test_certificates_are_renewed_before_they_end(tmp_path: Path) -> None:
    renewed = asyncio.Event()
    serials: list[int] = []

    def clock() -> datetime:
        if (tmp_path / "shop" / CERTIFICATE_FILE).exists():
            serials.append(read(tmp_path / "shop").serial_number)
        if len(serials) == 3:
            renewed.set()
        return NOW

    keeping = asyncio.ensure_future(
        keep_fresh(Authority.new(NOW), [(tmp_path / "shop", SHOP)], timedelta(seconds=0.02), clock)
    )
    try:
        await asyncio.wait_for(renewed.wait(), 5)
    finally:
        keeping.cancel()
    assert len(set(serials[:3])) == 3
