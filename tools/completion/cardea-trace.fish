# Completion of cardea-trace for fish: its options, then a program as it would be completed without
# cardea-trace.
complete -c cardea-trace -l json -d 'one JSON object a line'
complete -c cardea-trace -l summary -d 'calls, errors and times at the end'
complete -c cardea-trace -l output -r -F -d 'write to a file'
complete -c cardea-trace -l show-pins -d 'do not mask PINs'
complete -c cardea-trace -l read -r -F -d 'show a recorded trace'
complete -c cardea-trace -l help -s h -d 'show help'
complete -c cardea-trace -x -n 'not __fish_seen_argument -l read' -a '(__fish_complete_subcommand)'
