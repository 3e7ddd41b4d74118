# Completion of pcscd for bash. Its options are those that --help names.
_pcscd() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  case $previous in
    -c | --config | --socket | --drivers | --access-rules)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
    --hotplug-backend)
      mapfile -t COMPREPLY < <(compgen -W "auto udev libusb none" -- "$current")
      ;;
    --idle-holder-policy)
      mapfile -t COMPREPLY < <(compgen -W "report reset" -- "$current")
      ;;
    --power-off)
      mapfile -t COMPREPLY < <(compgen -W "never" -- "$current")
      ;;
    *)
      local options
      options=$("$1" --help 2>/dev/null | grep -oE -- '^ {2,6}(-[a-zA-Z], )?--[a-z-]+' |
        grep -oE -- '--.*' | sort -u)
      mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
      ;;
  esac
}
complete -F _pcscd pcscd
