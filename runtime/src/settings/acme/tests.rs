//! `[tls.acme]` and what is found wrong with it.

use super::*;
use crate::document::Document;
use crate::fault::Source;

/// Reads `acme = { … }` with these keys; else what is wrong.
fn read(keys: &str) -> Result<Option<Acme>, String> {
    let source = Source {
        file: "terrace.toml".into(),
        text: format!("[tls.acme]\n{keys}\n"),
    };
    let document = Document::new(source);
    let parsed = document.parse().unwrap();
    let root = document.root(&parsed);
    let read = root
        .table("tls", "[tls]")
        .and_then(|table| acme(&table, Path::new("")));
    let faults = document.take_faults();
    match faults.0.is_empty() {
        true => Ok(read),
        false => Err(faults.to_string()),
    }
}

const CONTACT: &str = "contact = 'mailto:a@example.com'";

#[test]
fn names_and_a_contact_are_enough() {
    let acme = read(&format!("names = ['WWW.example.com', 'a-b.c']\n{CONTACT}"));
    let acme = acme.unwrap().unwrap();
    assert_eq!(acme.names, ["www.example.com", "a-b.c"]);
    assert_eq!(acme.contact, "mailto:a@example.com");
    assert_eq!(acme.directory, LETS_ENCRYPT);
    assert_eq!(acme.authorities, None);
}

/// All of it at once.
#[test]
fn each_mistake_of_acme_is_named() {
    let said = read(
        "names = ['a.example', '*.b.example', 'A.example', '10.0.0.1', 'https://c', 'bücher.example']\n\
         contact = 'a@example.com'\n\
         directory = 'http://acme.example/directory'\n\
         directory_root = '/nowhere/root.pem'\n\
         mail = ''",
    )
    .unwrap_err();
    for expected in [
        "*.b.example needs a change of the domain's DNS records",
        "a.example is named twice",
        "`10.0.0.1` is not the name of a host",
        "`https://c` is not the name of a host",
        "write it in ASCII",
        "`a@example.com` is not a mail address as a URI",
        "is not the URL of a directory",
        "/nowhere/root.pem cannot be read",
        "mail",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
    let said = read("").unwrap_err();
    assert!(said.contains("names") && said.contains("contact"), "{said}");
    let said = read(&format!("names = []\n{CONTACT}")).unwrap_err();
    assert!(said.contains("names no host"), "{said}");
    let many: Vec<_> = (0..51).map(|number| format!("'n{number}.a'")).collect();
    let said = read(&format!("names = [{}]\n{CONTACT}", many.join(", ")));
    let said = said.unwrap_err();
    assert!(said.contains("51 names are more than the 50"), "{said}");
}
