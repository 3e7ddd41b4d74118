# Completion of pcscctl for bash.
_pcscctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="status list monitor trace explain doctor"
  COMPREPLY=()
  case $previous in
    --socket)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
    trace)
      # Names of readers have blanks: one a line, quoted.
      local name
      while IFS= read -r name; do
        [[ $name == "$current"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
      done < <(pcscctl --json list 2>/dev/null | sed -n 's/^    "name": "\(.*\)",\{0,1\}$/\1/p')
      return
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$commands --json --socket --help --version" -- "$current")
}
complete -F _pcscctl pcscctl
