#!/bin/sh
# check_exports.sh NM LIBRARY: the library defines the ten functions of the IFD handler API 3.0 for
# others and nothing else, and takes log_msg from its host if there is one. (That it loads without
# is a case of library_test.cpp.)
set -eu
nm=$1 library=$2
expected='IFDHCloseChannel
IFDHControl
IFDHCreateChannel
IFDHCreateChannelByName
IFDHGetCapabilities
IFDHICCPresence
IFDHPowerICC
IFDHSetCapabilities
IFDHSetProtocolParameters
IFDHTransmitToICC'
exported=$("$nm" -D --defined-only "$library" | awk '{ print $NF }' | LC_ALL=C sort)
if [ "$exported" != "$expected" ]; then
    printf 'exports of %s:\n%s\nexpected:\n%s\n' "$library" "$exported" "$expected"
    exit 1
fi
if ! "$nm" -D --undefined-only "$library" | grep -q 'w log_msg$'; then
    printf '%s does not use log_msg weakly\n' "$library"
    exit 1
fi
