/* Native functions of the Erlang module pcsc: connect/0 gives a card, transmit/2 sends it a binary,
 * close/1 ends it. A card is {Context, Handle, Protocol}; errors are {error, Text}. */
#include <erl_nif.h>
#include <string.h>
#include <winscard.h>

#define RESPONSE_BYTES_MAX 258

typedef struct {
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol;
} nif_card;

static ERL_NIF_TERM failure(ErlNifEnv *env, LONG rv)
{
    return enif_raise_exception(env,
                                enif_make_string(env, pcsc_stringify_error(rv), ERL_NIF_LATIN1));
}

static int get_card(ErlNifEnv *env, ERL_NIF_TERM term, nif_card *card)
{
    const ERL_NIF_TERM *items;
    int count = 0;

    return enif_get_tuple(env, term, &count, &items) && count == 3 &&
           enif_get_long(env, items[0], &card->context) &&
           enif_get_long(env, items[1], &card->card) &&
           enif_get_ulong(env, items[2], &card->protocol);
}

static ERL_NIF_TERM card_connect(ErlNifEnv *env, int count, const ERL_NIF_TERM arguments[])
{
    nif_card card;
    LPSTR names = NULL;
    DWORD length = SCARD_AUTOALLOCATE;
    LONG rv;

    (void)count;
    (void)arguments;
    rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &card.context);
    if (rv != SCARD_S_SUCCESS)
        return failure(env, rv);
    rv = SCardListReaders(card.context, NULL, (LPSTR)&names, &length);
    if (rv != SCARD_S_SUCCESS)
        return failure(env, rv);
    rv = SCardConnect(card.context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card.card,
                      &card.protocol);
    SCardFreeMemory(card.context, names);
    if (rv != SCARD_S_SUCCESS)
        return failure(env, rv);
    return enif_make_tuple3(env, enif_make_long(env, card.context),
                            enif_make_long(env, card.card), enif_make_ulong(env, card.protocol));
}

static ERL_NIF_TERM card_transmit(ErlNifEnv *env, int count, const ERL_NIF_TERM arguments[])
{
    nif_card card;
    ErlNifBinary command;
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD length = sizeof response;
    ERL_NIF_TERM result;
    LONG rv;

    (void)count;
    if (!get_card(env, arguments[0], &card) ||
        !enif_inspect_binary(env, arguments[1], &command))
        return enif_make_badarg(env);
    rv = SCardTransmit(card.card,
                       card.protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,
                       command.data, command.size, NULL, response, &length);
    if (rv != SCARD_S_SUCCESS)
        return failure(env, rv);
    memcpy(enif_make_new_binary(env, length, &result), response, length);
    return result;
}

static ERL_NIF_TERM card_close(ErlNifEnv *env, int count, const ERL_NIF_TERM arguments[])
{
    nif_card card;
    LONG rv;

    (void)count;
    if (!get_card(env, arguments[0], &card))
        return enif_make_badarg(env);
    rv = SCardDisconnect(card.card, SCARD_LEAVE_CARD);
    if (rv == SCARD_S_SUCCESS)
        rv = SCardReleaseContext(card.context);
    return rv == SCARD_S_SUCCESS ? enif_make_atom(env, "ok") : failure(env, rv);
}

static ErlNifFunc functions[] = {{"connect", 0, card_connect, ERL_NIF_DIRTY_JOB_IO_BOUND},
                                 {"transmit", 2, card_transmit, ERL_NIF_DIRTY_JOB_IO_BOUND},
                                 {"close", 1, card_close, ERL_NIF_DIRTY_JOB_IO_BOUND}};

ERL_NIF_INIT(pcsc, functions, NULL, NULL, NULL, NULL)
