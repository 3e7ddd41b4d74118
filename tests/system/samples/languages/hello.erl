%% The hello card in Erlang, through the native functions of the module pcsc.
-module(hello).
-export([main/0]).

hex(Bytes) ->
    lists:join(" ", [io_lib:format("~2.16.0B", [Byte]) || <<Byte>> <= Bytes]).

main() ->
    Card = pcsc:connect(),
    Selected = pcsc:transmit(Card, <<16#00, 16#A4, 16#04, 16#00, 16#0A, 16#A0, 16#00, 16#00, 16#00,
                                     16#62, 16#03, 16#01, 16#0C, 16#06, 16#01>>),
    io:format("~s~n", [hex(Selected)]),
    Response = pcsc:transmit(Card, <<0:32>>),
    io:format("~s~n", [hex(Response)]),
    io:format("~s~n", [binary:part(Response, 0, byte_size(Response) - 2)]),
    ok = pcsc:close(Card).
