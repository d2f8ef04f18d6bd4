# Installs the Debian packages of a purpose (tools/dev/packages.txt), once.
# shellcheck shell=bash

# The packages of the purposes that are not installed, one a line.
missing_packages() {
  local wanted="" purpose package purposes=" $* "
  while read -r purpose package _; do
    [[ -n "$purpose" && "$purpose" != "#"* && "$purposes" == *" $purpose "* ]] || continue
    if [[ "$package" == *@* ]]; then
      command -v "${package#*@}" >/dev/null && continue
    fi
    wanted+="${package%@*}"$'\n'
  done <"$ROOT/tools/dev/packages.txt"
  # shellcheck disable=SC2016 # ${...} is dpkg-query's own format.
  # dpkg-query lists what is there in one call; whatever is not there is what is left.
  comm -23 <(printf '%s' "$wanted" | sort -u) \
    <(printf '%s' "$wanted" | xargs -r dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
      awk '$1 == "installed" {print $2}' | sort -u)
}

require_packages() {
  command -v dpkg-query >/dev/null || not_debian_12
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

is_debian_12() { (. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ]); }

not_debian_12() {
  local name
  name="$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}")"
  fail "minga is built on Debian 12 (bookworm), but this is ${name:-another system}." \
    "In a container of it, from this folder:" \
    "  docker run --rm -it -p 127.0.0.1:8090:8090 -v \"\$PWD:/minga\" -w /minga debian:12 ./dev run --listen 0.0.0.0:8090"
}

# install_packages PACKAGE...
install_packages() {
  is_debian_12 || not_debian_12
  local command="apt-get update && apt-get install --no-install-recommends -y $*" as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "Debian packages are missing, and installing them takes root." \
      "There is no sudo here; as root run:" "  $command"
    as_root=(sudo)
    # Without a terminal nobody can type a password.
    [ -t 0 ] || as_root+=(-n)
    "${as_root[@]}" true 2>/dev/null || fail "Debian packages are missing, and sudo did not let us install them." \
      "As root run:" "  $command"
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
  fi
  export DEBIAN_FRONTEND=noninteractive
  require_space / 2
  mkdir -p "$ROOT/build"
  say "Installing $# Debian packages: $*"
  # Another package manager may be at work on a machine that has just started: wait for it.
  watch_apt update ||
    warn "apt-get update did not get every list; going on with those that are here."
  local installed=yes
  hold_services
  watch_apt install -y --no-install-recommends "$@" || installed=no
  release_services "$@"
  [ "$installed" = yes ] ||
    fail "apt-get could not install the packages; its last words are above (all: build/apt.log)." \
      "Is the network there? Once what it names is mended, run ./dev again, or as root:" "  $command"
}

# Debian's servers start as services of the system when they are installed, and at every boot. minga and its tests run
# servers of their own: whatever is installed between these two stays down.
readonly POLICY=/usr/sbin/policy-rc.d

hold_services() {
  POLICY_IS_OURS=no
  [ ! -e "$POLICY" ] || return 0
  # shellcheck disable=SC2016 # The inner shell expands it.
  "${as_root[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$0" && chmod 755 "$0"' "$POLICY"
  POLICY_IS_OURS=yes
}

# release_services PACKAGE...
release_services() {
  [ "$POLICY_IS_OURS" = no ] || "${as_root[@]}" rm -f "$POLICY"
  [ -d /run/systemd/system ] || return 0
  local package
  for package in "$@"; do
    case "$package" in
      etcd-server) "${as_root[@]}" systemctl disable --quiet etcd || warn "The service etcd starts at the next boot." ;;
      patroni) "${as_root[@]}" systemctl disable --quiet patroni || warn "The service patroni starts at the next boot." ;;
      pgbackrest) "${as_root[@]}" systemctl disable --quiet pgbackrest || warn "The service pgbackrest starts at the next boot." ;;
    esac
  done
}

# Runs apt-get with its progress on one line; on failure prints the end of what it said. The progress
# has a descriptor of its own: apt makes it non-blocking, which scripts of packages that print would
# not survive. A shell behind sudo opens it, since sudo closes what it inherits.
watch_apt() {
  local log="$ROOT/build/apt.log" kind percent text
  : >"$log"
  {
    # shellcheck disable=SC2016 # The inner shell expands it.
    "${as_root[@]}" bash -c 'exec 3>&1 1>>"$0" 2>&1 </dev/null; exec "$@"' "$log" \
      apt-get -q -o DPkg::Lock::Timeout=300 -o APT::Status-Fd=3 "$@" |
      while IFS=: read -r kind _ percent text; do
        case "$kind" in
          dlstatus | pmstatus) progress "  ${percent%%.*} % $text" ;;
        esac
      done
  } || {
    progress_end
    tail -n 15 "$log" >&2
    return 1
  }
  progress_end
}

# require_space FOLDER GIBIBYTES
require_space() {
  local free
  free="$(df --output=avail -k "$1" | tail -n 1)"
  [ "$free" -ge $(($2 * 1024 * 1024)) ] || fail \
    "$(printf 'The disk of %s has %d MiB free, and this takes about %d GiB.' "$1" $((free / 1024)) "$2")" \
    "Make room, then run ./dev again."
}
