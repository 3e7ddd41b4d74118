/* SCardTransmit and SCardControl: pointers, protocols, lengths in both directions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define BIG 70000
#define MARK 44

static BYTE command_bytes[BIG], answer_bytes[BIG];

static const BYTE kCount[] = {0x80, 0x40, 0x00, 0x00};

/* Says code, count and the last two bytes of the answer. */
static void say_answer(const char *name, LONG code, DWORD count)
{
    if (code == SCARD_S_SUCCESS && count >= 2)
        say_more(name, code, "count=%lu sw=%02X%02X", count, answer_bytes[count - 2],
                 answer_bytes[count - 1]);
    else
        say_more(name, code, "count=%lu", count);
}

static void pointers(SCARDHANDLE card)
{
    DWORD count = MARK;
    LONG code = SCardTransmit(card, NULL, kCount, sizeof kCount, NULL, answer_bytes, &count);

    say_more("no send PCI", code, "count=%lu", count);
    code = SCardTransmit(card, SCARD_PCI_T1, NULL, sizeof kCount, NULL, answer_bytes, &count);
    say_more("no command", code, "count=%lu", count);
    code = SCardTransmit(card, SCARD_PCI_T1, NULL, 0, NULL, answer_bytes, &count);
    say_more("no command of no length", code, "count=%lu", count);
    code = SCardTransmit(card, SCARD_PCI_T1, kCount, sizeof kCount, NULL, NULL, &count);
    say_more("no answer", code, "count=%lu", count);
    code = SCardTransmit(card, SCARD_PCI_T1, kCount, sizeof kCount, NULL, answer_bytes, NULL);
    say("no answer length", code);
}

static void send_with(SCARDHANDLE card, DWORD active)
{
    static const DWORD protocols[] = {0, 1, 2, 3, 4, 8, 0x1000, 0x10000, 0xFFFFFFFF};
    size_t i;

    for (i = 0; i < COUNT(protocols); i++) {
        DWORD count;
        LONG code = transmit(card, protocols[i], kCount, sizeof kCount, answer_bytes, BIG, &count);

        say_answer(named("active=%lu/send PCI=%lx", active, protocols[i]), code, count);
    }
}

static void pci_lengths(SCARDHANDLE card)
{
    static const DWORD lengths[] = {0, 1, 15, 16, 17, 1000};
    size_t i;

    for (i = 0; i < COUNT(lengths); i++) {
        SCARD_IO_REQUEST send = {SCARD_PROTOCOL_T1, 0}, receive = {77, 0};
        DWORD count = BIG;
        LONG code;

        send.cbPciLength = lengths[i];
        code = SCardTransmit(card, &send, kCount, sizeof kCount, NULL, answer_bytes, &count);
        say_answer(named("send PCI length=%lu", lengths[i]), code, count);
        receive.cbPciLength = lengths[i];
        count = BIG;
        code = SCardTransmit(card, SCARD_PCI_T1, kCount, sizeof kCount, &receive, answer_bytes,
                             &count);
        say_more(named("receive PCI length=%lu", lengths[i]), code,
                 "count=%lu protocol=%lu length=%lu", count, receive.dwProtocol,
                 receive.cbPciLength);
    }
}

/* The card counts its commands by nothing, so the echo shows what arrived. */
static void send_lengths(SCARDHANDLE card)
{
    static const DWORD data[] = {1, 255, 256, 257, 1000, 4096, 32767, 65500, 65535};
    static const DWORD raw[] = {0, 1, 2, 3, 4, 65548, 65549, BIG};
    size_t i;

    for (i = 0; i < COUNT(data); i++) {
        DWORD count, head, same;
        LONG code;

        memset(command_bytes, (int)(i + 1), sizeof command_bytes);
        memcpy(command_bytes, "\x80\x50\x00\x00", 4);
        if (data[i] < 256) {
            command_bytes[4] = (BYTE)data[i];
            head = 5;
        } else {
            command_bytes[4] = 0;
            command_bytes[5] = (BYTE)(data[i] >> 8);
            command_bytes[6] = (BYTE)data[i];
            head = 7;
        }
        code = transmit(card, SCARD_PROTOCOL_T1, command_bytes, head + data[i], answer_bytes, BIG,
                        &count);
        same = count == data[i] + 2 && memcmp(answer_bytes, command_bytes + head, data[i]) == 0;
        say_more(named("echo=%lu", data[i]), code, "count=%lu same=%lu", count, same);
    }
    memset(command_bytes, 0x80, sizeof command_bytes);
    for (i = 0; i < COUNT(raw); i++) {
        DWORD count;
        LONG code =
            transmit(card, SCARD_PROTOCOL_T1, command_bytes, raw[i], answer_bytes, BIG, &count);

        say_answer(named("bytes=%lu", raw[i]), code, count);
    }
}

static void receive_lengths(SCARDHANDLE card)
{
    static const struct {
        DWORD wanted, room;
    } cases[] = {{1, BIG},    {254, BIG},   {256, BIG},   {257, 259},   {257, 258},
                 {1000, BIG}, {4096, 4098}, {4096, 4097}, {65535, BIG}, {65535, 65537},
                 {65535, 3},  {0, 65538},   {0, 65537},   {0, BIG},     {16, 18},
                 {16, 17},    {16, 0},      {16, 1},      {16, 2},      {16, 0xFFFFFFFF}};
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        BYTE command[] = {0x80, 0x20, 0x00, 0x00};
        DWORD count;
        LONG code;

        command[2] = (BYTE)(cases[i].wanted >> 8);
        command[3] = (BYTE)cases[i].wanted;
        memset(answer_bytes, 0xEE, sizeof answer_bytes);
        code = transmit(card, SCARD_PROTOCOL_T1, command, sizeof command, answer_bytes,
                        cases[i].room, &count);
        if (code == SCARD_S_SUCCESS)
            say_answer(named("answer=%lu room=%lu", cases[i].wanted, cases[i].room), code, count);
        else
            say_more(named("answer=%lu room=%lu", cases[i].wanted, cases[i].room), code,
                     "count=%lu first=%02X", count, answer_bytes[0]);
    }
}

