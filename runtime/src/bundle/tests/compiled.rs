//! Machine code in a bundle: checked like all of it, and given only to those who trust the signature.

use super::*;

const CODE: &[u8] = b"\x7fELF machine code";

fn code(target: &str) -> (CompiledCode, Vec<u8>) {
    let (wasm, engine) = ("a".repeat(64), "b".repeat(64));
    let code = CompiledCode::new("a", wasm, target, engine, CODE);
    (code, CODE.to_vec())
}

/// A bundle with code for two processors.
fn precompiled(signed: bool) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.terrace");
    let key = signed.then(|| key(folder.path()));
    let compiled = [code("x86_64-v2"), code("x86_64-v3")];
    let contents = contents(folder.path());
    write(&contents, &compiled, None, key.as_ref(), &file).unwrap();
    (folder, file)
}

#[test]
fn compiled_code_is_read_if_its_signer_is_trusted() {
    let (folder, file) = precompiled(true);
    let own = key(folder.path()).public();
    let found = read(&file, Some(&[own]), None).unwrap();
    assert_eq!(found.index.compiled.len(), 2);
    for code in &found.index.compiled {
        assert_eq!(compiled(&file, &found, code, &[own]).unwrap(), CODE);
    }
}

#[test]
fn compiled_code_that_nobody_trusted_has_signed_is_not_given() {
    let other = PublicKey::parse(OTHER).unwrap();
    for signed in [true, false] {
        let (_folder, file) = precompiled(signed);
        let found = read(&file, None, None).unwrap();
        let code = &found.index.compiled[0];
        assert!(compiled(&file, &found, code, &[other]).is_err());
        assert!(compiled(&file, &found, code, &[]).is_err());
    }
}

#[test]
fn compiled_code_that_is_changed_after_the_bundle_was_read_is_not_given() {
    let (folder, file) = precompiled(true);
    let own = key(folder.path()).public();
    let found = read(&file, Some(&[own]), None).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes
        .windows(4)
        .rposition(|four| four == b"\x7fELF")
        .unwrap();
    bytes[at + 5] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let [first, last] = &found.index.compiled[..] else {
        panic!("there are two");
    };
    assert_eq!(compiled(&file, &found, first, &[own]).unwrap(), CODE);
    assert!(compiled(&file, &found, last, &[own]).is_err());
    assert!(read(&file, None, None).is_err());
    fs::write(&file, "short").unwrap();
    assert!(compiled(&file, &found, first, &[own]).is_err());
}

#[test]
fn compiled_code_in_an_index_follows_the_rules() {
    let with = |compiled: Vec<CompiledCode>| Index {
        compiled,
        ..index(&["spin.toml"])
    };
    let good = code("x86_64-v2").0;
    assert!(with(vec![good.clone()]).check().is_ok());
    let twice = with(vec![good.clone(), good.clone()]);
    assert!(twice.check().is_err());
    let mut wrong = vec![good.clone(); 6];
    wrong[0].wasm = "../../etc".into();
    wrong[1].target = "a/../b".into();
    wrong[2].engine = String::new();
    wrong[3].sha256 = "A".repeat(64);
    wrong[4].target = "a".repeat(33);
    wrong[5].component = "a\u{1b}[2J".into();
    for wrong in wrong {
        assert!(with(vec![wrong.clone()]).check().is_err(), "{wrong:?}");
    }
    let endless = CompiledCode {
        size: MAX_BUNDLE_BYTES,
        ..good
    };
    assert!(with(vec![endless]).check().is_err());
}
