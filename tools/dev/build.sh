# Configures and builds a preset of CMakePresets.json.
# shellcheck shell=bash

# How many compilers or tests at once: a source that includes Beast takes up to 1.5 GB to compile.
jobs() {
  if [ -n "${MINGA_JOBS:-}" ]; then
    printf '%s' "$MINGA_JOBS"
    return
  fi
  local cores memory limit
  cores="$(nproc)"
  memory="$(awk '$1 == "MemAvailable:" {print int($2 / 1024)}' /proc/meminfo)"
  limit="$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)"
  if [ "$limit" != max ] && [ $((limit / 1048576)) -lt "$memory" ]; then memory=$((limit / 1048576)); fi
  local by_memory=$((memory / 2048))
  [ "$by_memory" -ge 1 ] || by_memory=1
  printf '%s' $((cores < by_memory ? cores : by_memory))
}

# build PRESET [TARGET...]
build() {
  local preset="$1"
  shift
  local folder="$ROOT/build/$preset"
  [ -e "$folder/build.ninja" ] || require_space "$ROOT" 4
  configure "$preset"
  say "Building $preset ($(jobs) at a time)"
  # The pool's own colours and line rewriting need ninja on the terminal itself.
  NINJA_STATUS='[%f/%t %es] ' cmake --build "$folder" -j "$(jobs)" ${1:+--target "$@"} >&2 ||
    fail "The build failed; the first error above says where." "After a change: ./dev again goes on from there."
}

# configure PRESET [-D VARIABLE=VALUE]...
configure() {
  local preset="$1" folder="$ROOT/build/$1" log="$ROOT/build/configure-$1.log"
  shift
  # A build folder knows its absolute path: one that was copied or moved is made anew.
  if [ -e "$folder/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$folder/CMakeCache.txt"; then
    warn "build/$preset was made for another folder; starting it anew."
    rm -rf -- "$folder"
  fi
  # Ninja configures again by itself when a CMake file has changed, but does not watch the presets.
  if [ $# -eq 0 ] && [ -e "$folder/build.ninja" ] && [ "$folder/CMakeCache.txt" -nt "$ROOT/CMakePresets.json" ]; then return; fi
  mkdir -p "$ROOT/build"
  say "Configuring $preset"
  cmake --preset "$preset" "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    fail "CMake could not configure the build; what it said is above (all: build/configure-$preset.log)."
  }
}
