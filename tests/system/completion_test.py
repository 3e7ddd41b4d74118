"""The shells themselves are asked what they would complete: every option that --help names, and
what it takes. They run with the tools that were built."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import poll_until

COMPLETION = Path(__file__).resolve().parents[2] / "tools" / "completion"
BUILD = settings().build_dir / "bin"
PROGRAMS = ("pcscctl", "pcscd", "cardea-trace")
COMMANDS = ["doctor", "explain", "list", "monitor", "status", "trace"]
ENVIRONMENT = {"PATH": f"{BUILD}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb",
               "HOME": str(RUNTIME_DIR)}
SECONDS = 60.0
BASH = """
source "$1"
read -ra COMP_WORDS <<< "$2"
[[ $2 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
read -ra how <<< "$(complete -p "${COMP_WORDS[0]}")"
"${how[2]}" "${COMP_WORDS[0]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = """
source $argv[1]
complete -C $argv[2]
"""
# Writes down what would be offered, then ends the shell.
ZSH = """
PROMPT=
fpath=({functions} $fpath)
autoload -Uz compinit
compinit -D -u
bindkey '^I' complete-word
compadd() {{
  if [[ -z ${{argv[(r)-[OAD]*]}} ]]; then
    local -a offered
    builtin compadd -O offered "$@"
    (( $#offered )) && print -rl -- $offered >> {answer}
  fi
  builtin compadd "$@"
}}
finish() {{ print -r -- . >> {answer} }}
comppostfuncs=(finish)
print -r -- . > {ready}
"""


def options(program: str) -> set[str]:
    shown = subprocess.run([str(BUILD / program), "--help"], capture_output=True, text=True,
                           check=True).stdout
    return set(re.findall(r"(?:^|[ ,\[])(--[a-z][a-z-]*)", shown, re.M))


class Bash(unittest.TestCase):
    def offered(self, line: str) -> list[str]:
        file = COMPLETION / f"{line.split()[0]}.bash"
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", str(file), line],
                              capture_output=True, text=True, env=ENVIRONMENT, check=True)
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def test_offers_every_option(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                self.assertEqual(set(self.offered(f"{program} --")), options(program))
                self.assertGreater(len(options(program)), 3)

    def test_offers_what_belongs_there(self) -> None:
        self.assertLessEqual(set(COMMANDS), set(self.offered("pcscctl ")))
        self.assertEqual(self.offered("pcscd --hotplug-backend l"), ["libusb"])
        self.assertEqual(self.offered("pcscd --config /et"), ["/etc"])
        self.assertEqual(self.offered("cardea-trace --output /et"), ["/etc"])
        self.assertEqual(self.offered("cardea-trace --json hello_c"), ["hello_card"])


@unittest.skipIf(shutil.which("fish") is None, "there is no fish here")
class Fish(unittest.TestCase):
    def offered(self, line: str) -> list[str]:
        file = COMPLETION / f"{line.split()[0]}.fish"
        done = subprocess.run(["fish", "--no-config", "-c", FISH, str(file), line],
                              capture_output=True, text=True, env=ENVIRONMENT, check=True)
        self.assertEqual(done.stderr, "")
        return sorted(offer.split("\t")[0] for offer in done.stdout.splitlines())

    def test_offers_every_option(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                self.assertEqual(set(self.offered(f"{program} --")), options(program))

    def test_offers_what_belongs_there(self) -> None:
        self.assertEqual(self.offered("pcscctl "), COMMANDS)
        self.assertEqual(self.offered("pcscd --hotplug-backend l"), ["libusb"])
        self.assertIn("/etc/", self.offered("pcscd --config /et"))
        self.assertIn("/etc/", self.offered("cardea-trace --output /et"))
        self.assertEqual(self.offered("cardea-trace --json hello_c"), ["hello_card"])


@unittest.skipIf(shutil.which("zsh") is None, "there is no zsh here")
class Zsh(unittest.TestCase):
    def offered(self, line: str) -> list[str]:
        """It completes for people at a terminal only."""
        answer, ready = RUNTIME_DIR / "zsh-answer", RUNTIME_DIR / "zsh-ready"
        for path in (answer, ready):
            path.unlink(missing_ok=True)
        setup = RUNTIME_DIR / "setup.zsh"
        setup.write_text(ZSH.format(functions=COMPLETION, answer=answer, ready=ready))
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(shutil.which("zsh") or "", ["zsh", "-f", "-i"], ENVIRONMENT)
        try:
            os.write(terminal, f"source {setup}\n".encode())
            poll_until("zsh is ready", lambda: ready.exists() and self._drained(terminal), SECONDS)
            os.write(terminal, f"{line}\t".encode())
            poll_until("zsh has completed", lambda: self._drained(terminal) and answer.exists()
                       and answer.read_text().endswith("\n.\n"), SECONDS)
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        return sorted(answer.read_text().splitlines()[:-1])

    @staticmethod
    def _drained(terminal: int) -> bool:
        """What it shows is of no interest, but has to be taken."""
        os.set_blocking(terminal, False)
        try:
            while os.read(terminal, 65536):
                continue
        except BlockingIOError:
            pass
        finally:
            os.set_blocking(terminal, True)
        return True

    def test_offers_every_option(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                offered = {option.rstrip("=") for option in self.offered(f"{program} --")}
                self.assertEqual(options(program) - offered, set())

    def test_offers_what_belongs_there(self) -> None:
        self.assertEqual(self.offered("pcscctl "), COMMANDS)
        self.assertEqual(self.offered("pcscd --hotplug-backend l"), ["libusb"])
        self.assertEqual(self.offered("pcscd --power-off n"), ["never"])
        self.assertIn("etc", [path.strip("/") for path in self.offered("pcscd --config /et")])
        self.assertIn("hello_card", self.offered("cardea-trace --json hello_c"))


if __name__ == "__main__":
    unittest.main()
