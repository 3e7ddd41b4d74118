/* A MEX function for Octave: mex_pcsc("connect") opens the first reader's card,
 * mex_pcsc("transmit", bytes) sends it a row of uint8 and returns one, mex_pcsc("close") ends
 * it. */
#include <mex.h>
#include <string.h>
#include <winscard.h>

#define RESPONSE_BYTES_MAX 258
#define WORD_BYTES_MAX 16

static SCARDCONTEXT context;
static SCARDHANDLE card;
static DWORD protocol;

static void check(const char *call, LONG rv)
{
    if (rv != SCARD_S_SUCCESS)
        mexErrMsgIdAndTxt("pcsc:call", "%s: %s", call, pcsc_stringify_error(rv));
}

static void connect_card(void)
{
    DWORD length = SCARD_AUTOALLOCATE;
    LPSTR names = NULL;
    LONG rv;

    check("SCardEstablishContext",
          SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context));
    check("SCardListReaders", SCardListReaders(context, NULL, (LPSTR)&names, &length));
    rv = SCardConnect(context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol);
    SCardFreeMemory(context, names);
    check("SCardConnect", rv);
}

static mxArray *transmit(const mxArray *command)
{
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD length = sizeof response;
    mxArray *result;

    if (!mxIsUint8(command))
        mexErrMsgTxt("a command is a row of uint8");
    check("SCardTransmit",
          SCardTransmit(card, protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,
                        mxGetData(command), (DWORD)mxGetNumberOfElements(command), NULL,
                        response, &length));
    result = mxCreateNumericMatrix(1, (mwSize)length, mxUINT8_CLASS, mxREAL);
    memcpy(mxGetData(result), response, length);
    return result;
}

void mexFunction(int results_count, mxArray *results[], int count, const mxArray *arguments[])
{
    char word[WORD_BYTES_MAX] = "";

    (void)results_count;
    if (count < 1 || mxGetString(arguments[0], word, sizeof word) != 0)
        mexErrMsgTxt("say connect, transmit or close");
    if (strcmp(word, "connect") == 0) {
        connect_card();
    } else if (strcmp(word, "transmit") == 0 && count == 2) {
        results[0] = transmit(arguments[1]);
    } else if (strcmp(word, "close") == 0) {
        check("SCardDisconnect", SCardDisconnect(card, SCARD_LEAVE_CARD));
        check("SCardReleaseContext", SCardReleaseContext(context));
    } else {
        mexErrMsgTxt("say connect, transmit or close");
    }
}
