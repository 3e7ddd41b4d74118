"""Private keys as cards use them: the bare arithmetic, without padding and formats.

Made once per run, because RSA keys take their time. Immutable."""

from __future__ import annotations

import datetime
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

RSA_BITS = 2048
P256_BYTES = 32


class RsaKey:
    def __init__(self) -> None:
        self.private = rsa.generate_private_key(65537, RSA_BITS)
        self._numbers = self.private.private_numbers()
        self.size = RSA_BITS // 8

    @property
    def modulus(self) -> bytes:
        return self._numbers.public_numbers.n.to_bytes(self.size, "big")

    @property
    def exponent(self) -> bytes:
        return self._numbers.public_numbers.e.to_bytes(3, "big")

    def power(self, block: bytes) -> bytes:
        """block ^ private exponent; by the two primes apart, which is quicker."""
        numbers = self._numbers
        value = int.from_bytes(block, "big")
        by_p = pow(value, numbers.dmp1, numbers.p)
        by_q = pow(value, numbers.dmq1, numbers.q)
        result = by_q + (by_p - by_q) * numbers.iqmp % numbers.p * numbers.q
        return result.to_bytes(self.size, "big")


class P256Key:
    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())

    @property
    def point(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def sign(self, digest: bytes) -> bytes:
        """The signature of a digest of any length, as an ASN.1 sequence of r and s."""
        block = digest[:P256_BYTES].rjust(P256_BYTES, b"\0")
        return self.private.sign(block, ec.ECDSA(Prehashed(hashes.SHA256())))

    def sign_bare(self, digest: bytes) -> bytes:
        """r and s, each as long as the curve."""
        return b"".join(number.to_bytes(P256_BYTES, "big")
                        for number in decode_dss_signature(self.sign(digest)))


def certificate(key: RsaKey | P256Key, name: str) -> bytes:
    """Signed by the key itself; DER."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.private.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + day)
            .sign(key.private, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.DER)


@functools.cache
def rsa_key(purpose: str) -> RsaKey:
    """The same for the same purpose."""
    assert purpose
    return RsaKey()
