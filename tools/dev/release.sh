# Builds the release, optimised for what a server does most (docs/decisions/007-profile-guided-release.md).
# shellcheck shell=bash

# build_release [--train]: what a server does most is found out once in a folder, and again with --train.
build_release() {
  local counts=""
  if [ "${1:-}" != --train ]; then
    configure release # which forgets the counts of a folder that was copied or moved
    counts="$(sed -n 's/^MINGA_PROFILE:PATH=//p' "$ROOT/build/release/CMakeCache.txt")"
  fi
  if [ ! -d "$counts" ]; then train; fi
  build release minga
  lay_out
}

# Builds a server that counts what it runs, uses it, and has the release compiled for that.
train() {
  local folder="$ROOT/build/profile" counted
  build profile minga
  rm -rf -- "$folder/counts"
  say "Training: a minute's use of a server that counts what it runs"
  use_server "$folder/minga"
  # A name of its own, so that ninja sees that the release's flags have changed.
  counted="$folder/counted/$(date -u +%Y%m%dT%H%M%SZ)"
  rm -rf -- "$folder/counted"
  mkdir -p "$folder/counted"
  mv -- "$folder/counts" "$counted"
  configure release -D MINGA_PROFILE="$counted"
}

# Puts together what the release runs, and in the order in which it runs it. For every binary that is counted anew, as the
# counts of one fit no other.
lay_out() {
  local minga="$ROOT/build/release/minga" folder="$ROOT/build/layout"
  # Debian 12's BOLT counts nowhere else.
  [ "$(uname -m)" = x86_64 ] || return 0
  [[ "$(readelf --sections --wide "$minga")" != *.note.bolt_info* ]] || return 0
  rm -rf -- "$folder"
  mkdir -p "$folder"
  say "Laying out the release"
  bolt "$minga" -o "$folder/counting" --instrument --instrumentation-file="$folder/counts"
  say "Training once more: half a minute"
  use_server "$folder/counting"
  bolt "$minga" -o "$folder/minga" --data="$folder/counts" --reorder-functions=hfsort+ --reorder-blocks=ext-tsp \
    --split-functions --split-all-cold
  use_server "$folder/minga" --rounds 5
  chmod --reference="$minga" -- "$folder/minga"
  mv -f -- "$folder/minga" "$minga"
  rm -rf -- "$folder"
}

# use_server BINARY [OPTION]...: as its clients do, with the options of train.py.
use_server() {
  MINGA_BINARY="$1" /usr/bin/python3 -B "$ROOT/tools/dev/train.py" "${@:2}" >&2 ||
    fail "The server could not be used as it should; what was wrong is above."
}

# By its own path, from which it finds what it counts with; /usr/bin has a link to it.
bolt() {
  local log="$ROOT/build/bolt.log"
  /usr/lib/llvm-16/bin/llvm-bolt "$@" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "BOLT could not lay out the release; what it said is above (all: build/bolt.log)."
  }
  # It warns of functions whose rare part stands elsewhere, and makes code that crashes.
  ! grep -q 'due to cold fragments' "$log" ||
    fail "BOLT cannot lay out a release with functions in two parts (-fno-reorder-blocks-and-partition)."
}
