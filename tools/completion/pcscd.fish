# Completion of pcscd for fish: the options that --help names.
complete -c pcscd -f
for line in (pcscd --help 2>/dev/null)
    set -l short
    set -l long
    set -l value
    set -l told
    set -l option '^ {2,6}(-(?<short>\w), )?--(?<long>[a-z][a-z-]*)'
    string match -qr -- $option'(?<value>\S*( [A-Z]+)?)(?<told>.*)$' $line
    or continue
    set -l words -l $long -d (string trim -- "$told")
    test -n "$short"; and set -a words -s $short
    switch "$value"
        case '*PATH' '*FILE' '*DIR'
            set -a words -r -F
        case ' *'
            set -a words -x
    end
    complete -c pcscd $words
end
complete -c pcscd -l hotplug-backend -x -a 'auto udev libusb none'
complete -c pcscd -l idle-holder-policy -x -a 'report reset'
complete -c pcscd -l power-off -x -a never
