/* The hello card in Objective-C, through the C interface. */
/* The runtime and PC/SC both have a type BOOL; here the runtime's gives way. */
#define BOOL PCSC_BOOL
#include <winscard.h>
#undef BOOL
#include <objc/Object.h>
#include <objc/runtime.h>
#include <stdio.h>
#include <stdlib.h>

#define RESPONSE_BYTES_MAX 258

static void check(const char *call, LONG rv)
{
    if (rv != SCARD_S_SUCCESS) {
        fprintf(stderr, "%s: %s\n", call, pcsc_stringify_error(rv));
        exit(EXIT_FAILURE);
    }
}

@interface Card : Object
{
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol;
}
+ (id)connectedToFirstReader;
- (DWORD)transmit:(const BYTE *)command length:(DWORD)count into:(BYTE *)response;
- (void)close;
@end

@implementation Card
+ (id)connectedToFirstReader
{
    Card *self_ = class_createInstance(self, 0);
    LPSTR names = NULL;
    DWORD length = SCARD_AUTOALLOCATE;

    check("SCardEstablishContext",
          SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &self_->context));
    check("SCardListReaders",
          SCardListReaders(self_->context, NULL, (LPSTR)&names, &length));
    check("SCardConnect", SCardConnect(self_->context, names, SCARD_SHARE_SHARED,
                                       SCARD_PROTOCOL_ANY, &self_->card, &self_->protocol));
    SCardFreeMemory(self_->context, names);
    return self_;
}

- (DWORD)transmit:(const BYTE *)command length:(DWORD)count into:(BYTE *)response
{
    DWORD length = RESPONSE_BYTES_MAX;

    check("SCardTransmit",
          SCardTransmit(card, protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,
                        command, count, NULL, response, &length));
    return length;
}

- (void)close
{
    check("SCardDisconnect", SCardDisconnect(card, SCARD_LEAVE_CARD));
    check("SCardReleaseContext", SCardReleaseContext(context));
    object_dispose(self);
}
@end

static void print_hex(const BYTE *bytes, DWORD count)
{
    DWORD i;

    for (i = 0; i < count; i++)
        printf("%s%02X", i == 0 ? "" : " ", (unsigned int)bytes[i]);
    printf("\n");
}

int main(void)
{
    static const BYTE select_hello[] = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                        0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
    static const BYTE say_hello[] = {0x00, 0x00, 0x00, 0x00};
    BYTE response[RESPONSE_BYTES_MAX];
    Card *card = [Card connectedToFirstReader];
    DWORD length;

    length = [card transmit:select_hello length:sizeof select_hello into:response];
    print_hex(response, length);
    length = [card transmit:say_hello length:sizeof say_hello into:response];
    print_hex(response, length);
    printf("%.*s\n", (int)(length - 2), (const char *)response);
    [card close];
    return EXIT_SUCCESS;
}
