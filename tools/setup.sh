#!/usr/bin/env bash
# Installs what is missing of the tools that building (`setup.sh build`) or testing (`setup.sh test`) needs.
# Re-runnable: what is there already is left alone. Each installation is announced and timed.
set -euo pipefail
cd "$(dirname "$0")/.."

TRUNK=0.21.14
WASM_BINDGEN=0.2.130
BINARYEN=132.0.0
tools_bin="$PWD/.tools/node_modules/.bin"
export PATH="$HOME/.cargo/bin:$tools_bin:$PATH"
# Tools are built once and run for seconds: their own link-time optimization is not worth the wait.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
# The settings in .cargo/config.toml are for the site; tools go to cargo's own folder.
unset CARGO_TARGET_DIR

fail() { echo "setup: $*" >&2; exit 1; }

step() {
  local name=$1 start=$SECONDS; shift
  echo "setup: installing $name"
  "$@" || fail "could not install $name; the lines above say why."
  echo "setup: $name took $((SECONDS - start)) s"
}

version_of() { "$1" --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)*' | head -1 || true; }

command -v cargo >/dev/null || fail "Rust is missing: install rustup first, then run this again."
command -v node >/dev/null && command -v npm >/dev/null || fail "Node.js 20 or newer with npm is missing: install it, then run this again."
command -v python3 >/dev/null || fail "Python 3 is missing: install it, then run this again."

build_tools() {
  if ! [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]; then
    command -v rustup >/dev/null || fail "the wasm32-unknown-unknown target is missing and rustup is not there to add it."
    step "Rust target wasm32-unknown-unknown" rustup target add wasm32-unknown-unknown
  fi
  [ "$(version_of trunk)" = "$TRUNK" ] || step "trunk $TRUNK" cargo install --quiet --locked --force trunk --version "$TRUNK"
  # Without --locked: the lock file that this version ships names a yanked crate.
  [ "$(version_of wasm-bindgen)" = "$WASM_BINDGEN" ] ||
    step "wasm-bindgen-cli $WASM_BINDGEN" cargo install --quiet --force wasm-bindgen-cli --version "$WASM_BINDGEN"
  [ "$(version_of "$tools_bin/wasm-opt")" = "${BINARYEN%%.*}" ] || {
    mkdir -p .tools
    step "binaryen $BINARYEN (wasm-opt)" npm install --prefix .tools --no-save --no-audit --no-fund --loglevel=error "binaryen@$BINARYEN"
  }
}

test_tools() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  command -v chromedriver >/dev/null || missing+=(chromium-driver)
  # Mesa's software Vulkan: the native GPU tests run on it.
  ls /usr/share/vulkan/icd.d/lvp_icd*.json >/dev/null 2>&1 || missing+=(mesa-vulkan-drivers)
  compgen -G "/usr/lib*/libvulkan.so.1" >/dev/null || compgen -G "/usr/lib/*/libvulkan.so.1" >/dev/null || missing+=(libvulkan1)
  if [ ${#missing[@]} -gt 0 ]; then
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
      command -v sudo >/dev/null || fail "missing: ${missing[*]}; install them (names as in Debian), then run this again."
      sudo=(sudo)
    fi
    command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install them (names as in Debian), then run this again."
    step "${missing[*]}" "${sudo[@]}" bash -c "apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ${missing[*]} >/dev/null"
  fi
  if [ -f tests/e2e/package-lock.json ] && ! { [ -d tests/e2e/node_modules/playwright-core ] && [ -d tests/e2e/node_modules/axe-core ]; }; then
    step "playwright-core and axe-core" npm ci --prefix tests/e2e --no-audit --no-fund --loglevel=error
  fi
}

case "${1:-build}" in
  build) build_tools ;;
  test) test_tools ;;
  *) fail "unknown part $1; use build or test." ;;
esac
