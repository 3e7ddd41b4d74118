/* A C extension for Tcl: "pcsc::connect" opens the first reader's card, "pcsc::transmit BYTES"
 * sends it a command, "pcsc::close" ends it. One card per interpreter. */
#include <stdlib.h>
#include <tcl.h>
#include <winscard.h>

#define RESPONSE_BYTES_MAX 258

typedef struct {
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol;
} tcl_card;

static int check(Tcl_Interp *interp, const char *call, LONG rv)
{
    if (rv == SCARD_S_SUCCESS)
        return TCL_OK;
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("%s: %s", call, pcsc_stringify_error(rv)));
    return TCL_ERROR;
}

static int card_connect(ClientData data, Tcl_Interp *interp, int count, Tcl_Obj *const words[])
{
    tcl_card *self = data;
    LPSTR names = NULL;
    DWORD length = SCARD_AUTOALLOCATE;
    LONG rv;

    (void)count;
    (void)words;
    rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &self->context);
    if (check(interp, "SCardEstablishContext", rv) != TCL_OK)
        return TCL_ERROR;
    rv = SCardListReaders(self->context, NULL, (LPSTR)&names, &length);
    if (check(interp, "SCardListReaders", rv) != TCL_OK)
        return TCL_ERROR;
    rv = SCardConnect(self->context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &self->card,
                      &self->protocol);
    SCardFreeMemory(self->context, names);
    return check(interp, "SCardConnect", rv);
}

static int card_transmit(ClientData data, Tcl_Interp *interp, int count, Tcl_Obj *const words[])
{
    tcl_card *self = data;
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD length = sizeof response;
    const unsigned char *command;
    int sent = 0;
    LONG rv;

    if (count != 2) {
        Tcl_WrongNumArgs(interp, 1, words, "bytes");
        return TCL_ERROR;
    }
    command = Tcl_GetByteArrayFromObj(words[1], &sent);
    rv = SCardTransmit(self->card,
                       self->protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,
                       command, (DWORD)sent, NULL, response, &length);
    if (check(interp, "SCardTransmit", rv) != TCL_OK)
        return TCL_ERROR;
    Tcl_SetObjResult(interp, Tcl_NewByteArrayObj(response, (int)length));
    return TCL_OK;
}

static int card_close(ClientData data, Tcl_Interp *interp, int count, Tcl_Obj *const words[])
{
    tcl_card *self = data;

    (void)count;
    (void)words;
    if (check(interp, "SCardDisconnect", SCardDisconnect(self->card, SCARD_LEAVE_CARD)) != TCL_OK)
        return TCL_ERROR;
    return check(interp, "SCardReleaseContext", SCardReleaseContext(self->context));
}

static void forget(ClientData data, Tcl_Interp *interp)
{
    (void)interp;
    free(data);
}

int Pcsc_Init(Tcl_Interp *interp)
{
    tcl_card *self = calloc(1, sizeof *self);

    if (self == NULL)
        return TCL_ERROR;
    Tcl_SetAssocData(interp, "pcsc", forget, self);
    Tcl_CreateNamespace(interp, "pcsc", NULL, NULL);
    Tcl_CreateObjCommand(interp, "pcsc::connect", card_connect, self, NULL);
    Tcl_CreateObjCommand(interp, "pcsc::transmit", card_transmit, self, NULL);
    Tcl_CreateObjCommand(interp, "pcsc::close", card_close, self, NULL);
    return TCL_OK;
}
