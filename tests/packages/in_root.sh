#!/bin/bash
# The part of scripts/package-test that runs inside the fresh root, in namespaces of its own:
# exchanges Debian's packages for ours and back and uses the programs that stay installed.
# /package-test holds our packages and the samples. A line per check; "not ok" if it fails.
#
# shellcheck disable=SC2317  # functions are called through check()
set -euo pipefail

place=/package-test
limit_seconds=120
originals=(pcscd libpcsclite1 libpcsclite-dev)
ours=(cardea-pcscd libcardea-pcsclite1 libcardea-pcsclite-dev cardea-tools)
stay=(libccid opensc pcsc-tools libpcsc-perl python3-pyscard scdaemon vsmartcard-vpcd)
reader="Cardea Virtual Reader 00 00"
select_hello=00A404000AA00000006203010C0601
say_hello=00000000
socket_link=/etc/systemd/system/sockets.target.wants/pcscd.socket

if [[ ! -d $place ]]; then
  echo "in_root.sh: this would exchange the packages of your system; see scripts/package-test" >&2
  exit 2
fi

# check NAME COMMAND...: shows the output of a command that fails.
check() {
  local name=$1
  shift
  if "$@" >/run/check.log 2>&1 </dev/null; then
    echo "ok $name"
  else
    echo "not ok $name"
    sed 's/^/    /' /run/check.log
  fi
}

# says TEXT COMMAND...: the command succeeds, and TEXT is in what it prints.
says() {
  local text=$1 output
  shift
  if [[ $(type -t "$1") != function ]]; then set -- timeout "$limit_seconds" "$@"; fi
  output=$("$@" 2>&1 | tr -d '\0') || {
    echo "$output"
    echo "failed: $*"
    return 1
  }
  echo "$output"
  [[ $output == *"$text"* ]] || {
    echo "does not say: $text"
    return 1
  }
}

equal() {
  [[ $1 == "$2" ]] || {
    echo "expected: $1"
    echo "found:    $2"
    return 1
  }
}

install_packages() {
  timeout "$limit_seconds" apt-get --yes --no-install-recommends install "$@"
}

remove_packages() {
  timeout "$limit_seconds" apt-get --yes purge "$@"
}

status_of() {
  dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || echo absent
}

# have_status STATUS PACKAGE...
have_status() {
  local status=$1 package
  shift
  for package in "$@"; do
    equal "$package $status" "$package $(status_of "$package")" || return 1
  done
}

not_installed() {
  local package
  for package in "$@"; do
    [[ $(status_of "$package") != installed ]] || {
      echo "$package is installed"
      return 1
    }
  done
}

# Files of packages are as they were packed, nothing is half configured, and apt is content.
sound() {
  equal "" "$(dpkg --audit 2>&1; dpkg --verify "$@" 2>&1)" && apt-get check
}

# owned PACKAGE PATH...
owned() {
  local package=$1 path
  shift
  for path in "$@"; do
    equal "$package: $path" "$(dpkg -S "$path" | sed 's/:[a-z0-9]*: /: /')" || return 1
  done
}

# What a removal has to bring back: all names but those that dpkg, apt and loaders keep.
list_files() {
  find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /dev -o -path "$place" \
    -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/apt \) -prune \
    -o ! -name '__pycache__' ! -name '*.pyc' ! -name 'ld.so.cache' -printf '%p %M %u %g %l\n' | sort
}

# same_files: shows files in which the system differs from how it was before ours were installed.
same_files() {
  list_files | diff "$place/files" -
}

daemon_pid() {
  tr -d '\0' </run/pcscd/pcscd.pid
}

enabled() {
  equal /lib/systemd/system/pcscd.socket "$(readlink "$socket_link")" &&
    [[ -e /lib/systemd/system/pcscd.socket ]] && compgen -G '/etc/rc2.d/S*pcscd'
}

scdaemon_says_hello() {
  printf '%s\n' "SERIALNO undefined" "APDU $select_hello" "APDU $say_hello" BYE |
    timeout "$limit_seconds" /usr/lib/gnupg/scdaemon --server --disable-ccid --reader-port "$reader"
}

