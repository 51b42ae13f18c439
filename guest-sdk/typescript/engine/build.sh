#!/bin/sh
# Builds engine.wasm from pinned sources; the same bytes wherever it runs. Wants cargo (it fetches
# QuickJS-ng, which the crate rquickjs-sys carries) and python3 with pip (which has zig as a C compiler),
# or ZIG set to a zig of this version. An argument is where the module goes instead.
set -eu

CRATE=rquickjs-sys
CRATE_VERSION=0.14.0
CRATE_SHA256=cee271d0eeba64f0915b846cb7ae02e16faf3dfdffdca91731101d9d30fe3423
ZIG_VERSION=0.17.1
# The stack in the linear memory; vm.c has the part of it that JavaScript may use.
STACK_BYTES=2097152

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/engine.wasm}
case $out in /*) ;; *) out=$PWD/$out ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir fetch
cat >fetch/Cargo.toml <<TOML
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
$CRATE = "=$CRATE_VERSION"
TOML
touch fetch/lib.rs
cargo vendor --quiet --manifest-path fetch/Cargo.toml vendor >/dev/null
grep -q "\"package\":\"$CRATE_SHA256\"" "vendor/$CRATE/.cargo-checksum.json" || {
  echo "$CRATE $CRATE_VERSION is not the one that is pinned" >&2
  exit 1
}
mv "vendor/$CRATE/quickjs" quickjs

if [ -z "${ZIG:-}" ]; then
  python3 -m venv zig
  zig/bin/pip install --quiet "ziglang==$ZIG_VERSION"
  ZIG="$work/zig/bin/python -m ziglang"
fi
[ "$($ZIG version)" = "$ZIG_VERSION" ] || {
  echo "zig $ZIG_VERSION is wanted: ZIG=$ZIG is another one" >&2
  exit 1
}

# Relative names only: no path of this machine comes into the module.
cp "$here"/*.c "$here"/*.h .
cp -r "$here/gen" .
mkdir objects
# compile WARNINGS SOURCE…
compile() {
  warnings=$1
  shift
  for source; do
    $ZIG cc -target wasm32-wasi -O2 -fno-strict-aliasing $warnings -D_GNU_SOURCE -DNDEBUG -isystem quickjs \
      -c -o "objects/$(basename "$source" .c).o" "$source"
  done
}
compile "-Wall -Wextra -Werror" *.c
compile -w gen/plugin.c quickjs/libregexp.c quickjs/libunicode.c quickjs/dtoa.c
$ZIG cc -target wasm32-wasi -mexec-model=reactor -O2 -s -o engine.wasm objects/*.o gen/plugin_component_type.o \
  -Wl,-z,stack-size=$STACK_BYTES -Wl,--strip-all

if grep -q wasi_snapshot_preview1 engine.wasm; then
  echo "the module imports WASI: wasi.c lacks a call of the C library" >&2
  exit 1
fi
chmod 644 engine.wasm
mv engine.wasm "$out"
