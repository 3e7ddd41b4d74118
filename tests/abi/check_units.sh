#!/bin/sh
# The systemd units: known to systemd without complaint, and not exposed above the limit.
#   usage: check_units.sh BUILD_DIRECTORY SOURCE_DIRECTORY
# Prints what is wrong; exit code 1 if anything is, 77 where systemd's tools are missing.
set -eu
build=$1 source=$2
limit=12 # tenths; Debian's pcscd.service has 96
command -v systemd-analyze >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The program need not be installed to look at its unit.
for unit in pcscd.service pcscd.socket; do
    sed "s|=[^=]*/sbin/pcscd |=$build/bin/pcscd |" "$build/systemd/$unit" >"$scratch/$unit"
done
systemd-analyze verify --man=no --recursive-errors=no \
    "$scratch/pcscd.service" "$scratch/pcscd.socket" >"$scratch/said" 2>&1 ||
    { cat "$scratch/said"; echo "systemd-analyze verify fails"; exit 1; }
if [ -s "$scratch/said" ]; then
    cat "$scratch/said"
    exit 1
fi
systemd-analyze security --no-pager --offline=yes --threshold="$limit" "$scratch/pcscd.service" \
    >"$scratch/security" || { cat "$scratch/security"; exit 1; }
tail -n 1 "$scratch/security"
# The user and the rule that the unit needs.
grep -q '^u pcscd ' "$source/systemd/cardea-pcscd.sysusers"
grep -q 'GROUP="pcscd"' "$source/systemd/92-cardea-pcscd.rules"
grep -q '^User=pcscd$' "$scratch/pcscd.service"
mkdir "$scratch/etc"
systemd-sysusers --root="$scratch" "$source/systemd/cardea-pcscd.sysusers"
grep -q '^pcscd:.*:/run/pcscd:' "$scratch/etc/passwd"
