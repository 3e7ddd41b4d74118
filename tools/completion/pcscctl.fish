# Completion of pcscctl for fish.
function __pcscctl_readers
    pcscctl --json list 2>/dev/null | string replace -rf '^    "name": "(.*)",?$' '$1'
end
set -l commands status list monitor trace explain doctor
complete -c pcscctl -f
complete -c pcscctl -l json -d 'output for programs'
complete -c pcscctl -l socket -r -F -d 'the socket of the daemon'
complete -c pcscctl -l help -d 'show help'
complete -c pcscctl -l version -d 'show the version'
set -l first "not __fish_seen_subcommand_from $commands"
complete -c pcscctl -n $first -a status -d 'readers, cards, who holds them and all programs'
complete -c pcscctl -n $first -a list -d 'one line for each reader'
complete -c pcscctl -n $first -a monitor -d 'what happens, as it happens'
complete -c pcscctl -n $first -a trace -d 'what passes between programs and a card'
complete -c pcscctl -n $first -a explain -d 'what an ATR says'
complete -c pcscctl -n $first -a doctor -d 'what keeps smart cards from working'
complete -c pcscctl -n '__fish_seen_subcommand_from trace' -a '(__pcscctl_readers)'
