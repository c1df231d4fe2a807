//! What is said of files that can't be served.

use crate::function::testing::{component, component_with, engine, load};

/// What is said of a component in text that can't be loaded.
fn fault(text: &str) -> String {
    fault_of(&wat::parse_str(text).unwrap())
}

fn fault_of(wasm: &[u8]) -> String {
    let Err(error) = load(&engine(), wasm) else {
        panic!("it is loaded");
    };
    error.to_string()
}

#[test]
fn a_handler_of_version_2_is_used_once() {
    assert!(!load(&engine(), &component("")).unwrap().reusable);
}

#[test]
fn what_is_no_component_is_named() {
    for (wasm, found) in [
        (&b""[..], "nothing"),
        (b"<html>", "something else than WebAssembly"),
        (b"\0asm\x01\0\0\0", "a core module"),
        (b"\0asm\x0d\0\x01\0\xff", "something damaged"),
    ] {
        let fault = fault_of(wasm);
        assert!(fault.contains(found), "{fault}");
        assert!(fault.contains("wasm32-wasip2"), "{fault}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let Err(error) = super::read("/nowhere/guest.wasm".as_ref()) else {
        panic!("it is loaded");
    };
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/guest.wasm can't be read"),
        "{error}"
    );
}

#[test]
fn a_component_without_a_handler_is_told_what_it_exports() {
    let fault = fault(r#"(component (instance $i) (export "a:b/c@1.0.0" (instance $i)))"#);
    assert!(
        fault.contains("exports no HTTP handler (exports: a:b/c@1.0.0)"),
        "{fault}"
    );
}

#[test]
fn two_handlers_are_one_too_many() {
    let fault = fault(
        r#"(component (instance $i)
            (export "wasi:http/handler@0.3.0" (instance $i))
            (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#,
    );
    assert!(fault.contains("exports 2 HTTP handlers"), "{fault}");
}

#[test]
fn all_imports_that_are_not_offered_are_named_at_once() {
    let fault = fault(
        r#"(component
            (import "other:thing/here@1.0.0" (instance
                (export "r" (type (sub resource)))
                (export "f" (func))))
            (import "fermyon:spin/llm@2.0.0" (instance
                (export "infer" (func (param "prompt" string) (result string)))))
            (import "wasi:cli/environment@0.2.0" (instance
                (export "get-arguments" (func (result (list string))))))
            (import "wasi:random/random@0.2.0" (instance
                (export "get-random-u64" (func (result string)))))
            (instance $i)
            (export "wasi:http/handler@0.3.0" (instance $i)))"#,
    );
    let expected = "does not offer: fermyon:spin/llm@2.0.0, other:thing/here@1.0.0, wasi:random/random@0.2.0 (";
    assert!(fault.contains(expected), "{fault}");
    assert!(fault.contains("[component.ID.dependencies]"), "{fault}");
}

#[test]
fn both_versions_of_the_standard_for_configuration_are_offered() {
    for version in ["0.2.0-draft-2024-09-27", "0.2.0-rc.1"] {
        let text = format!(
            r#"(import "wasi:config/store@{version}" (instance
                (type $e (variant (case "upstream" string) (case "io" string)))
                (export "error" (type $error (eq $e)))
                (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))"#
        );
        let wasm = component_with("", &text);
        assert!(load(&engine(), &wasm).is_ok(), "{version}");
    }
}
