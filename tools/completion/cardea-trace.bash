# Completion of cardea-trace for bash: its options, which --help names, then a program and files.
_cardea_trace() {
  local current=${COMP_WORDS[COMP_CWORD]} i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --output | --read) ((++i)) ;;
      -*) ;;
      *)
        compopt -o default 2>/dev/null
        return
        ;;
    esac
  done
  if ((i > COMP_CWORD)); then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  elif [[ $current == -* ]]; then
    local options
    options=$("$1" --help 2>/dev/null | grep -oE -- '(^|[ ,[])--[a-z][a-z-]*' |
      grep -oE -- '--.*' | sort -u)
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -c -- "$current")
  fi
}
complete -F _cardea_trace cardea-trace
