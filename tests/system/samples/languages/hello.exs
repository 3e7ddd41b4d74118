# The hello card in Elixir, through the native functions of the Erlang module pcsc.
hex = fn bytes -> bytes |> :binary.bin_to_list() |> Enum.map_join(" ", &Base.encode16(<<&1>>)) end

card = :pcsc.connect()
IO.puts(hex.(:pcsc.transmit(card, Base.decode16!("00A404000AA00000006203010C0601"))))
response = :pcsc.transmit(card, <<0::32>>)
IO.puts(hex.(response))
IO.puts(binary_part(response, 0, byte_size(response) - 2))
:ok = :pcsc.close(card)
