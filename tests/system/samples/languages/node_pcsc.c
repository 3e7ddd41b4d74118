/* A Node-API module: connect() opens the first reader's card, transmit(buffer) sends it a command
 * and returns the response, close() ends it. One card per process. */
#include <node_api.h>
#include <winscard.h>

#define RESPONSE_BYTES_MAX 258

static struct {
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol;
} self;

static napi_value check(napi_env env, const char *call, LONG rv)
{
    napi_value done = NULL;

    if (rv != SCARD_S_SUCCESS)
        napi_throw_error(env, call, pcsc_stringify_error(rv));
    else
        napi_get_undefined(env, &done);
    return done;
}

static napi_value card_connect(napi_env env, napi_callback_info info)
{
    LPSTR names = NULL;
    DWORD length = SCARD_AUTOALLOCATE;
    LONG rv;

    (void)info;
    rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &self.context);
    if (check(env, "SCardEstablishContext", rv) == NULL)
        return NULL;
    rv = SCardListReaders(self.context, NULL, (LPSTR)&names, &length);
    if (check(env, "SCardListReaders", rv) == NULL)
        return NULL;
    rv = SCardConnect(self.context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &self.card,
                      &self.protocol);
    SCardFreeMemory(self.context, names);
    return check(env, "SCardConnect", rv);
}

static napi_value card_transmit(napi_env env, napi_callback_info info)
{
    napi_value argument, result = NULL;
    size_t count = 1, sent = 0;
    void *command = NULL;
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD length = sizeof response;
    LONG rv;

    if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok ||
        napi_get_buffer_info(env, argument, &command, &sent) != napi_ok) {
        napi_throw_type_error(env, NULL, "transmit wants a Buffer");
        return NULL;
    }
    rv = SCardTransmit(self.card,
                       self.protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0, command,
                       sent, NULL, response, &length);
    if (check(env, "SCardTransmit", rv) != NULL)
        napi_create_buffer_copy(env, length, response, NULL, &result);
    return result;
}

static napi_value card_close(napi_env env, napi_callback_info info)
{
    (void)info;
    if (check(env, "SCardDisconnect", SCardDisconnect(self.card, SCARD_LEAVE_CARD)) == NULL)
        return NULL;
    return check(env, "SCardReleaseContext", SCardReleaseContext(self.context));
}

static napi_value add_functions(napi_env env, napi_value exports)
{
    static const struct {
        const char *name;
        napi_callback callback;
    } functions[] = {
        {"connect", card_connect}, {"transmit", card_transmit}, {"close", card_close}};
    size_t i;

    for (i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        napi_value function;

        if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback,
                                 NULL, &function) != napi_ok ||
            napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
            return NULL;
    }
    return exports;
}

NAPI_MODULE(node_pcsc, add_functions)
