//! Certificates of an authority of the test's own.

use std::path::Path;

use super::*;
use authority::{Authority, Certificate};

// The end-to-end tests need the same authority, and nothing else of this crate.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the file is a public module of the end-to-end tests"
)]
#[path = "../../../tests/src/authority.rs"]
mod authority;

fn files(folder: &Path, name: &str) -> CertificateFiles {
    CertificateFiles {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    }
}

/// The first name of the certificate that a client gets who asks for `name`.
fn chosen(certificates: &Certificates, name: Option<&str>) -> String {
    let current = certificates.0.current.load();
    current.choose(name).unwrap().names[0].clone()
}

#[test]
fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let hosts: [&[&str]; 3] = [
        &["first.example"],
        &["Shop.example", "www.shop.example"],
        &["*.blog.example"],
    ];
    let mut all = Vec::new();
    for (number, hosts) in hosts.into_iter().enumerate() {
        let name = number.to_string();
        authority.sign(hosts, "2").write(folder.path(), &name);
        all.push(files(folder.path(), &name));
    }
    let certificates = Certificates::open(all).unwrap();
    for (name, expected) in [
        (Some("first.example"), "first.example"),
        (Some("www.SHOP.example"), "shop.example"),
        (Some("a.blog.example"), "*.blog.example"),
        (Some("a.b.blog.example"), "first.example"),
        (Some("blog.example"), "first.example"),
        (Some("unknown"), "first.example"),
        (None, "first.example"),
    ] {
        assert_eq!(chosen(&certificates, name), expected, "{name:?}");
    }
}

#[test]
fn each_file_that_is_of_no_use_is_named_with_the_reason() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    authority.sign(&["a.example"], "2").write(folder, "good");
    authority
        .sign(&["a.example"], "-1")
        .write(folder, "expired");
    let mixed = Certificate {
        certificate: authority.sign(&["a.example"], "2").certificate,
        key: authority.sign(&["a.example"], "2").key,
    };
    mixed.write(folder, "mixed");
    std::fs::write(folder.join("empty"), "").unwrap();
    assert_eq!(files(folder, "good").check(), Ok(()));
    let with = |certificate: &str, key: &str| CertificateFiles {
        certificate: folder.join(certificate),
        key: folder.join(key),
    };
    for (files, expected) in [
        (files(folder, "absent"), "absent.pem cannot be read"),
        (with("empty", "good.key"), "empty has no certificate in PEM"),
        (with("good.pem", "empty"), "empty has no private key in PEM"),
        (with("good.pem", "good.pem"), "good.pem has no private key"),
        (files(folder, "mixed"), "mixed.key does not fit"),
        (
            files(folder, "expired"),
            "expired.pem has expired 1 day ago",
        ),
    ] {
        let said = files.check().unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_renewed_certificate_is_taken_and_a_useless_one_leaves_the_old_one() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    let old = authority.sign(&["a.example", "old.example"], "2");
    old.write(folder, "a");
    let certificates = Certificates::open(vec![files(folder, "a")]).unwrap();
    let in_use = || {
        let current = certificates.0.current.load();
        current.loaded[0].contents.certificate.clone()
    };
    assert_eq!(certificates.renew(), (0, Vec::new()));

    // Half of a renewal: the key comes later.
    let new = authority.sign(&["new.example", "a.example"], "30");
    std::fs::write(folder.join("a.pem"), &new.certificate).unwrap();
    let (taken, errors) = certificates.renew();
    assert!(matches!(errors[..], [CertificateError::OtherKey { .. }]));
    assert_eq!((taken, in_use()), (0, old.certificate.into_bytes()));
    new.write(folder, "a");
    assert_eq!(certificates.renew(), (1, Vec::new()));
    assert_eq!(in_use(), new.certificate.clone().into_bytes());

    for (hosts, days, expected) in [
        (&["a.example"], "-1", "has expired"),
        (
            &["other.example"],
            "2",
            "is for other names (other.example)",
        ),
    ] {
        authority.sign(hosts, days).write(folder, "a");
        let (taken, errors) = certificates.renew();
        assert!(errors[0].to_string().contains(expected), "{errors:?}");
        assert_eq!((taken, in_use()), (0, new.certificate.clone().into_bytes()));
    }
    std::fs::remove_file(folder.join("a.key")).unwrap();
    assert_eq!(certificates.renew().1.len(), 1);
}