static void others(SCARDHANDLE card)
{
    static const BYTE unknown[] = {0x80, 0xEE, 0x00, 0x00}, wrong_class[] = {0x00, 0x44, 0, 0};
    BYTE shared[300] = {0x80, 0x20, 0x01, 0x00};
    DWORD count;
    LONG code;

    code = transmit(card, SCARD_PROTOCOL_T1, unknown, 4, answer_bytes, BIG, &count);
    say_answer("unknown instruction", code, count);
    code = transmit(card, SCARD_PROTOCOL_T1, wrong_class, 4, answer_bytes, BIG, &count);
    say_answer("wrong class", code, count);
    code = transmit(card, SCARD_PROTOCOL_T1, shared, 4, shared, sizeof shared, &count);
    say_more("one buffer for both", code, "count=%lu %02X %02X", count, shared[0], shared[255]);
}

/* A command whose answer did not fit was executed. */
static void lost_answer(SCARDHANDLE card)
{
    static const BYTE select[] = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                  0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
    static const BYTE hello[] = {0x00, 0x00, 0x00, 0x00};
    DWORD count;
    LONG code = transmit(card, SCARD_PROTOCOL_T1, hello, 4, answer_bytes, BIG, &count);

    say_answer("lost/before", code, count);
    code = transmit(card, SCARD_PROTOCOL_T1, select, sizeof select, answer_bytes, 1, &count);
    say_answer("lost/select", code, count);
    code = transmit(card, SCARD_PROTOCOL_T1, hello, 4, answer_bytes, BIG, &count);
    say_answer("lost/after", code, count);
}

void run_exchange(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card;

    open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, NULL);
    pointers(card);
    send_with(card, 2);
    pci_lengths(card);
    lost_answer(card);
    send_lengths(card);
    receive_lengths(card);
    others(card);
    say_status("status after that", card);
    SCardDisconnect(card, SCARD_RESET_CARD);
    open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, &card, NULL);
    send_with(card, 1);
    SCardDisconnect(card, SCARD_RESET_CARD);
    open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_RAW, &card, NULL);
    send_with(card, 4);
    SCardDisconnect(card, SCARD_RESET_CARD);
    open_card(context, SCARD_SHARE_DIRECT, 0, &card, NULL);
    send_with(card, 0);
    SCardReleaseContext(context);
}

static void control_pointers(SCARDHANDLE card)
{
    DWORD count = MARK;
    LONG code = SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, NULL, 0, &count);

    say_more("no buffers", code, "count=%lu", count);
    code = SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, answer_bytes, BIG, NULL);
    say("no count", code);
    code = SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, NULL, 0, NULL);
    say("nothing", code);
}

/* Calls after which pcsc-lite's library and daemon are out of step: each on a connection of its
 * own, which shows whether it is of use after that. */
static void control_out_of_step(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card = must_open(context);
    DWORD count = MARK;
    LONG code = SCardControl(card, SCARD_CTL_CODE(1), NULL, 4, answer_bytes, BIG, &count);

    say_more("length without command", code, "count=%lu", count);
    code = greet(card, ACTIVE_PROTOCOL);
    say_more("length without command/then", SCARD_S_SUCCESS, "usable=%d", code == SCARD_S_SUCCESS);
    SCardReleaseContext(context);
    context = new_context();
    card = must_open(context);
    code = SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, NULL, BIG, &count);
    say_more("room without answer", code, "count=%lu", count);
    SCardReleaseContext(context);
}

static void control_lengths(SCARDHANDLE card, const char *where)
{
    static const DWORD sent[] = {0, 1, 256, 65548, 65549, BIG};
    static const DWORD rooms[] = {0, 1, 5, 6, 7, BIG, 0x7FFFFFFF};
    static const DWORD codes[] = {
        0, 1, SCARD_CTL_CODE(0), SCARD_CTL_CODE(2000), SCARD_CTL_CODE(3401), 0x313520, 0xFFFFFFFF};
    size_t i;
    DWORD count;
    LONG code;

    for (i = 0; i < COUNT(sent); i++) {
        count = MARK;
        code = SCardControl(card, SCARD_CTL_CODE(2000), command_bytes, sent[i], answer_bytes, BIG,
                            &count);
        say_more(named("%s/sent=%lu", where, sent[i]), code, "count=%lu", count);
    }
    for (i = 0; i < COUNT(rooms); i++) {
        count = MARK;
        memset(answer_bytes, 0xEE, sizeof answer_bytes);
        code = SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, answer_bytes, rooms[i],
                            &count);
        say_more(named("%s/room=%lx", where, rooms[i]), code, "count=%lu first=%02X", count,
                 answer_bytes[0]);
    }
    for (i = 0; i < COUNT(codes); i++) {
        count = MARK;
        code = SCardControl(card, codes[i], command_bytes, 1, answer_bytes, BIG, &count);
        say_more(named("%s/code=%lx", where, codes[i]), code, "count=%lu", count);
    }
}

void run_control(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card = must_open(context), empty;
    DWORD active;

    control_pointers(card);
    control_lengths(card, "card");
    SCardConnect(context, EMPTY_READER, SCARD_SHARE_DIRECT, 0, &empty, &active);
    control_lengths(empty, "empty");
    SCardReleaseContext(context);
    control_out_of_step();
}
