//! Reads `[tls]`: the files of the certificates for `https`. Using them is left to the server, those that are ordered to `acme`.

use std::path::Path;

use super::acme::{Acme, acme};
use crate::certificates::{CertificateError, CertificateFiles, FileCertificate};
use crate::document::{Table, Value};
use crate::fault::Reason;

const HELP: &str = "write `certificate = \"fullchain.pem\"` and `key = \"privkey.pem\"` in [tls], or `acme = { … }` to have one ordered";

/// The certificates in the order of the file: the one in `[tls]` itself, then those of `[[tls.more]]`; and what is ordered. All are
/// judged.
pub(super) fn certificates(
    root: &Table<'_>,
    directory: &Path,
) -> (Vec<FileCertificate>, Option<Acme>) {
    let Some(table) = root.table("tls", "[tls]") else {
        return (Vec::new(), None);
    };
    let is_ordered = table.get("acme").is_some();
    let acme = acme(&table, directory);
    let has_files = table.get("certificate").is_some() || table.get("key").is_some();
    let first = if has_files || !is_ordered {
        files(&table, directory)
    } else {
        None
    };
    let mut certificates: Vec<_> = first.into_iter().collect();
    let more = table.get("more").and_then(|more| more.list());
    for entry in more.into_iter().flatten() {
        let Some(table) = entry.table("[[tls.more]]") else {
            continue;
        };
        certificates.extend(files(&table, directory));
        table.finish();
    }
    table.finish();
    (certificates, acme)
}

/// Checks that there is a listener if and only if there are certificates.
pub(super) fn check_listener(root: &Table<'_>, https: Option<Value<'_>>) {
    match (root.get("tls"), https) {
        (Some(tls), None) => {
            let reason = Reason::new("[tls] is of no use without a listener for https");
            tls.report_key(reason.help("write `https = \"0.0.0.0:443\"` in [listen]"));
        }
        (None, Some(https)) => {
            https.report(Reason::new("`https` needs a certificate").help(HELP));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn files(table: &Table<'_>, directory: &Path) -> Option<FileCertificate> {
    let certificate = table.required("certificate", HELP);
    let key = table.required("key", HELP);
    let (certificate, key) = (certificate?, key?);
    let files = CertificateFiles {
        certificate: directory.join(certificate.string()?),
        key: directory.join(key.string()?),
    };
    let key_file = files.key.clone();
    let read = FileCertificate::read(files);
    if let Err(error) = &read {
        let of_key = match error {
            CertificateError::NoKey { .. } | CertificateError::OtherKey { .. } => true,
            CertificateError::Unreadable { file, .. } => *file == key_file,
            _ => false,
        };
        let place = if of_key { &key } else { &certificate };
        place.report(Reason::new(error.to_string()));
    }
    read.ok()
}
