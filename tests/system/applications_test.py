"""Real applications with cards that really sign, through the daemon and the library.

What an application prints is looked at, and what its card was asked. One run of this module is one
daemon; the classes are run with our library and with Debian's."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from cards import openpgp_card, piv_card
from cards.iso7816 import GET_RESPONSE, PIN_TRIES, VERIFY, WRONG_PIN
from cards.openpgp_card import DECIPHER, GENERATE, PERFORM_OPERATION, OpenPgpCard
from cards.piv_card import (AUTHENTICATION, DECRYPTION, GENERAL_AUTHENTICATE, GET_DATA, SIGNATURE,
                            PivCard)
from harness.card_case import CardTest, Workplace
from harness.daemon import READERS
from harness.languages import ROOT
from harness.programs import SAMPLES, debian_lib_dir
from harness.waiting import poll_until

MODULE = str(debian_lib_dir() / "opensc-pkcs11.so")
LOGIN = ("--login", "--pin", piv_card.PIN)
# P1-P2 of the command that uses a key: the algorithm and the key.
USES = {AUTHENTICATION: 0x079A, SIGNATURE: 0x119C, DECRYPTION: 0x079D}
NOT_THE_PIN = "00000000"
DATA = "what is to be signed\n"
NAME, MAIL = "Card Holder", "card@example.org"
ROUNDS = 5
INSERTIONS_MAX = 5
NOTICE_SECONDS = 5


class Piv(CardTest):
    """OpenSC, PyKCS11 and OpenSSL with a PIV card in slot 0."""

    library = "cardea"

    def setUp(self) -> None:
        super().setUp()
        self.card = PivCard()
        self.plug(0, self.card)
        self.work = Workplace(self.daemon, self.library)
        self.work.write("data", DATA)
        self.addCleanup(self.work.check_library)

    def sign(self, key_id: int, mechanism: str, file: str = "signature", pin: str = piv_card.PIN,
             status: int = 0) -> str:
        return self.work.run("pkcs11-tool", "--module", MODULE, "--login", "--pin", pin, "--sign",
                             "--id", f"{key_id:02}", "--mechanism", mechanism,
                             "--signature-format", "openssl", "-i", "data", "-o", file,
                             status=status)

    def read(self, kind: str, key_id: int) -> None:
        self.work.run("pkcs11-tool", "--module", MODULE, "--read-object", "--type", kind,
                      "--id", f"{key_id:02}", "-o", "read.der")

    def read_public_key(self) -> None:
        self.read("pubkey", 1)
        self.work.run("openssl", "pkey", "-pubin", "-inform", "DER", "-in", "read.der",
                      "-out", "public.pem")

    def assert_verified(self, signature: str = "signature") -> None:
        """OpenSSL accepts the signature of the data, and not of other data."""
        verify = ("openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", signature)
        self.assertEqual(self.work.run(*verify, "data"), "Verified OK\n")
        self.work.write("other", DATA.upper())
        self.assertIn("Verification failure", self.work.run(*verify, "other", status=1))

    def signatures(self, key: int = AUTHENTICATION) -> int:
        return self.card.count(GENERAL_AUTHENTICATE, p1p2=USES[key])

    def test_opensc_tool_shows_readers_and_card(self) -> None:
        listed = self.work.run("opensc-tool", "-l")
        self.assertRegex(listed, rf"\n0 +Yes +{READERS[0]}\n1 +No +{READERS[1]}\n")
        self.assertIn(piv_card.ATR.hex(":"), self.work.run("opensc-tool", "-r", "0", "-a"))
        before = self.card.count(GET_DATA)
        self.assertIn("Personal Identity Verification Card",
                      self.work.run("opensc-tool", "-r", "0", "-n"))
        self.assertGreater(self.card.count(GET_DATA), before)
        sent = self.work.run("opensc-tool", "-r", "0", "-s", "00 20 00 80")
        self.assertIn("Received (SW1=0x63, SW2=0xC3)", sent)
        self.assertIn("Failed to connect to reader: Card not present",
                      self.work.run("opensc-tool", "-r", "1", "-n", status=1))

    def test_opensc_tool_resets_the_card(self) -> None:
        for reset in ("--reset=warm", "--reset=cold"):
            before = self.card.power_ups
            self.work.run("opensc-tool", "-r", "0", reset)
            self.assertGreater(self.card.power_ups, before, reset)

    def test_opensc_tool_waits_for_a_card(self) -> None:
        self.unplug(0)
        waiting = self.work.start("opensc-tool", "--wait", "-n")
        self.addCleanup(waiting.communicate)
        self.addCleanup(waiting.kill)
        assert waiting.stdout is not None
        self.assertIn("Waiting for a card to be inserted", waiting.stdout.readline())
        self._plug_until_noticed(waiting)
        self.assertEqual(waiting.stdout.read(), "Personal Identity Verification Card\n")
        self.assertEqual(waiting.returncode, 0)

    def _plug_until_noticed(self, waiting: subprocess.Popen[str]) -> None:
        """A card that comes before the wait it is meant for is there from the beginning for
        opensc-tool, so the user may have to put it in twice."""
        for _ in range(INSERTIONS_MAX):
            self.plug(0, self.card)
            try:
                waiting.wait(NOTICE_SECONDS)
                return
            except subprocess.TimeoutExpired:
                self.unplug(0, in_use=True)
        raise AssertionError("opensc-tool does not notice the card")

    def test_pkcs11_tool_lists_the_keys(self) -> None:
        slots = self.work.run("pkcs11-tool", "--module", MODULE, "-L")
        self.assertIn("token label        : Login", slots)
        self.assertIn(f"{READERS[1]}\n  (empty)", slots)
        objects = self.work.run("pkcs11-tool", "--module", MODULE, "-O", *LOGIN)
        for text in ("Private Key Object; RSA", "Private Key Object; EC", "DN: CN=Decryption"):
            self.assertIn(text, objects)
        self.assertEqual(self.card.count(VERIFY, p1p2=0x80), 1)

    def test_openssl_verifies_an_rsa_signature(self) -> None:
        self.sign(1, "SHA256-RSA-PKCS")
        self.read_public_key()
        self.assert_verified()
        self.assertEqual(self.signatures(), 1)

    def test_openssl_verifies_a_signature_made_over_t0(self) -> None:
        """Where what a command answers has to be fetched."""
        self.unplug(0)
        self.card = PivCard(piv_card.ATR_T0)
        self.plug(0, self.card)
        self.sign(1, "SHA256-RSA-PKCS")
        self.read_public_key()
        self.assert_verified()
        self.assertEqual(self.signatures(), 1)
        self.assertGreater(self.card.count(GET_RESPONSE), 0)

    def test_openssl_verifies_an_ecdsa_signature(self) -> None:
        self.sign(2, "ECDSA-SHA256")
        # Not the bare key: pkcs11-tool 0.23 writes one on a curve from memory it has freed.
        self.read("cert", 2)
        self.work.run("openssl", "x509", "-inform", "DER", "-in", "read.der", "-noout",
                      "-pubkey", "-out", "public.pem")
        self.assert_verified()
        self.assertEqual(self.signatures(SIGNATURE), 1)

    def test_openssl_verifies_a_signature_computed_by_pykcs11(self) -> None:
        printed = self.work.run(sys.executable, str(SAMPLES / "sign_pykcs11.py"), MODULE,
                                piv_card.PIN, "data", "signature", "public.pem")
        self.assertIn("signed, 256 bytes", printed)
        self.assert_verified()
        self.assertEqual(self.signatures(), 1)

    def test_openssl_signs_by_its_engine(self) -> None:
        self.work.environment["PKCS11_MODULE_PATH"] = MODULE
        self.work.run("openssl", "dgst", "-engine", "pkcs11", "-keyform", "engine", "-sign",
                      f"pkcs11:id=%01;type=private;pin-value={piv_card.PIN}", "-sha256",
                      "-out", "signature", "data")
        self.read_public_key()
        self.assert_verified()
        self.assertEqual(self.signatures(), 1)

    def test_pkcs11_tools_own_test_finds_no_errors(self) -> None:
        printed = self.work.run("pkcs11-tool", "--module", MODULE, "--test", *LOGIN)
        self.assertIn("\nNo errors\n", printed)
        self.assertIn("SHA256-RSA-PKCS: OK", printed)
        self.assertGreater(self.signatures(), 5)
        self.assertGreater(self.signatures(DECRYPTION), 2)

    def test_wrong_pins_are_counted_and_told(self) -> None:
        for left in reversed(range(PIN_TRIES)):
            self.assertIn("CKR_PIN_INCORRECT",
                          self.sign(1, "SHA256-RSA-PKCS", pin=NOT_THE_PIN, status=1))
            self.assertEqual(self.card.pin.tries, left)
            self.assertEqual(self.card.count(VERIFY, status=WRONG_PIN | left), 1)
            flags = self.work.run("pkcs11-tool", "--module", MODULE, "-L")
            self.assertEqual("final user PIN try" in flags, left == 1, flags)
            self.assertEqual("user PIN locked" in flags, left == 0, flags)
        self.assertIn("CKR_PIN_LOCKED", self.sign(1, "SHA256-RSA-PKCS", status=1))
        self.assertEqual(self.signatures(), 0)

    def test_the_right_pin_sets_the_counter_back(self) -> None:
        self.sign(1, "SHA256-RSA-PKCS", pin=NOT_THE_PIN, status=1)
        self.assertEqual(self.card.pin.tries, PIN_TRIES - 1)
        self.sign(1, "SHA256-RSA-PKCS")
        self.assertEqual(self.card.pin.tries, PIN_TRIES)

    def test_two_applications_sign_with_one_card_at_once(self) -> None:
        """Both verify PINs and use keys in between each other's commands."""
        def sign_again_and_again(who: str) -> None:
            for number in range(ROUNDS):
                self.sign(1, "SHA256-RSA-PKCS", f"{who}-{number}")

        with ThreadPoolExecutor() as pool:
            list(pool.map(sign_again_and_again, ("one", "other")))
        self.read_public_key()
        for who in ("one", "other"):
            for number in range(ROUNDS):
                self.assert_verified(f"{who}-{number}")
        self.assertEqual(self.signatures(), 2 * ROUNDS)
        self.assertEqual(self.card.pin.tries, PIN_TRIES)


