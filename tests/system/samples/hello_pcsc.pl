#!/usr/bin/perl
# The hello card through libpcsc-perl.
use strict;
use warnings;

use Chipcard::PCSC;
use Chipcard::PCSC::Card;

my $context = Chipcard::PCSC->new() or die "context: $Chipcard::PCSC::errno\n";
my @readers = $context->ListReaders() or die "readers: $Chipcard::PCSC::errno\n";
print "readers: @readers\n";

my $card = Chipcard::PCSC::Card->new($context, $readers[0])
    or die "connect: $Chipcard::PCSC::errno\n";
my @status = $card->Status() or die "status: $Chipcard::PCSC::errno\n";
printf "status: %s %X %X %s\n", $status[0], $status[1], $status[2],
    Chipcard::PCSC::array_to_ascii($status[3]);

$card->BeginTransaction() or die "begin: $Chipcard::PCSC::errno\n";
for my $apdu ('00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01', '00 00 00 00') {
    my $response = $card->Transmit(Chipcard::PCSC::ascii_to_array($apdu))
        or die "transmit: $Chipcard::PCSC::errno\n";
    my @data = @{$response}[0 .. $#{$response} - 2];
    print "$apdu -> ", Chipcard::PCSC::array_to_ascii($response), ' ', pack('C*', @data), "\n";
}
$card->EndTransaction($Chipcard::PCSC::SCARD_LEAVE_CARD) or die "end: $Chipcard::PCSC::errno\n";
$card->Disconnect($Chipcard::PCSC::SCARD_LEAVE_CARD) or die "disconnect: $Chipcard::PCSC::errno\n";
print "done\n";
