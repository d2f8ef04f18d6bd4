# What ./dev says, and how: to standard error, coloured on a terminal unless NO_COLOR is set.
# shellcheck shell=bash

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  readonly BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
  readonly BOLD='' RED='' GREEN='' YELLOW='' PLAIN=''
fi

say() { printf '%s%s%s\n' "$BOLD" "$*" "$PLAIN" >&2; }
done_line() { printf '%s%s%s\n' "$GREEN" "$*" "$PLAIN" >&2; }
warn() { printf '%s%s%s\n' "$YELLOW" "$*" "$PLAIN" >&2; }

# fail SENTENCE [WHAT_TO_DO]...
fail() {
  printf '%s%s%s\n' "$RED" "$1" "$PLAIN" >&2
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" >&2
  exit 1
}

# Rewrites one line on a terminal; says nothing elsewhere, where every line stays.
progress() {
  if [ -t 2 ]; then printf '\r\e[K%.*s' "$(($(tput cols 2>/dev/null || echo 80) - 1))" "$*" >&2; fi
}
progress_end() {
  if [ -t 2 ]; then printf '\r\e[K' >&2; fi
}
