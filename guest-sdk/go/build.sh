#!/bin/sh
# Builds a Go project to a plugin that the host loads: build.sh PROJECT OUT.wasm
#
# Any Go from 1.25 on; no TinyGo, no other tools. It is a core module: the host makes the
# component of it. Of the linker's flags -checklinkname=0 lets bindings/runtime get memory
# that Go does not collect, and -s -w leave out what debuggers want (2 %): stacks keep their
# names without.
set -eu
out=$(realpath "$2")
cd "$1"
GOOS=wasip1 GOARCH=wasm exec "${GO:-go}" build -buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w -checklinkname=0' -o "$out" .
