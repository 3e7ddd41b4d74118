%% PC/SC for Erlang and Elixir: native functions, which erlang_pcsc.c implements.
-module(pcsc).
-export([connect/0, transmit/2, close/1]).
-on_load(load/0).

load() ->
    erlang:load_nif("./erlang_pcsc", 0).

connect() ->
    erlang:nif_error(not_loaded).

transmit(_Card, _Command) ->
    erlang:nif_error(not_loaded).

close(_Card) ->
    erlang:nif_error(not_loaded).