scriptor_says_hello() {
  printf '%s\n' "$select_hello" "$say_hello" | timeout "$limit_seconds" scriptor -r "$reader"
}

# use_programs PHASE: the programs of the packages that stay, and those that were built here. The
# first one waits for the card, so that the others need not.
use_programs() {
  local phase=$1 program
  check "$phase: python3-pyscard" says "Hello world!" python3 -B "$place/hello_pyscard.py"
  check "$phase: pcsc_scan -r" says "0: $reader" pcsc_scan -r
  check "$phase: pcsc_scan -c" says "ATR: 3B 86 80 01 43 61 72 64 65 61 37" pcsc_scan -c
  check "$phase: opensc-tool -l" says "Yes             $reader" opensc-tool -l
  check "$phase: opensc-tool -s" says "Hello world!" \
    opensc-tool -r "$reader" -s "$select_hello" -s "$say_hello"
  check "$phase: scdaemon" says "D Hello world!" scdaemon_says_hello
  check "$phase: libpcsc-perl" says "Hello world!" perl "$place/hello_pcsc.pl"
  check "$phase: scriptor" says "48 65 6C 6C 6F 20 77 6F 72 6C 64 21 90 00" scriptor_says_hello
  for program in "$place"/built-*; do
    check "$phase: ${program##*/}" says "Hello world!" "$program"
  done
}

# build NAME: the sample, with the development files that are installed.
build() {
  local flags
  read -ra flags < <(pkg-config --cflags --libs libpcsclite)
  gcc -Wall -Wextra -Werror -o "$place/built-$1" "$place/hello_card.c" "${flags[@]}"
}

prepare() {
  mount -t proc proc /proc
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /dev/pts
  mount -t devpts devpts /dev/pts
  # Maintainer scripts may start and stop the daemon: it lives and dies in our namespaces.
  printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  mkdir "$HOME"
  mkdir -m 700 "$HOME/.gnupg"
  # One reader only, because samples use the first. pcsc-lite's script knows DAEMON_ARGS only.
  cat >"$place/readers" <<CONF
FRIENDLYNAME "Cardea Virtual Reader"
DEVICENAME virtual:slots=1:card=hello:control=/run/virtual-reader
LIBPATH $place/libifdvirtual.so
CONF
  echo "DAEMON_ARGS=\"--config $place/readers\"" >/etc/default/pcscd
}

originals_first() {
  check "originals: installed" have_status installed "${originals[@]}" "${stay[@]}"
  check "originals: build the sample" build with-originals
  list_files >"$place/files"
  check "originals: start" /etc/init.d/pcscd start
  use_programs originals
}

