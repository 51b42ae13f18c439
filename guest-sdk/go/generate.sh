#!/bin/sh
# Writes bindings/imports and bindings/exports anew from wit/: run it when the contract
# changes, and check in what it writes.
#
# Needs wit-bindgen-cli 0.63 with its `go` generator
# (cargo install wit-bindgen-cli@0.63.0 --no-default-features --features go) and gofmt.
set -eu
cd "$(dirname "$0")"
bindings=pawl.dev/pawl/bindings
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

"${WIT_BINDGEN:-wit-bindgen}" go ../../wit --world plugin --format=false \
    --pkg-name "$bindings" --out-dir "$made" >/dev/null

# Three changes to what it writes. The runtime that it imports is ours, bindings/runtime and
# bindings/types, which has what this contract needs and no more. What the host has written
# is copied, since that memory is used again. And the files are for WebAssembly alone:
# elsewhere there is no host to link with.
find "$made" -name '*.go' | while read -r file; do
    sed -i -e "s|go.bytecodealliance.org/pkg/wit/|$bindings/|" \
        -e 's/unsafe\.String(/witRuntime.String(/g' -e 's/unsafe\.Slice(/witRuntime.Bytes(/g' \
        -e 's|^package |//go:build wasip1\n\npackage |' "$file"
done
gofmt -w "$made"

rm -rf bindings/imports bindings/exports/wit_exports
mv "$made/imports" bindings/
mv "$made/exports/wit_exports" bindings/exports/
