//! The processors that code can be compiled for: the one of this machine, and those with a name. Compiled code fits an engine if the
//! fingerprint of both is the same, and the processor has what the name promises.

use std::hash::{Hash, Hasher};

use wasmtime::Config;

/// A processor that code is compiled for.
#[derive(Clone, Copy, Debug)]
pub struct Target(&'static Processor);

#[derive(Debug)]
struct Processor {
    name: &'static str,
    /// What Cranelift may use beyond what all processors of the family have; none to use all that this machine has.
    flags: Option<&'static [&'static [&'static str]]>,
    /// Whether this machine has that.
    is_here: fn() -> bool,
}

/// Those that this program has a compiler for, the best first.
#[cfg(target_arch = "x86_64")]
static ALL: [Processor; 3] = [
    NATIVE,
    Processor {
        name: "x86_64-v3",
        flags: Some(&[V2, V3]),
        is_here: has_v3,
    },
    Processor {
        name: "x86_64-v2",
        flags: Some(&[V2]),
        is_here: has_v2,
    },
];

/// Those that this program has a compiler for, the best first.
#[cfg(target_arch = "aarch64")]
static ALL: [Processor; 2] = [
    NATIVE,
    Processor {
        name: "aarch64",
        flags: Some(&[]),
        is_here: || true,
    },
];

/// What all processors of x86-64-v2 have.
#[cfg(target_arch = "x86_64")]
const V2: &[&str] = &[
    "has_cmpxchg16b",
    "has_popcnt",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
];

/// What all processors of x86-64-v3 have beyond that.
#[cfg(target_arch = "x86_64")]
const V3: &[&str] = &[
    "has_avx",
    "has_avx2",
    "has_bmi1",
    "has_bmi2",
    "has_fma",
    "has_lzcnt",
];

const NATIVE: Processor = Processor {
    name: "native",
    flags: None,
    is_here: || true,
};

impl Target {
    /// The processor with this name.
    ///
    /// # Errors
    /// The list of the names.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = ALL.iter().find(|processor| processor.name == name);
        found.map(Self).ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|processor| processor.name).collect();
            format!(
                "this program compiles for {}; a bundle for another family is made on a machine of that family",
                names.join(", ")
            )
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Those whose code can run on this machine, the best first.
    pub(super) fn usable() -> impl Iterator<Item = Self> {
        let usable = ALL.iter().filter(|processor| (processor.is_here)());
        usable.map(Self)
    }

    /// An engine that compiles for it and runs nothing.
    pub(super) fn engine(self, mut config: Config) -> wasmtime::Result<wasmtime::Engine> {
        if let Some(flags) = self.0.flags {
            config.target(TRIPLE)?;
            for flag in flags.iter().copied().flatten() {
                enable(&mut config, flag);
            }
        }
        wasmtime::Engine::new(&config)
    }
}

#[expect(unsafe_code, reason = "flags could also change how code is compiled")]
fn enable(config: &mut Config, flag: &'static str) {
    // SAFETY: each flag in `ALL` only allows further instructions, and nothing is run by this engine. The engine that runs the code
    // compares these flags with its processor when it loads the code.
    unsafe { config.cranelift_flag_enable(flag) };
}

/// What an engine is: its version, its settings, and what it may use of the processor. Code of one engine is for those with the same.
pub(super) fn fingerprint(engine: &wasmtime::Engine) -> blake3::Hash {
    let mut hasher = DigestHasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize()
}

/// Hashes wasmtime's compatibility data with a digest that is the same in every process.
struct DigestHasher(blake3::Hasher);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let bytes = self.0.finalize();
        u64::from_le_bytes(std::array::from_fn(|index| bytes.as_bytes()[index]))
    }
}

/// The system of this program.
#[cfg(target_os = "macos")]
const TRIPLE: &str = "aarch64-apple-darwin";
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const TRIPLE: &str = "aarch64-unknown-linux-gnu";
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

#[cfg(target_arch = "x86_64")]
fn has_v2() -> bool {
    is_x86_feature_detected!("cmpxchg16b")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("sse4.2")
        && is_x86_feature_detected!("ssse3")
}

#[cfg(target_arch = "x86_64")]
fn has_v3() -> bool {
    has_v2()
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("lzcnt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineSize;
    use crate::engine::{compiling, config};

    #[test]
    fn code_for_this_machine_is_code_of_the_engine_that_runs_it() {
        let memory = 1 << 20;
        let size = EngineSize {
            memory,
            instances: 1,
        };
        let running = wasmtime::Engine::new(&config(size)).unwrap();
        let native = Target::parse("native").unwrap();
        let native = native.engine(compiling()).unwrap();
        assert_eq!(fingerprint(&native), fingerprint(&running));
    }

    #[test]
    fn processors_have_fingerprints_of_their_own_and_compile_the_same_each_time() {
        let wasm = wat::parse_str(
            r#"(component (core module $m
                (func (export "a") (param i32) (result i32) (i32.popcnt (local.get 0)))
                (func (export "b") (param f64) (result f64) (f64.nearest (local.get 0)))))"#,
        );
        let wasm = wasm.unwrap();
        let mut fingerprints = Vec::new();
        for processor in &ALL {
            let compile = || {
                let engine = Target(processor).engine(compiling()).unwrap();
                fingerprints.push(fingerprint(&engine));
                engine.precompile_component(&wasm).unwrap()
            };
            let mut compile = compile;
            assert_eq!(compile(), compile());
        }
        for pair in fingerprints.chunks(2) {
            assert_eq!(pair[0], pair[1]);
        }
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), ALL.len());
    }

    #[test]
    fn a_processor_of_another_family_is_refused_with_the_list() {
        let said = Target::parse("s390x").unwrap_err();
        assert!(said.contains("native, "), "{said}");
    }
}