then_ours() {
  local before
  before=$(daemon_pid)
  check "ours: apt install ./*.deb" install_packages "$place"/*.deb
  check "ours: installed" have_status installed "${ours[@]}" "${stay[@]}"
  check "ours: the originals are gone" not_installed "${originals[@]}"
  check "ours: nothing is broken" sound "${ours[@]}" "${stay[@]}"
  check "ours: the daemon's files" owned cardea-pcscd /usr/sbin/pcscd /etc/init.d/pcscd \
    /lib/systemd/system/pcscd.service /lib/systemd/system/pcscd.socket \
    /usr/share/man/man8/pcscd.8.gz /usr/share/man/man5/reader.conf.5.gz
  check "ours: the library's files" owned libcardea-pcsclite1 \
    "/usr/lib/$(gcc -print-multiarch)"/libpcsclite{,_real}.so.1
  check "ours: enabled" enabled
  check "ours: the installation has exchanged the daemon" exchanged "$before"
  check "ours: is Cardea" says Cardea pcscd --version
  check "ours: build the sample" build with-ours
  use_programs ours
  check "ours: pkg-config's directory of drivers" \
    equal /usr/lib/pcsc/drivers "$(pkg-config --variable=usbdropdir libpcsclite)"
  check "ours: pkg-config's directory of readers" \
    equal /etc/reader.conf.d "$(pkg-config --variable=serialconfdir libpcsclite)"
  check "ours: cardea-virtual" says "ok slot 0 is empty" cardea-virtual /run/virtual-reader remove 0
  check "ours: cardea-readers" says "$reader" cardea-readers
}

# exchanged PID: that daemon has gone, and the one that is there now is the installed one.
exchanged() {
  [[ ! -e /proc/$1 ]] && equal /usr/sbin/pcscd "$(readlink "/proc/$(daemon_pid)/exe")"
}

service() {
  local before
  check "service: status" /etc/init.d/pcscd status
  check "service: reload" /etc/init.d/pcscd reload
  before=$(daemon_pid)
  check "service: re-installation" install_packages --reinstall "$place"/*.deb
  check "service: was restarted by it" exchanged "$before"
  before=$(daemon_pid)
  check "service: a driver's package" dpkg-reconfigure libccid
  check "service: was restarted by it" exchanged "$before"
  mv /etc/default/pcscd "$place/settings"
  sed "s,$place,/usr/lib/pcsc/drivers/serial," "$place/readers" >/etc/reader.conf.d/virtual
  check "service: restart without settings" /etc/init.d/pcscd restart
  check "service: reads /etc/reader.conf.d" says "$reader" pcsc_scan -r
  check "service: loads vsmartcard-vpcd" says "Virtual PCD 00 01" pcsc_scan -r
  rm /etc/reader.conf.d/virtual
  mv "$place/settings" /etc/default/pcscd
  check "service: stop" /etc/init.d/pcscd stop
  check "service: its socket has gone" test ! -e /run/pcscd/pcscd.comm
  check "service: start" /etc/init.d/pcscd start
}

then_originals() {
  local before
  before=$(daemon_pid)
  check "back: apt install pcscd libpcsclite1 ..." install_packages "${originals[@]}"
  check "back: installed" have_status installed "${originals[@]}" "${stay[@]}"
  check "back: ours are gone" not_installed cardea-pcscd libcardea-pcsclite1 libcardea-pcsclite-dev
  check "back: the installation has exchanged the daemon" exchanged "$before"
  check "back: purge what is left of ours" dpkg --purge cardea-pcscd cardea-tools
  check "back: nothing is broken" sound "${originals[@]}" "${stay[@]}"
  check "back: enabled" enabled
  check "back: all files are as they were" same_files
  use_programs back
}

# The daemon alone, with Debian's library.
daemon_alone() {
  check "daemon alone: apt install ./cardea-pcscd" install_packages "$place"/cardea-pcscd_*.deb
  check "daemon alone: beside Debian's library" have_status installed cardea-pcscd libpcsclite1 \
    "${stay[@]}"
  check "daemon alone: nothing is broken" sound cardea-pcscd libpcsclite1
  use_programs "daemon alone"
}

nothing_of_ours() {
  local found
  found=$(list_files | grep -i -e cardea -e '/pcscd[. ]' -e 'libpcsclite' |
    grep -v ^/etc/default/pcscd || true)
  equal "" "$found"
}

# As one who never wants it again.
at_last() {
  check "end: apt install ./*.deb" install_packages "$place"/*.deb
  check "end: purge what is left of the originals" dpkg --purge pcscd
  check "end: that took nothing of ours" sound "${ours[@]}"
  # But it disables the service, whose names are the same; doc/packages.md says what to do.
  check "end: re-installation" install_packages --reinstall "$place"/*.deb
  check "end: enabled again" enabled
  check "end: purge ours" remove_packages "${ours[@]}"
  check "end: nothing of ours is left" nothing_of_ours
  check "end: no daemon is left" test ! -e /run/pcscd/pcscd.comm
}

# What programs write for their user is not to be taken for what packages leave.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=$place/home
cd "$place"
prepare
originals_first
then_ours
service
then_originals
daemon_alone
at_last
echo "end of checks"
