#!/bin/sh
# Builds the function for Cloudflare: the build command of wrangler.toml. What is missing is installed, once.
set -eu

# Whether a program is there whose version has that form.
has() {
    "$1" --version 2>/dev/null | grep -q "$2"
}

for tool in esbuild wasm-opt; do
    [ -e "node_modules/.bin/$tool" ] || { echo "node_modules has no $tool: run \`npm install\` first" >&2; exit 1; }
done
rustup --quiet target add wasm32-unknown-unknown
[ -e Cargo.lock ] || cargo generate-lockfile
# Each works only with the crate of its own version. Built without optimisation, which takes a third of the time.
has worker-build '^0\.8\.' || cargo install --debug --locked 'worker-build@^0.8'
version=$(cargo pkgid wasm-bindgen | sed 's/.*@//')
has wasm-bindgen " $version\$" || cargo install --debug "wasm-bindgen-cli@$version"

export WASM_BINDGEN_BIN=wasm-bindgen
export ESBUILD_BIN=node_modules/.bin/esbuild
export WASM_OPT_BIN=node_modules/.bin/wasm-opt
exec worker-build --release --out-dir target/worker
