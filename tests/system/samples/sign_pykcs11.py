"""Signs a file with the first key of a card, by PyKCS11:

  sign_pykcs11.py MODULE PIN FILE SIGNATURE PUBLIC-KEY

Writes the signature and the public key (PEM), for `openssl dgst -sha256 -verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import PyKCS11
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_ID = (1,)


def find(session: PyKCS11.Session, kind: int) -> PyKCS11.CK_OBJECT_HANDLE:
    return session.findObjects([(PyKCS11.CKA_CLASS, kind), (PyKCS11.CKA_ID, KEY_ID)])[0]


def number(session: PyKCS11.Session, key: PyKCS11.CK_OBJECT_HANDLE, attribute: int) -> int:
    return int.from_bytes(bytes(session.getAttributeValue(key, [attribute])[0]), "big")


def main(module: str, pin: str, data: str, signature: str, public: str) -> None:
    library = PyKCS11.PyKCS11Lib()
    library.load(module)
    session = library.openSession(library.getSlotList(tokenPresent=True)[0])
    session.login(pin)
    signed = session.sign(find(session, PyKCS11.CKO_PRIVATE_KEY), Path(data).read_bytes(),
                          PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS, None))
    Path(signature).write_bytes(bytes(signed))
    key = find(session, PyKCS11.CKO_PUBLIC_KEY)
    numbers = RSAPublicNumbers(number(session, key, PyKCS11.CKA_PUBLIC_EXPONENT),
                               number(session, key, PyKCS11.CKA_MODULUS))
    Path(public).write_bytes(numbers.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    session.logout()
    session.closeSession()
    print(f"signed, {len(signed)} bytes")


main(*sys.argv[1:])
