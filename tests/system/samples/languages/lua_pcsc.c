/* A C module for Lua 5.4: pcsc.connect() opens the first reader's card, card:transmit(bytes) sends
 * a command, card:close() ends it. Errors are raised with the library's text. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <winscard.h>

#define TYPE_NAME "pcsc.card"
#define RESPONSE_BYTES_MAX 258

typedef struct {
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol;
} lua_card;

static void check(lua_State *state, const char *call, LONG rv)
{
    if (rv != SCARD_S_SUCCESS)
        luaL_error(state, "%s: %s", call, pcsc_stringify_error(rv));
}

static int card_connect(lua_State *state)
{
    lua_card *self = lua_newuserdatauv(state, sizeof *self, 0);
    LPSTR names = NULL;
    DWORD length = SCARD_AUTOALLOCATE;
    LONG rv;

    check(state, "SCardEstablishContext",
          SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &self->context));
    check(state, "SCardListReaders",
          SCardListReaders(self->context, NULL, (LPSTR)&names, &length));
    rv = SCardConnect(self->context, names, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &self->card,
                      &self->protocol);
    SCardFreeMemory(self->context, names);
    check(state, "SCardConnect", rv);
    luaL_setmetatable(state, TYPE_NAME);
    return 1;
}

static int card_transmit(lua_State *state)
{
    lua_card *self = luaL_checkudata(state, 1, TYPE_NAME);
    size_t sent = 0;
    const char *command = luaL_checklstring(state, 2, &sent);
    BYTE response[RESPONSE_BYTES_MAX];
    DWORD length = sizeof response;

    check(state, "SCardTransmit",
          SCardTransmit(self->card, self->protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1
                                                                        : SCARD_PCI_T0,
                        (LPCBYTE)command, sent, NULL, response, &length));
    lua_pushlstring(state, (const char *)response, length);
    return 1;
}

static int card_close(lua_State *state)
{
    lua_card *self = luaL_checkudata(state, 1, TYPE_NAME);

    check(state, "SCardDisconnect", SCardDisconnect(self->card, SCARD_LEAVE_CARD));
    check(state, "SCardReleaseContext", SCardReleaseContext(self->context));
    return 0;
}

int luaopen_lua_pcsc(lua_State *state)
{
    static const luaL_Reg methods[] = {
        {"transmit", card_transmit}, {"close", card_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"connect", card_connect}, {NULL, NULL}};

    luaL_newmetatable(state, TYPE_NAME);
    luaL_newlib(state, methods);
    lua_setfield(state, -2, "__index");
    luaL_newlib(state, functions);
    return 1;
}
