/* Says hello to a card: the smallest complete use of the PC/SC interface. Connects to the first
 * reader, selects the sample application of the "Hello" card and prints what it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <winscard.h>

#define RESPONSE_BYTES_MAX 258 /* 256 data bytes and the status word */

/* Prints what failed and gives the exit code. */
static int complain(const char *what, LONG rv)
{
    fprintf(stderr, "%s: %s (0x%08lX)\n", what, pcsc_stringify_error(rv), (unsigned long)rv);
    return EXIT_FAILURE;
}

static void print_hex(const BYTE *bytes, DWORD count)
{
    DWORD i;

    for (i = 0; i < count; i++)
        printf("%s%02X", i == 0 ? "" : " ", (unsigned int)bytes[i]);
    printf("\n");
}

/* Sends one command with the protocol of the connection; *count is room and result. */
static LONG send_command(SCARDHANDLE card, DWORD protocol, const BYTE *command, DWORD length,
                         BYTE *response, DWORD *count)
{
    const SCARD_IO_REQUEST *pci = SCARD_PCI_T0;

    if (protocol == SCARD_PROTOCOL_T1)
        pci = SCARD_PCI_T1;
    return SCardTransmit(card, pci, command, length, NULL, response, count);
}

static int talk_to_card(SCARDHANDLE card, DWORD protocol)
{
    static const BYTE select_hello[] = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                        0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
    static const BYTE say_hello[] = {0x00, 0x00, 0x00, 0x00};
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD count = sizeof response;
    LONG rv;

    rv = send_command(card, protocol, select_hello, sizeof select_hello, response, &count);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot select the application", rv);
    print_hex(response, count);
    if (count != 2 || response[0] != 0x90 || response[1] != 0x00) {
        fprintf(stderr, "This card has no Hello application\n");
        return EXIT_FAILURE;
    }

    count = sizeof response;
    rv = send_command(card, protocol, say_hello, sizeof say_hello, response, &count);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot send the command", rv);
    print_hex(response, count);
    if (count < 2) {
        fprintf(stderr, "The answer has no status word\n");
        return EXIT_FAILURE;
    }
    printf("%.*s\n", (int)(count - 2), (const char *)response);
    return EXIT_SUCCESS;
}

static int use_first_reader(SCARDCONTEXT context)
{
    LPSTR readers = NULL;
    DWORD length = SCARD_AUTOALLOCATE;
    DWORD protocol = 0;
    SCARDHANDLE card = 0;
    LONG rv;
    int result;

    /* A list of names, each with its NUL; the first one will do. */
    rv = SCardListReaders(context, NULL, (LPSTR)&readers, &length);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot list the readers", rv);
    printf("Reader: %s\n", readers);
    rv = SCardConnect(context, readers, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                      &card, &protocol);
    SCardFreeMemory(context, readers);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot connect to the card", rv);

    result = talk_to_card(card, protocol);
    rv = SCardDisconnect(card, SCARD_LEAVE_CARD);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot disconnect from the card", rv);
    return result;
}

int main(void)
{
    SCARDCONTEXT context = 0;
    LONG rv;
    int result;

    rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot reach the smart card service", rv);
    result = use_first_reader(context);
    rv = SCardReleaseContext(context);
    if (rv != SCARD_S_SUCCESS)
        return complain("Cannot release the context", rv);
    return result;
}
