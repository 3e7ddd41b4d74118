#!/bin/bash
# Makes the virtual machine's image: Debian 12 with systemd, udev, pcscd and libccid as they are
# released. It is a kernel and an archive that the kernel unpacks into memory as its root, so there
# is no disk, no initrd of its own and nothing to mount.
#
# It is made unless it is there; the last line of the output is the directory with both files.
#
# The image lies in $XDG_CACHE_HOME/cardea-vm (~/.cache/cardea-vm) under the digest of its recipe,
# which is this file and unpack_kernel.py. Making it takes root, Debian's mirrors and 1-3 minutes.
set -euo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cardea-vm
lock_seconds=900
packages=systemd,udev,kmod,linux-image-amd64
packages+=,pcscd,libccid,pcsc-tools
packages+=,libspdlog1.10,libfmt9,libudev1,libusb-1.0-0,libsystemd0,libstdc++6
# What the test does not use would only take time to unpack at each start. Of the kernel's modules
# USB is enough: the console and everything else the machine has is built in.
left_out=(
  --dpkgopt='path-exclude=/lib/modules/*/kernel/*'
  --dpkgopt='path-include=/lib/modules/*/kernel/drivers/usb/*'
  --dpkgopt='path-exclude=/etc/kernel/postinst.d/*'
)
removed=(
  boot var/cache var/lib/dpkg lib/udev/hwdb.bin lib/udev/hwdb.d usr/share/perl
  usr/share/{bash-completion,bug,common-licenses,doc,info,lintian,locale,man,zsh}
  usr/lib/x86_64-linux-gnu/{gconv,perl}
)
# Of the units Debian would start, those that the test has no use for.
masked=(
  getty.target systemd-random-seed.service systemd-pstore.service systemd-firstboot.service
  systemd-update-utmp.service systemd-remount-fs.service systemd-journal-flush.service
  systemd-ask-password-console.path systemd-ask-password-wall.path systemd-initctl.socket
  systemd-journald-audit.socket dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
  sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount
  modprobe@.service kmod-static-nodes.service proc-sys-fs-binfmt_misc.automount timers.target
)

fail() {
  echo "tests/vm/make_image.sh: $*" >&2
  exit 1
}

make_root() {
  local root=$1 unit
  if ! mmdebstrap --mode=root --variant=essential --include="$packages" "${left_out[@]}" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --aptopt='Acquire::Retries "3"' bookworm "$root" </dev/null >"$root.log" 2>&1; then
    tail -n 30 "$root.log" >&2
    fail "mmdebstrap failed"
  fi
  for unit in "${masked[@]}"; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}

make_image() {
  local work=$1 root=$1/root
  make_root "$root"
  python3 "$here/unpack_kernel.py" "$root"/boot/vmlinuz-* "$work/kernel"
  (cd "$root" && rm -rf "${removed[@]}" && find . | cpio --quiet -o -H newc) >"$work/root.cpio"
  rm -rf --one-file-system "$root" "$root.log"
}

clean_up() {
  trap - EXIT
  if [[ -n $work ]]; then rm -rf --one-file-system "$work"; fi
}

work=
recipe=$(cat "$here/make_image.sh" "$here/unpack_kernel.py" | sha256sum | cut -c1-16)
image=$cache/$recipe
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w "$lock_seconds" 9 || fail "another build of the image holds $cache/lock"
if [[ ! -d $image ]]; then
  [[ $EUID -eq 0 ]] || fail "making $image takes root, once"
  echo "Making the image of the virtual machine (1-3 minutes) ..." >&2
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Images of older recipes, and what an interrupted build has left.
  find "$cache" -mindepth 1 -maxdepth 1 -type d -exec rm -rf --one-file-system {} +
  work=$(mktemp -d "$cache/making.XXXXXX")
  make_image "$work"
  chmod 755 "$work"
  mv "$work" "$image"
fi
echo "$image"
