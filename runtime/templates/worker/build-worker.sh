#!/bin/sh
# Builds the function for Cloudflare: the build command of wrangler.toml. What is missing is installed, once.
set -eu
rustup target add wasm32-unknown-unknown
# `wasm-bindgen` works only with the crate of its own version.
cargo install --quiet --locked 'worker-build@^0.8'
cargo install --quiet "wasm-bindgen-cli@$(cargo pkgid wasm-bindgen | sed 's/.*@//')"
for tool in esbuild wasm-opt; do
    [ -e "node_modules/.bin/$tool" ] || { echo "node_modules has no $tool: run \`npm install\` first" >&2; exit 1; }
done
export WASM_BINDGEN_BIN=wasm-bindgen
export ESBUILD_BIN=node_modules/.bin/esbuild
export WASM_OPT_BIN=node_modules/.bin/wasm-opt
exec worker-build --release --out-dir target/worker
