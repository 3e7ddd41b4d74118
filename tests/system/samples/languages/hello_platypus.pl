#!/usr/bin/perl
# The hello card in Perl without a wrapper: the C interface through FFI::Platypus.
use strict;
use warnings;

use FFI::Platypus 1.00;

use constant {
    LEAVE_CARD => 0, SCOPE_SYSTEM => 2, SHARE_SHARED => 2, T0_OR_T1 => 3,
    NAMES_BYTES_MAX => 4096, RESPONSE_BYTES_MAX => 258,
};

my $pcsc = FFI::Platypus->new(api => 1, lib => 'libpcsclite.so.1');
$pcsc->attach(SCardEstablishContext => ['ulong', 'opaque', 'opaque', 'long*'] => 'long');
$pcsc->attach(SCardListReaders => ['long', 'opaque', 'opaque', 'ulong*'] => 'long');
$pcsc->attach(SCardConnect => ['long', 'string', 'ulong', 'ulong', 'long*', 'ulong*'] => 'long');
$pcsc->attach(SCardTransmit => ['long', 'opaque', 'opaque', 'ulong', 'opaque', 'opaque', 'ulong*']
    => 'long');
$pcsc->attach(SCardDisconnect => ['long', 'ulong'] => 'long');
$pcsc->attach(SCardReleaseContext => ['long'] => 'long');

sub check {
    my ($call, $code) = @_;
    die sprintf("%s: 0x%08X\n", $call, $code & 0xFFFFFFFF) if $code;
    return;
}

sub address { return unpack 'J', pack 'p', $_[0] }

sub transmit {
    my ($card, $protocol, $command) = @_;
    my $pci = pack 'L!2', $protocol, 16;
    my $response = "\0" x RESPONSE_BYTES_MAX;
    my $length = RESPONSE_BYTES_MAX;
    check(SCardTransmit => SCardTransmit($card, address($pci), address($command),
        length $command, undef, address($response), \$length));
    return substr $response, 0, $length;
}

sub hex_of { return join ' ', map { sprintf '%02X', $_ } unpack 'C*', $_[0] }

my ($context, $card, $protocol) = (0, 0, 0);
my $names = "\0" x NAMES_BYTES_MAX;
my $length = NAMES_BYTES_MAX;
check(SCardEstablishContext => SCardEstablishContext(SCOPE_SYSTEM, undef, undef, \$context));
check(SCardListReaders => SCardListReaders($context, undef, address($names), \$length));
my ($reader) = split /\0/, $names;
check(SCardConnect =>
    SCardConnect($context, $reader, SHARE_SHARED, T0_OR_T1, \$card, \$protocol));

print hex_of(transmit($card, $protocol, pack 'H*', '00A404000AA00000006203010C0601')), "\n";
my $response = transmit($card, $protocol, "\0" x 4);
print hex_of($response), "\n", substr($response, 0, -2), "\n";

check(SCardDisconnect => SCardDisconnect($card, LEAVE_CARD));
check(SCardReleaseContext => SCardReleaseContext($context));
