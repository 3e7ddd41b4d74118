<?php
// The hello card in PHP, through its FFI extension.
declare(strict_types=1);

const SCOPE_SYSTEM = 2;
const SHARE_SHARED = 2;
const T0_OR_T1 = 3;
const LEAVE_CARD = 0;
const RESPONSE_BYTES_MAX = 258;

$pcsc = FFI::cdef('
typedef struct { unsigned long protocol, length; } SCARD_IO_REQUEST;
const char *pcsc_stringify_error(long error);
long SCardEstablishContext(unsigned long, const void *, const void *, long *);
long SCardListReaders(long, const char *, char *, unsigned long *);
long SCardConnect(long, const char *, unsigned long, unsigned long, long *, unsigned long *);
long SCardTransmit(long, const SCARD_IO_REQUEST *, const char *, unsigned long, void *, char *,
                   unsigned long *);
long SCardDisconnect(long, unsigned long);
long SCardReleaseContext(long);
', 'libpcsclite.so.1');

function check(string $call, int $code): void
{
    global $pcsc;
    if ($code !== 0) {
        throw new RuntimeException("$call: " . $pcsc->pcsc_stringify_error($code));
    }
}

function transmit(int $card, int $protocol, string $command): string
{
    global $pcsc;
    $pci = $pcsc->new('SCARD_IO_REQUEST');
    $pci->protocol = $protocol;
    $pci->length = FFI::sizeof($pci);
    $response = $pcsc->new('char[' . RESPONSE_BYTES_MAX . ']');
    $length = $pcsc->new('unsigned long');
    $length->cdata = RESPONSE_BYTES_MAX;
    check('SCardTransmit', $pcsc->SCardTransmit($card, FFI::addr($pci), $command,
        strlen($command), null, $response, FFI::addr($length)));
    return FFI::string($response, $length->cdata);
}

function hex(string $bytes): string
{
    return strtoupper(implode(' ', str_split(bin2hex($bytes), 2)));
}

$context = $pcsc->new('long');
check('SCardEstablishContext',
    $pcsc->SCardEstablishContext(SCOPE_SYSTEM, null, null, FFI::addr($context)));

$length = $pcsc->new('unsigned long');
check('SCardListReaders',
    $pcsc->SCardListReaders($context->cdata, null, null, FFI::addr($length)));
$names = $pcsc->new("char[{$length->cdata}]");
check('SCardListReaders',
    $pcsc->SCardListReaders($context->cdata, null, $names, FFI::addr($length)));
$reader = explode("\0", FFI::string($names, $length->cdata))[0];

$card = $pcsc->new('long');
$protocol = $pcsc->new('unsigned long');
check('SCardConnect', $pcsc->SCardConnect($context->cdata, $reader, SHARE_SHARED, T0_OR_T1,
    FFI::addr($card), FFI::addr($protocol)));

echo hex(transmit($card->cdata, $protocol->cdata, hex2bin('00A404000AA00000006203010C0601'))), "\n";
$response = transmit($card->cdata, $protocol->cdata, "\0\0\0\0");
echo hex($response), "\n", substr($response, 0, -2), "\n";

check('SCardDisconnect', $pcsc->SCardDisconnect($card->cdata, LEAVE_CARD));
check('SCardReleaseContext', $pcsc->SCardReleaseContext($context->cdata));
