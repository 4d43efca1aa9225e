"""The signing tests' PKI and keys: made once a run, for making RSA keys is slow."""

import pytest

from signing.demo_pki import DemoPki, Holder, make_key, make_pki
from signing.sign import sign
from signing.trust import TrustStore
from tests.signing import workshop


@pytest.fixture(scope="session")
def pki() -> DemoPki:
    return make_pki(workshop.NOW)


@pytest.fixture(scope="session")
def trust(pki: DemoPki) -> TrustStore:
    return pki.trust()


@pytest.fixture(scope="session")
def holder(pki: DemoPki) -> Holder:
    """An employer with an RSA key."""
    return pki.employers["employer"]


@pytest.fixture(scope="session")
def elliptic(pki: DemoPki) -> Holder:
    """An employer with a P-256 key."""
    return pki.employers["branch"]


@pytest.fixture(scope="session")
def stranger_key() -> object:
    """A key that nobody certified, for whatever needs one more."""
    return make_key("rsa-2048")


@pytest.fixture(scope="session")
def signed(holder: Holder) -> bytes:
    """A form signed in the national profile."""
    return sign(workshop.unsigned(), workshop.PATH, holder.key, holder.certificate, now=workshop.NOW)
