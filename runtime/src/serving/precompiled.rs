//! Takes compiled code from a bundle. It is machine code, so it is taken only if the settings trust the key that signed it, and only if it is
//! of an engine and for a processor like this one. Then it is kept with the code that this machine has compiled, and trusted as that is.

use std::path::Path;

use super::inputs::AppInputs;
use crate::bundle::{self, Bundle, PublicKey};
use crate::engine::Engine;

/// What became of the compiled code in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precompiled {
    /// There is none.
    None,
    /// It is used.
    Taken {
        /// The processor that it is for.
        target: &'static str,
    },
    /// Nobody who is trusted vouches for it.
    Untrusted,
    /// It is for other processors or engines.
    Unfit,
    /// It could not be kept.
    Failed,
}

/// Takes the code that fits. All that is missing is compiled.
pub(super) fn take(engine: &Engine, inputs: &AppInputs) -> Precompiled {
    let unpacked = inputs.unpacked.as_ref();
    let Some(unpacked) = unpacked.filter(|of| !of.bundle.index.compiled.is_empty()) else {
        return Precompiled::None;
    };
    let Some(trusted) = &inputs.config.deploy.trusted_keys else {
        return Precompiled::Untrusted;
    };
    let (file, bundle) = (unpacked.file(), &unpacked.bundle);
    let taken = take_trusted(engine, file, bundle, trusted);
    taken.unwrap_or_else(|error| {
        let file = file.display();
        tracing::warn!("compiled code in {file} is not used: {error}");
        Precompiled::Failed
    })
}

fn take_trusted(
    engine: &Engine,
    file: &Path,
    bundle: &Bundle,
    trusted: &[PublicKey],
) -> Result<Precompiled, String> {
    let compiled = bundle.index.compiled.iter();
    let offered = compiled.clone().map(|code| (&*code.target, &*code.engine));
    let fitting = engine.fitting(&offered.collect::<Vec<_>>());
    let Some(target) = fitting.map_err(|error| format!("{error:#}"))? else {
        return Ok(Precompiled::Unfit);
    };
    let target = target.name();
    for code in compiled.filter(|code| code.target == target) {
        let content = bundle::compiled(file, bundle, code, trusted);
        let content = content.map_err(|fault| fault.message)?;
        let adopted = engine.adopt(&code.wasm, &content);
        adopted.map_err(|error| format!("it cannot be kept: {error}"))?;
    }
    Ok(Precompiled::Taken { target })
}

impl Precompiled {
    /// Says so in the log, in one line.
    pub(super) fn report(self, file: &Path) {
        let file = file.display();
        match self {
            Self::None | Self::Failed => {}
            Self::Taken { target } => {
                tracing::info!("compiled code for {target} is taken from {file}");
            }
            Self::Untrusted => tracing::warn!(
                "compiled code in {file} is not used, because there are no `trusted_keys` in [deploy]; the components are compiled here"
            ),
            Self::Unfit => tracing::info!(
                "compiled code in {file} is not used, because it is for other processors or another version of Terrace; the components are compiled here"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bundle::{CompiledCode, Contents, SigningKey};
    use crate::engine::{self, EngineSize, Precompiler, Target};
    use crate::manifest::App;
    use crate::serving::ServingOptions;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
    const TRUSTED: &str =
        "deploy.trusted_keys = ['MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=']";
    const MANIFEST: &str = "spin_manifest_version = 2\napplication = { name = 'shop' }\n\
        [[trigger.http]]\nroute = '/...'\ncomponent = 'a'\n[component.a]\nsource = 'a.wasm'\n";

    /// What becomes of signed code for this machine that says that it is of this engine.
    fn taken(fingerprint: impl FnOnce(String) -> String, settings: &str) -> Precompiled {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let wasm = wat::parse_str("(component)").unwrap();
        for (name, content) in [
            ("spin.toml", MANIFEST.as_bytes()),
            ("terrace.toml", settings.as_bytes()),
            ("a.wasm", &wasm),
            ("sign.pem", KEY.as_bytes()),
        ] {
            fs::write(path(name), content).unwrap();
        }
        let native = Precompiler::new(Target::parse("native").unwrap()).unwrap();
        let (digest, code) = (engine::digest(&wasm), native.compile(&wasm).unwrap());
        let fingerprint = fingerprint(native.fingerprint());
        let entry = CompiledCode::new("a", digest, "native", fingerprint, &code);
        let app = App::load(folder.path()).unwrap_or_else(|faults| panic!("{faults}"));
        let contents = Contents::of(&app, |_| false).unwrap();
        let key = SigningKey::read(&path("sign.pem")).unwrap();
        let (file, compiled) = (path("app.terrace"), [(entry, code)]);
        bundle::write(&contents, &compiled, None, Some(&key), &file).unwrap();
        let options = ServingOptions {
            manifest: file,
            ..ServingOptions::default()
        };
        let inputs = AppInputs::read(&options).unwrap_or_else(|faults| panic!("{faults}"));
        let (memory, instances) = (1 << 20, 1);
        let cache = path("cache");
        let engine = Engine::new(EngineSize { memory, instances }, Some(&cache)).unwrap();
        let taken = take(&engine, &inputs);
        let kept = fs::read_dir(&cache).unwrap().count();
        // Beside the key: the code and its digest.
        let expected = if taken == Precompiled::Unfit || taken == Precompiled::Untrusted {
            1
        } else {
            3
        };
        assert_eq!(kept, expected);
        taken
    }

    #[test]
    fn code_of_this_engine_is_taken_from_those_who_are_trusted() {
        let target = "native";
        assert_eq!(taken(|own| own, TRUSTED), Precompiled::Taken { target });
        assert_eq!(taken(|own| own, ""), Precompiled::Untrusted);
    }

    #[test]
    fn code_of_another_engine_is_not_taken() {
        let other = |own: String| own.chars().rev().collect();
        assert_eq!(taken(other, TRUSTED), Precompiled::Unfit);
    }
}
