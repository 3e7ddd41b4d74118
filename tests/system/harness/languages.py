"""The languages the hello card is spoken to in: what each takes, how it is built and run.

A sample prints the two answers of the card in hex and the text of the second. Words in braces are
filled in when it runs: {samples}, {build}, {include} and {work}, a directory of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.daemon import Daemon
from harness.namespace import RUNTIME_DIR
from harness.settings import Settings

GREETING_HEX = "48 65 6C 6C 6F 20 77 6F 72 6C 64 21 90 00"
THREE_LINES = (f"90 00\n{GREETING_HEX}\nHello world!\n",)
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
ROOT = Path(__file__).resolve().parents[3]
# For one command; compilers of some languages take their time on a busy machine.
COMMAND_SECONDS = 180
# Debian's compilers and interpreters, not others that somebody has put before them.
DEBIAN_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"

HEADERS = ("-I{include}", "-I{build}/include/PCSC")
LIBRARY = ("-L{build}/lib", "-lpcsclite")
PROGRAM = ("{work}/hello",)
WARNINGS = ("-Wall", "-Wextra", "-Werror")

Command = tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """binding: how it reaches the library, as README says it; build: commands before the one that
    is the test; shows: what has to be in its output."""

    name: str
    binding: str
    command: Command
    build: tuple[Command, ...] = ()
    shows: tuple[str, ...] = THREE_LINES
    stdin: str = ""
    environment: tuple[tuple[str, str], ...] = ()


def c_module(source: str, output: str, *options: str) -> Command:
    """Builds a C extension of a language."""
    return ("gcc", *WARNINGS, "-shared", "-fPIC", *HEADERS, *options,
            f"{{samples}}/languages/{source}", "-o", f"{{work}}/{output}", *LIBRARY)


def sample(name: str) -> str:
    return f"{{samples}}/languages/{name}"


ERLANG_MODULE = (c_module("erlang_pcsc.c", "erlang_pcsc.so", "-I/usr/lib/erlang/usr/include"),
                 ("erlc", sample("pcsc.erl")))
MULTIARCH = sysconfig.get_config_var("MULTIARCH")
# The JDK looks in fixed places unless it is told.
JAVA_LIBRARY = "-Dsun.security.smartcardio.library={build}/lib/libpcsclite.so.1"

# In every test run.
SMALL = (
    Language("C", "C interface", PROGRAM,
             (("gcc", *WARNINGS, *HEADERS, str(ROOT / "examples" / "hello_card.c"), "-o",
               *PROGRAM, *LIBRARY),)),
    Language("C++", "C interface", PROGRAM,
             (("g++", "-std=c++20", *WARNINGS, *HEADERS, sample("hello.cpp"), "-o", *PROGRAM,
               *LIBRARY),)),
    Language("Perl", "libpcsc-perl", ("perl", "{samples}/hello_pcsc.pl"),
             shows=("06 01 -> 90 00", f"00 00 00 00 -> {GREETING_HEX} Hello world!\n")),
    Language("Python, low level", "python3-pyscard",
             (sys.executable, "{samples}/hello_scard.py"),
             shows=("\n9000 b''\n", "\n48656c6c6f20776f726c64219000 b'Hello world!'\n")),
    Language("Python, high level", "python3-pyscard",
             (sys.executable, "{samples}/hello_pyscard.py"),
             shows=("\n 90 00 \n", f"\n{GREETING_HEX} Hello world!\n")),
    Language("Python, ctypes", "its own ctypes",
             (sys.executable, sample("hello_ctypes.py"))),
    Language("scriptor", "pcsc-tools", ("scriptor",),
             shows=("< 90 00 : Normal processing.",
                    "< 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 90 00 : Normal processing."),
             stdin="00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01\n00 00 00 00\n"),
    Language("Ruby", "Fiddle", ("ruby", sample("hello.rb"))),
    Language("Lua", "C module", ("lua5.4", sample("hello.lua")),
             (c_module("lua_pcsc.c", "lua_pcsc.so", "-I/usr/include/lua5.4"),),
             environment=(("LUA_CPATH", "{work}/?.so"),)),
    Language("LuaJIT", "FFI", ("luajit", sample("hello_luajit.lua"))),
    Language("Tcl", "C extension", ("tclsh", sample("hello.tcl"), "{work}/tcl_pcsc.so"),
             (c_module("tcl_pcsc.c", "tcl_pcsc.so", "-I/usr/include/tcl8.6"),)),
    Language("Perl, FFI", "FFI::Platypus", ("perl", sample("hello_platypus.pl"))),
    Language("Chez Scheme", "foreign procedures", ("scheme", "--script", sample("hello.ss"))),
    Language("newLISP", "import", ("newlisp", sample("hello.lsp"))),
)

# Those that want big packages: scripts/test-languages.
BIG = (
    Language("Java", "javax.smartcardio", ("java", "-cp", "{work}", JAVA_LIBRARY, "Hello"),
             (("javac", "-Werror", "-d", "{work}", sample("Hello.java")),)),
    Language("Scala", "javax.smartcardio",
             ("java", "-cp", "{work}:/usr/share/java/scala-library.jar", JAVA_LIBRARY, "Hello"),
             (("scalac", "-d", "{work}", sample("hello.scala")),)),
    Language("Kotlin", "javax.smartcardio",
             ("java", "-cp", "{work}/hello.jar", JAVA_LIBRARY, "HelloKt"),
             (("kotlinc", "-Xadd-modules=java.smartcardio", "-include-runtime", sample("hello.kt"),
               "-d", "{work}/hello.jar"),)),
    Language("Go", "cgo", PROGRAM, (("go", "build", "-o", *PROGRAM, sample("hello.go")),),
             environment=(("GO111MODULE", "off"), ("CGO_CFLAGS", " ".join(HEADERS)),
                          ("CGO_LDFLAGS", " ".join(LIBRARY)))),
    Language("Rust", "crate pcsc", ("{work}/target/release/hello",),
             (("cp", "-r", sample("rust/."), "{work}"),
              ("cargo", "build", "--release", "--offline", "--quiet",
               "--config", 'source.crates-io.replace-with="debian"',
               "--config", 'source.debian.directory="/usr/share/cargo/registry"')),
             environment=(("PCSC_LIB_DIR", "{build}/lib"), ("PCSC_LIB_NAME", "pcsclite"))),
    Language("OCaml", "ctypes", PROGRAM,
             (("cp", sample("hello.ml"), "{work}"),
              ("ocamlfind", "ocamlopt", "-thread", "-package", "ctypes.foreign", "-linkpkg",
               "hello.ml", "-o", *PROGRAM))),
    Language("Prolog", "foreign predicates in C",
             ("swipl", sample("hello.pro"), "{work}/swi_pcsc.so"),
             (c_module("swi_pcsc.c", "swi_pcsc.so", "-I/usr/lib/swi-prolog/include"),)),
    Language("C#", "P/Invoke", ("mono", "{work}/hello.exe"),
             (("mcs", "-warnaserror", "-out:{work}/hello.exe", sample("Hello.cs")),)),
    Language("Objective-C", "C interface", PROGRAM,
             (("gcc", *WARNINGS, *HEADERS, sample("hello.m"), "-o", *PROGRAM, *LIBRARY,
               "-lobjc"),)),
    Language("JavaScript", "Node-API module", ("node", sample("hello.js"), "{work}/pcsc.node"),
             (c_module("node_pcsc.c", "pcsc.node", "-I/usr/include/node"),)),
    Language("Ada", "PCSC/Ada", PROGRAM,
             (("gnatmake", "-q", "-D", "{work}", "-aI/usr/share/ada/adainclude/pcscada",
               f"-aO/usr/lib/{MULTIARCH}/ada/adalib/pcscada", sample("hello.adb"), "-o", *PROGRAM,
               "-largs", "-lpcscada", *LIBRARY),)),
    Language("Common Lisp", "CFFI", ("sbcl", "--script", sample("hello.lisp")),
             environment=(("CL_SOURCE_REGISTRY", "/usr/share/common-lisp//"),)),
    Language("Free Pascal", "C interface", PROGRAM,
             (("fpc", "-v0", "-Fl{build}/lib", "-FE{work}", sample("hello.pas")),)),
    Language("Erlang", "native functions in C",
             ("erl", "-noshell", "-s", "hello", "main", "-s", "init", "stop"),
             (*ERLANG_MODULE, ("erlc", sample("hello.erl")))),
    Language("Elixir", "native functions in C", ("elixir", sample("hello.exs")), ERLANG_MODULE),
    Language("Clojure", "javax.smartcardio",
             ("java", JAVA_LIBRARY, "-cp", "/usr/share/java/clojure.jar", "clojure.main",
              sample("hello.clj"))),
    Language("Groovy", "javax.smartcardio", ("groovy", JAVA_LIBRARY, sample("hello.groovy"))),
    Language("D", "C interface", PROGRAM,
             (("gdc", "-Wall", "-Werror", sample("hello.d"), "-o", *PROGRAM, *LIBRARY),)),
    Language("Nim", "dynlib", PROGRAM,
             (("nim", "compile", "--hints:off", "--nimcache:{work}/cache", "--out:{work}/hello",
               sample("hello.nim")),)),
    Language("Fortran", "iso_c_binding", PROGRAM,
             (("gfortran", "-Wall", "-Werror", "-J{work}", sample("hello.f90"), "-o", *PROGRAM,
               *LIBRARY),)),
    Language("Racket", "ffi/unsafe", ("racket", sample("hello.rkt"))),
    Language("Crystal", "C interface", PROGRAM,
             (("crystal", "build", "--link-flags", "-L{build}/lib", "-o", *PROGRAM,
               sample("hello.cr")),)),
    Language("Haskell", "foreign function interface", PROGRAM,
             (("ghc", "-Wall", "-Werror", "-v0", "-outputdir", "{work}", sample("hello.hs"), "-o",
               *PROGRAM, *LIBRARY),)),
    Language("Raku", "NativeCall", ("raku", sample("hello.raku"))),
    Language("Vala", "binding of its own", PROGRAM,
             (("valac", "-q", "-d", "{work}", "-o", "hello", "--vapidir", sample(""),
               "--pkg=pcsc", sample("hello.vala"),
               *(f"--Xcc={word}" for word in HEADERS + LIBRARY)),)),
    Language("CHICKEN", "foreign-lambda", PROGRAM,
             (("csc", "-C", " ".join(HEADERS), "-L", " ".join(LIBRARY),
               sample("hello_chicken.scm"), "-o", *PROGRAM),)),
    Language("Octave", "MEX function", ("octave-cli", "--path", "{work}", sample("hello.octave")),
             (("mkoctfile", "--mex", *HEADERS, sample("mex_pcsc.c"), "-o", "{work}/mex_pcsc.mex",
               *LIBRARY),)),
    Language("Guile", "foreign-library", ("guile", "--no-auto-compile", sample("hello.scm"))),
    Language("R", "C functions", ("Rscript", sample("hello.R"), "{work}/r_pcsc.so"),
             (c_module("r_pcsc.c", "r_pcsc.so", "-I/usr/share/R/include"),),
             # R puts Debian's directories before LD_LIBRARY_PATH.
             environment=(("R_LD_LIBRARY_PATH", "{build}/lib"),)),
    Language("Standard ML", "Poly/ML's Foreign", ("poly", "--script", sample("hello.sml"))),
    Language("Forth", "Gforth's C interface", ("gforth", sample("hello.fs")),
             environment=(("CPATH", "{include}:{build}/include/PCSC"),
                          ("LIBRARY_PATH", "{build}/lib"))),
    Language("COBOL", "C interface", PROGRAM,
             (("cobc", "-x", "-free", "-static", "-o", *PROGRAM, sample("hello.cob"),
               *LIBRARY),)),
    Language("PHP", "FFI", ("php", sample("hello.php"))),
)


@dataclass(frozen=True)
class Spoken:
    """What a run gave: its output, and every libpcsclite that its processes loaded."""

    output: str
    libraries: frozenset[Path]


class LanguageRun:
    """Runs samples against one daemon with our library."""

    def __init__(self, daemon: Daemon, settings: Settings) -> None:
        self._library_dir = settings.build_dir / "lib"
        self._daemon = daemon
        self._words = {"samples": str(SAMPLES), "build": str(settings.build_dir),
                       "include": str(ROOT / "include" / "PCSC")}

    def speak(self, language: Language) -> Spoken:
        """Builds and runs the sample; raises with the output of the command that failed."""
        work = Path(tempfile.mkdtemp(dir=RUNTIME_DIR))
        words = {**self._words, "work": str(work)}
        environment = {"PATH": DEBIAN_PATH, "HOME": str(work), "LC_ALL": "C.UTF-8",
                       "TMPDIR": str(work), **{name: value.format_map(words)
                                               for name, value in language.environment}}
        for command in language.build:
            self._run(command, words, environment)
        trace = work / "trace"
        environment.update(PCSCLITE_CSOCK_NAME=str(self._daemon.socket_path),
                           LD_LIBRARY_PATH=str(self._library_dir),
                           LD_DEBUG="libs", LD_DEBUG_OUTPUT=str(trace))
        output = self._run(language.command, words, environment, language.stdin)
        return Spoken(output, loaded(work))

    @staticmethod
    def _run(command: Command, words: dict[str, str], environment: dict[str, str],
             stdin: str = "") -> str:
        filled = [word.format_map(words) for word in command]
        done = subprocess.run(filled, input=stdin, env=environment, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              cwd=words["work"], timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise AssertionError(f"exit {done.returncode}: {' '.join(filled)}\n{done.stdout}")
        return done.stdout


def loaded(directory: Path) -> frozenset[Path]:
    """Each libpcsclite that the dynamic linker initialised, from its trace files, one a process."""
    found = set()
    for trace in directory.glob("trace.*"):
        for path in re.findall(r"calling init: (\S*/libpcsclite\.so\S*)", trace.read_text()):
            found.add(Path(path).parent.resolve())
    return frozenset(found)


# What runs them, as README says it, and the languages.
GROUPS = {"every test run": SMALL, "scripts/test-languages": BIG}


def chosen() -> tuple[Language, ...]:
    return GROUPS[os.environ.get("CARDEA_LANGUAGES", "every test run")]
