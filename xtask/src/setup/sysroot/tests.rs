//! What counts as a whole sysroot, and what is removed beside it.

use tempfile::TempDir;

use super::*;

/// A folder with everything that [`is_complete`] looks at.
fn whole() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sysroot = folder.path();
    for target in GUEST_TARGETS {
        write(
            &target_folder(sysroot, target).join("lib/libstd-0123.rlib"),
            "",
        )
        .unwrap();
    }
    for file in [
        "bin/rustc",
        "bin/cargo",
        "lib/rustlib/some-host/bin/wasm-component-ld",
    ] {
        write(&sysroot.join(file), "").unwrap();
    }
    folder
}

#[test]
fn sysroot_with_every_part_is_complete() {
    assert!(is_complete(whole().path()));
}

#[test]
fn sysroot_without_a_part_is_not_complete() {
    let library = format!("lib/rustlib/{}/lib/libstd-0123.rlib", GUEST_TARGETS[0]);
    let linker = "lib/rustlib/some-host/bin/wasm-component-ld";
    for part in ["bin/rustc", "bin/cargo", linker, &library] {
        let sysroot = whole();
        fs::remove_file(sysroot.path().join(part)).unwrap();
        assert!(!is_complete(sysroot.path()), "without {part}");
    }
}

#[test]
fn link_to_a_compiler_that_is_gone_is_not_complete() {
    let sysroot = whole();
    let cargo = sysroot.path().join("bin/cargo");
    fs::remove_file(&cargo).unwrap();
    link(&sysroot.path().join("gone"), &cargo).unwrap();
    assert!(!is_complete(sysroot.path()));
}

#[test]
fn sysroots_of_other_versions_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (current, old, lock) = ["2.0", "1.0", "lock"]
        .map(|name| folder.path().join(name))
        .into();
    write(&current.join("bin/rustc"), "").unwrap();
    write(&old.join("bin/rustc"), "").unwrap();
    write(&lock, "").unwrap();
    remove_others(folder.path(), &current).unwrap();
    assert!(current.exists() && lock.exists() && !old.exists());
}
