#!/bin/sh
# Builds the function for Cloudflare: the build command in wrangler.toml. Installs missing tools, once.
set -eu

target=wasm32-unknown-unknown
cache=${XDG_CACHE_HOME:-$HOME/.cache}/terrace

has_target() {
    [ -d "$(rustc --print target-libdir --target $target 2>/dev/null)" ]
}

# The version of a package in Cargo.lock.
version() {
    cargo pkgid "$1" | sed 's/.*[@#]//'
}

# tool PROGRAM PACKAGE VERSION OPTION...: the path of a program. Another version on the PATH stays unchanged, because another
# project may need it. The program is built without optimisation, which takes a third of the time.
tool() {
    program=$1 package=$2 version=$3
    shift 3
    if [ "$("$program" --version 2>/dev/null | sed 's/.* //')" = "$version" ]; then
        echo "$program"
        return
    fi
    folder=$cache/$package-$version
    if [ ! -e "$folder/bin/$program" ]; then
        echo "installing $package $version (some minutes, once)" >&2
        cargo install --quiet --debug --root "$folder" "$@" "$package@$version"
    fi
    echo "$folder/bin/$program"
}

for program in esbuild wasm-opt; do
    [ -e "node_modules/.bin/$program" ] || { echo "node_modules has no $program: run \`npm install\` first" >&2; exit 1; }
done
[ -e Cargo.lock ] || cargo generate-lockfile
# Each tool works only with the same version of its crate.
version=$(version worker)
worker_build=$(tool worker-build worker-build "$version" --locked)
version=$(version wasm-bindgen)
WASM_BINDGEN_BIN=$(tool wasm-bindgen wasm-bindgen-cli "$version" --no-default-features)

if ! has_target; then
    # Terrace's `cargo xtask setup` makes this toolchain if rustup cannot download the target.
    if (RUSTUP_TOOLCHAIN=terrace-guest && export RUSTUP_TOOLCHAIN && has_target); then
        export RUSTUP_TOOLCHAIN=terrace-guest
    else
        rustup --quiet target add $target
    fi
fi

export WASM_BINDGEN_BIN
export ESBUILD_BIN=node_modules/.bin/esbuild
export WASM_OPT_BIN=node_modules/.bin/wasm-opt
# wasm-bindgen reads a section that stripping would remove. The names also make traces readable.
export CARGO_PROFILE_RELEASE_STRIP=none
exec "$worker_build" --release --out-dir target/worker