class PivWithDebiansLibrary(Piv):
    library = "debian"


class Gnupg(CardTest):
    """gpg with an OpenPGP card in slot 1, whose keys it has had the card make."""

    library = "cardea"
    work: ClassVar[Workplace]
    card: ClassVar[OpenPgpCard]
    generated: ClassVar[str]  # what gpg said of it

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.work = Workplace(cls.daemon, cls.library)
        cls.addClassCleanup(cls.work.check_library)
        home = cls.work.path / "gnupg"
        home.mkdir(mode=0o700)
        # Its own CCID driver would look for USB readers instead.
        (home / "scdaemon.conf").write_text(f"disable-ccid\nreader-port {READERS[1]}\n")
        cls.work.environment["GNUPGHOME"] = str(home)
        cls.work.write("data", DATA)
        cls.card = OpenPgpCard()
        cls.plug(1, cls.card)
        cls.generated = cls._generate()
        cls._end_agents()
        cls.unplug(1)

    def setUp(self) -> None:
        super().setUp()
        self.plug(1, self.card)
        self.addCleanup(self._end_agents)

    @classmethod
    def _end_agents(cls) -> None:
        """gpg leaves them running, and scdaemon keeps the card."""
        cls.work.run("gpgconf", "--kill", "all")

    @classmethod
    def gpg(cls, *arguments: str, pin: str = openpgp_card.PIN, stdin: str = "",
            status: int = 0) -> str:
        return cls.work.run("gpg", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", pin,
                            *arguments, stdin=stdin, status=status)

    @classmethod
    def _generate(cls) -> str:
        answers = ("admin", "generate", "0", NAME, MAIL, "", "quit", "")
        return cls.gpg("--command-fd", "0", "--status-fd", "1", "--card-edit",
                       stdin="\n".join(answers))

    def _sees_its_card(self) -> bool:
        gpg = self.work.start("gpg", "--no-tty", "--card-status")
        gpg.communicate()
        return gpg.returncode == 0

    def card_status(self) -> dict[str, str]:
        """What `gpg --card-status` says, by its own words."""
        lines = self.gpg("--card-status").splitlines()
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        return {name.rstrip(" ."): value.strip() for name, value in pairs}

    def test_status_names_reader_and_card(self) -> None:
        status = self.card_status()
        self.assertEqual(status["Reader"], READERS[1])
        self.assertEqual(status["Application ID"], self.card.application.aid.hex().upper())
        self.assertEqual(status["Serial number"], f"{openpgp_card.SERIAL:08X}")
        self.assertEqual(status["Key attributes"], "rsa2048 rsa2048 nistp256")
        self.assertEqual(status["PIN retry counter"], "3 0 3")

    def test_the_card_has_made_the_keys(self) -> None:
        created = re.search(r"KEY_CREATED B ([0-9A-F]{40})", self.generated)
        self.assertIsNotNone(created, self.generated)
        assert created is not None
        self.assertEqual(self.card_status()["Signature key"].replace(" ", ""), created[1])
        self.assertEqual(self.card.count(GENERATE, p1p2=0x8000), 3)
        self.assertIn(f"{NAME} <{MAIL}>", self.generated)

    def test_signs_and_verifies(self) -> None:
        before = int(self.card_status()["Signature counter"])
        self.gpg("--yes", "--armor", "--detach-sign", "data")
        self.assertIn(f'Good signature from "{NAME}', self.gpg("--verify", "data.asc", "data"))
        self.work.write("other", DATA.upper())
        self.assertIn("BAD signature", self.gpg("--verify", "data.asc", "other", status=1))
        self.assertEqual(self.card_status()["Signature counter"], str(before + 1))
        self.assertEqual(self.card.application.signatures, before + 1)

    def test_decrypts(self) -> None:
        before = self.card.count(PERFORM_OPERATION, p1p2=DECIPHER)
        self.gpg("--yes", "--recipient", MAIL, "--output", "secret", "--encrypt", "data")
        self.assertNotIn(DATA.encode(), (self.work.path / "secret").read_bytes())
        self.gpg("--yes", "--output", "plain", "--decrypt", "secret")
        self.assertEqual((self.work.path / "plain").read_text(), DATA)
        self.assertEqual(self.card.count(PERFORM_OPERATION, p1p2=DECIPHER), before + 1)

    def test_a_wrong_pin_is_counted_and_told(self) -> None:
        signatures = self.card.application.signatures
        self.assertIn("Bad PIN", self.gpg("--yes", "--detach-sign", "data", pin=NOT_THE_PIN,
                                          status=2))
        self.assertEqual(self.card_status()["PIN retry counter"], "2 0 3")
        self.assertEqual(self.card.application.signatures, signatures)
        self.gpg("--yes", "--detach-sign", "data")
        self.assertEqual(self.card_status()["PIN retry counter"], "3 0 3")

    def test_notices_that_the_card_has_gone(self) -> None:
        self.gpg("--card-status")
        self.unplug(1, in_use=True)
        self.assertIn("OpenPGP card not available", self.gpg("--card-status", status=2))
        self.plug(1, self.card)
        # scdaemon looks for cards every half second, and until then answers from memory.
        poll_until("gpg has its card again", self._sees_its_card)
        self.assertEqual(self.card_status()["Reader"], READERS[1])

    def test_keeps_the_card_to_itself_until_it_ends(self) -> None:
        self.gpg("--card-status")
        told = self.work.run("opensc-tool", "-r", READERS[1], "-n", status=1)
        self.assertIn("Reader in use by another application", told)
        self._end_agents()
        self.assertIn("OpenPGP card v3.4", self.work.run("opensc-tool", "-r", READERS[1], "-n"))

    def test_works_while_pkcs11_tool_works_on_the_same_reader(self) -> None:
        """Each with the card of one slot. gpg wants its card alone, and OpenSC looks into every
        slot, so a user of both tells OpenSC to leave that one out."""
        piv = PivCard()
        self.plug(0, piv)
        before = self.card.application.signatures
        self.work.write("opensc.conf", f'app default {{ ignored_readers = "{READERS[1]}"; }}\n')
        self.work.environment["OPENSC_CONF"] = str(self.work.path / "opensc.conf")
        self.addCleanup(self.work.environment.pop, "OPENSC_CONF")

        def use_pkcs11_tool() -> None:
            for _ in range(ROUNDS):
                self.work.run("pkcs11-tool", "--module", MODULE, *LOGIN, "--sign", "--id", "01",
                              "--mechanism", "SHA256-RSA-PKCS", "-i", "data", "-o", "signature")

        with ThreadPoolExecutor() as pool:
            busy = pool.submit(use_pkcs11_tool)
            for _ in range(ROUNDS):
                self.gpg("--yes", "--detach-sign", "data")
                self.assertIn("Good signature", self.gpg("--verify", "data.sig", "data"))
            busy.result()
        self.assertEqual(self.card.application.signatures, before + ROUNDS)
        self.assertEqual(piv.count(GENERAL_AUTHENTICATE, p1p2=USES[AUTHENTICATION]), ROUNDS)


class GnupgWithDebiansLibrary(Gnupg):
    library = "debian"


class Readme(unittest.TestCase):
    def test_lists_what_is_tested(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        section = text.split("\n## Applications\n", 1)[1].split("\n## ", 1)[0]
        rows = re.findall(r"^\|.*\| `(\w+)` \|$", section, re.MULTILINE)
        tests = [*self._tests(Piv), *self._tests(Gnupg)]
        self.assertEqual(sorted(rows), sorted(tests))

    @staticmethod
    def _tests(case: type[CardTest]) -> Sequence[str]:
        return unittest.defaultTestLoader.getTestCaseNames(case)
