/* Foreign predicates for SWI-Prolog: pcsc_connect(-Card), pcsc_transmit(+Card, +Bytes, -Response)
 * and pcsc_close(+Card). Card is card(Context, Handle, Protocol). */
#include <SWI-Prolog.h>
#include <winscard.h>

#define BYTES_MAX 264

static int check(const char *call, LONG rv)
{
    if (rv == SCARD_S_SUCCESS)
        return TRUE;
    return PL_warning("%s: %s", call, pcsc_stringify_error(rv));
}

static foreign_t pcsc_connect(term_t card_term)
{
    SCARDCONTEXT context = 0;
    SCARDHANDLE card = 0;
    DWORD protocol = 0;
    DWORD length = SCARD_AUTOALLOCATE;
    LPSTR names = NULL;
    LONG rv;

    if (!check("SCardEstablishContext",
               SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context)) ||
        !check("SCardListReaders", SCardListReaders(context, NULL, (LPSTR)&names, &length)))
        return FALSE;
    rv = SCardConnect(context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol);
    SCardFreeMemory(context, names);
    return check("SCardConnect", rv) &&
           PL_unify_term(card_term, PL_FUNCTOR_CHARS, "card", 3, PL_LONG, context, PL_LONG, card,
                         PL_LONG, (long)protocol);
}

static int get_argument(term_t card_term, size_t index, long *value)
{
    term_t argument = PL_new_term_ref();

    return PL_get_arg(index, card_term, argument) && PL_get_long_ex(argument, value);
}

static int get_bytes(term_t list, BYTE *bytes, DWORD *count)
{
    term_t head = PL_new_term_ref();
    term_t tail = PL_copy_term_ref(list);
    int byte;

    for (*count = 0; *count < BYTES_MAX && PL_get_list(tail, head, tail); (*count)++) {
        if (!PL_get_integer_ex(head, &byte))
            return FALSE;
        bytes[*count] = (BYTE)byte;
    }
    return PL_get_nil_ex(tail);
}

static foreign_t pcsc_transmit(term_t card_term, term_t command_term, term_t response_term)
{
    BYTE command[BYTES_MAX], response[BYTES_MAX];
    DWORD sent = 0, length = sizeof response, i;
    long card, protocol;
    term_t head = PL_new_term_ref();
    term_t tail = PL_copy_term_ref(response_term);

    if (!get_argument(card_term, 2, &card) || !get_argument(card_term, 3, &protocol) ||
        !get_bytes(command_term, command, &sent) ||
        !check("SCardTransmit",
               SCardTransmit(card, protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,
                             command, sent, NULL, response, &length)))
        return FALSE;
    for (i = 0; i < length; i++)
        if (!PL_unify_list(tail, head, tail) || !PL_unify_integer(head, response[i]))
            return FALSE;
    return PL_unify_nil(tail);
}

static foreign_t pcsc_close(term_t card_term)
{
    long context, card;

    return get_argument(card_term, 1, &context) && get_argument(card_term, 2, &card) &&
           check("SCardDisconnect", SCardDisconnect(card, SCARD_LEAVE_CARD)) &&
           check("SCardReleaseContext", SCardReleaseContext(context));
}

install_t install(void)
{
    PL_register_foreign("pcsc_connect", 1, pcsc_connect, 0);
    PL_register_foreign("pcsc_transmit", 3, pcsc_transmit, 0);
    PL_register_foreign("pcsc_close", 1, pcsc_close, 0);
}
