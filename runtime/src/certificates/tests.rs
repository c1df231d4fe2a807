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
    let all = all
        .into_iter()
        .map(|files| FileCertificate::read(files).unwrap());
    let certificates = Certificates::new(all.collect(), &[]);
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
    assert!(FileCertificate::read(files(folder, "good")).is_ok());
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
        let said = FileCertificate::read(files).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_renewed_certificate_is_taken_and_a_useless_one_leaves_the_old_one() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    let old = authority.sign(&["a.example", "old.example"], "2");
    old.write(folder, "a");
    let file = FileCertificate::read(files(folder, "a")).unwrap();
    let certificates = Certificates::new(vec![file], &[]);
    let in_use = || {
        let current = certificates.0.current.load();
        current.files[0].loaded.pem().to_vec()
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

#[test]
fn a_name_whose_certificate_is_ordered_has_none_before() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let sign = |name: &str| authority.sign(&[name], "2");
    sign("file.example").write(folder.path(), "a");
    let file = FileCertificate::read(files(folder.path(), "a")).unwrap();
    let names = ["one.example".to_owned(), "two.example".to_owned()];
    let certificates = Certificates::new(vec![file], &names);
    let has = |name| certificates.0.current.load().choose(Some(name)).is_some();
    assert!(!has("one.example") && !has("two.example") && has("other.example"));
    let take = |name, certificate: &Certificate| {
        let Certificate { certificate, key } = certificate;
        let ordered = OrderedCertificate::new(name, certificate, key, "a test")?;
        certificates.take(&ordered);
        Ok::<_, CertificateError>(())
    };
    take("one.example", &sign("one.example")).unwrap();
    assert_eq!(chosen(&certificates, Some("ONE.example")), "one.example");
    assert!(!has("two.example"));
    let other = take("two.example", &sign("one.example")).unwrap_err();
    let said = other.to_string();
    assert_eq!(said, "the certificate in a test is not for two.example");
    let expired = authority.sign(&["one.example"], "-1");
    assert!(take("one.example", &expired).is_err());
    assert_eq!(chosen(&certificates, Some("one.example")), "one.example");
    assert_eq!(certificates.renew(), (0, Vec::new()));
    assert_eq!(chosen(&certificates, None), "file.example");

    let without_files = Certificates::new(Vec::new(), &names);
    assert!(without_files.0.current.load().choose(None).is_none());
    assert!(without_files.has_ordered() && !Certificates::new(Vec::new(), &[]).has_ordered());
}

/// RFC 8737 §3: the name alone, and the digest in a critical extension.
#[test]
fn an_authority_that_asks_gets_a_certificate_with_the_digest() {
    let challenge = challenge::Challenge::new("one.example", &[7; 32]).unwrap();
    let der = challenge.key.cert[0].to_vec();
    let digest = [
        &[
            0x30, 0x31, 6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 0x1f, 1, 1, 0xff, 4, 0x22, 4, 0x20,
        ][..],
        &[7; 32],
    ];
    assert!(der.windows(51).any(|part| part == digest.concat()));
    assert!(challenge::Challenge::new("one.example", &[7; 31]).is_err());
    let certificates = Certificates::new(Vec::new(), &["one.example".to_owned()]);
    certificates
        .set_challenge(Some(("one.example", &[7; 32])))
        .unwrap();
    assert!(
        certificates
            .set_challenge(Some(("one.example", b"")))
            .is_err()
    );
    certificates.set_challenge(None).unwrap();
}
