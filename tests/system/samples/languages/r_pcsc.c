/* Functions for R's .Call: pcsc_connect() gives c(context, card, protocol), pcsc_transmit(card,
 * bytes) sends a raw vector and returns one, pcsc_close(card) ends it. */
#include <Rinternals.h>
#include <string.h>
#include <winscard.h>

#define RESPONSE_BYTES_MAX 258

static void check(const char *call, LONG rv)
{
    if (rv != SCARD_S_SUCCESS)
        Rf_error("%s: %s", call, pcsc_stringify_error(rv));
}

/* Handles of the library fit the 53 bits that R's numbers have. */
static LONG part(SEXP card, R_xlen_t index)
{
    if (!Rf_isReal(card) || XLENGTH(card) != 3)
        Rf_error("not a card");
    return (LONG)REAL(card)[index];
}

SEXP pcsc_connect(void)
{
    SCARDCONTEXT context = 0;
    SCARDHANDLE card = 0;
    DWORD protocol = 0, length = SCARD_AUTOALLOCATE;
    LPSTR names = NULL;
    SEXP result;
    LONG rv;

    check("SCardEstablishContext",
          SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context));
    check("SCardListReaders", SCardListReaders(context, NULL, (LPSTR)&names, &length));
    rv = SCardConnect(context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol);
    SCardFreeMemory(context, names);
    check("SCardConnect", rv);
    result = Rf_allocVector(REALSXP, 3);
    REAL(result)[0] = (double)context;
    REAL(result)[1] = (double)card;
    REAL(result)[2] = (double)protocol;
    return result;
}

SEXP pcsc_transmit(SEXP card, SEXP command)
{
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD length = sizeof response;
    SEXP result;

    if (TYPEOF(command) != RAWSXP)
        Rf_error("a command is a raw vector");
    check("SCardTransmit",
          SCardTransmit(part(card, 1), part(card, 2) == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1
                                                                          : SCARD_PCI_T0,
                        RAW(command), (DWORD)XLENGTH(command), NULL, response, &length));
    result = Rf_allocVector(RAWSXP, (R_xlen_t)length);
    memcpy(RAW(result), response, length);
    return result;
}

SEXP pcsc_close(SEXP card)
{
    check("SCardDisconnect", SCardDisconnect(part(card, 1), SCARD_LEAVE_CARD));
    check("SCardReleaseContext", SCardReleaseContext(part(card, 0)));
    return R_NilValue;
}
