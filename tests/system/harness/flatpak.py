"""A flatpak runtime and application, made by hand from files of this machine: no network, a few
megabytes. The application is the sample hello_card with Debian's library, allowed sockets=pcsc.
Owned by a test; thread-bound."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from harness.settings import settings

APPLICATION = "org.cardea.Hello"
RUNTIME = "org.cardea.TestPlatform"
BRANCH = "1"
SECONDS = 60.0
HELLO = settings().build_dir / "bin" / "hello_card"
LIBRARY = "libpcsclite.so.1"
TOOLS = ("/bin/sh",)


def _libraries(program: str) -> list[Path]:
    """What Debian's loader takes for it, the loader included."""
    shown = subprocess.run(["ldd", program], env={"LD_LIBRARY_PATH": ""}, check=True,
                           capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", shown)]


class Flatpak:
    """`folder` is empty; everything is in it, the installation of the user too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "LC_ALL": "C",
            **{name: str(folder / name) for name in
               ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")}}
        for name in ("home", "XDG_RUNTIME_DIR"):
            (folder / name).mkdir(mode=0o700, parents=True)
        self._architecture = self._flatpak("--default-arch").strip()

    def install(self) -> None:
        self._export_runtime()
        self._export_application()
        self._flatpak("remote-add", "--user", "--no-gpg-verify", "local",
                      f"file://{self._folder / 'repository'}")
        self._flatpak("install", "--user", "--noninteractive", "-y", "local", APPLICATION)

    def command(self, *options: str) -> list[str]:
        return ["flatpak", "run", "--user", *options, APPLICATION]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*options), env=self._environment, timeout=SECONDS,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)

    def start(self, prepare: Callable[[], None]) -> subprocess.Popen[str]:
        """Runs while the test goes on; `prepare` is called in the process before."""
        return subprocess.Popen(self.command(), env=self._environment, preexec_fn=prepare,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def _export_runtime(self) -> None:
        platform = self._folder / "runtime"
        root = platform / "usr"
        for place in (platform / "files", root / "bin", root / "etc"):
            place.mkdir(parents=True)
        (root / "etc" / "ld.so.conf").write_text("")
        for tool in TOOLS:
            shutil.copy2(tool, root / "bin")
        for program in (*TOOLS, str(HELLO)):
            for library in _libraries(program):
                if library.name.startswith("libpcsclite"):
                    continue
                target = root / str(library).removeprefix("/usr").lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(library.resolve(), target)
        name = f"{RUNTIME}/{self._architecture}/{BRANCH}"
        (platform / "metadata").write_text(
            f"[Runtime]\nname={RUNTIME}\nruntime={name}\nsdk={name}\n")
        self._export("--runtime", platform)

    def _export_application(self) -> None:
        application = self._folder / "application"
        for place in ("export", "files/bin", "files/lib"):
            (application / place).mkdir(parents=True)
        shutil.copy2(HELLO, application / "files" / "bin")
        # The program's own search path is that of the build, which does not exist in there.
        found = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/{LIBRARY}").resolve()
        shutil.copy2(found, application / "files" / "lib" / LIBRARY)
        (application / "metadata").write_text(
            f"[Application]\nname={APPLICATION}\n"
            f"runtime={RUNTIME}/{self._architecture}/{BRANCH}\ncommand={HELLO.name}\n\n"
            "[Context]\nsockets=pcsc;\n")
        self._export(application)

    def _export(self, *what: str | Path) -> None:
        words = [str(word) for word in what]
        options, folder = words[:-1], words[-1]
        self._flatpak("build-export", *options, str(self._folder / "repository"), folder, BRANCH)

    def _flatpak(self, *arguments: str) -> str:
        done = subprocess.run(["flatpak", *arguments], env=self._environment, timeout=SECONDS,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"flatpak {arguments}: {done.stdout}{done.stderr}")
        return done.stdout
