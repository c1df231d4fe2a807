//! The properties with text that looks like fields.

use proptest::prelude::*;

/// Text that looks like fields: fragments and arbitrary bytes in any order.
fn text(fragments: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let fragment = proptest::sample::select(fragments).prop_map(|text| text.as_bytes().to_vec());
    let bytes = proptest::collection::vec(any::<u8>(), 0..4);
    let piece = prop_oneof![8 => fragment, 1 => bytes];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

const SYNTAX: [&str; 14] = [
    ",", ", ", "=", "\"", "\\", ";", " ", "\n", "\n\n", "\0", "*", "/", ":", "-",
];

/// Calls a property with text of these fragments and of punctuation.
fn check(property: fn(&[u8]), fragments: &'static [&'static str]) {
    let all: Vec<&'static str> = fragments.iter().chain(&SYNTAX).copied().collect();
    let mut runner = proptest::test_runner::TestRunner::default();
    let checked = runner.run(&text(all.leak()), |text| {
        property(&text);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn lists_of_any_bytes() {
    check(super::lists, &["a", "b=c", "\"d, e\"", "\\\""]);
}

#[test]
fn directives_of_any_bytes() {
    let fragments = &[
        "max-age",
        "s-maxage",
        "no-store",
        "no-cache",
        "private",
        "must-understand",
        "60",
        "0",
        "99999999999999999999",
        "stale-while-revalidate",
        "stale-if-error",
        "MaX-aGe=5",
    ];
    check(super::directives, fragments);
}

#[test]
fn targeted_fields_of_any_bytes() {
    check(
        super::targeted,
        &[
            "max-age=60",
            "no-store",
            "private=\"a\"",
            "(a b)",
            "?0",
            ":AA==:",
            "1.5",
            "a",
        ],
    );
}

#[test]
fn dates_of_any_bytes() {
    let fragments = &[
        "Sun, ",
        "Sunday, ",
        "Sun ",
        "06 ",
        "06-",
        "Nov ",
        "Nov-",
        " 6 ",
        "1994 ",
        "94 ",
        "08:49:37",
        " GMT",
        " 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ];
    check(super::dates, fragments);
}

#[test]
fn entity_tags_of_any_bytes() {
    check(
        super::entity_tag_lists,
        &["\"a\"", "W/", "w/", "\"b,c\"", "d"],
    );
}

#[test]
fn ranges_of_any_bytes() {
    let fragments = &[
        "range: bytes=",
        "if-range: ",
        "etag: ",
        "\"a\"",
        "W/\"a\"",
        "0-",
        "-5",
        "4-9",
        "/10",
        "/*",
        "content-range: bytes ",
        "18446744073709551615",
        "99999999999999999999999",
        "last-modified: Sun, 06 Nov 1994 08:49:37 GMT",
    ];
    check(super::ranges, fragments);
}

#[test]
fn parts_in_any_order() {
    check(super::joined_parts, &["a", "Zz", "09", "b~", "  "]);
}

#[test]
fn variants_of_any_requests() {
    let fragments = &[
        "accept-language: ",
        "accept-encoding: ",
        "cookie: ",
        "foo: ",
        "en",
        "de",
        "gzip",
        "br",
        ";q=0.5",
        ";q=1",
        ";q=x",
        "EN",
    ];
    check(super::variants, fragments);
}

#[test]
fn keys_of_any_targets() {
    let fragments = &[
        "http://",
        "https://",
        "//",
        "a.example",
        "A.EXAMPLE",
        ":80",
        ":443",
        ":8080",
        "user@",
        "[::1]",
        "/b",
        "/..",
        "/.",
        "?c",
        "#d",
        "%2F",
    ];
    check(super::keys, fragments);
}

#[test]
fn groups_of_any_fields() {
    check(
        super::cache_groups,
        &[
            "cache-groups: ",
            "cache-tag: ",
            "surrogate-key: ",
            "\"a\"",
            "b",
            "c d",
            ";x=1",
            "ä",
        ],
    );
}

#[test]
fn cache_status_of_any_name() {
    check(super::cache_status, &["Terrace", "a b", "ä", "0"]);
}

#[test]
fn codings_of_any_bytes() {
    let fragments = &[
        "gzip",
        "br",
        "zstd",
        "identity",
        "*",
        ";q=0",
        ";q=1",
        ";q=0.001",
        "content-type: text/html\n",
        "etag: \"a\"\n",
        "vary: a\n",
    ];
    check(super::content_codings, fragments);
}

#[test]
fn stored_fields_of_any_fields() {
    check(
        super::stored_fields,
        &[
            "connection: ",
            "a",
            "date: ",
            "age: 5",
            "te: x",
            "b: c",
            "keep-alive",
        ],
    );
}

#[test]
fn preconditions_of_any_requests() {
    let fragments = &[
        "if-none-match: ",
        "if-modified-since: ",
        "etag: ",
        "\"a\"",
        "W/\"b\"",
        "last-modified: ",
        "Sun, 06 Nov 1994 08:49:37 GMT",
    ];
    check(super::preconditions, fragments);
}

#[test]
fn freshening_with_any_fields() {
    let fragments = &[
        "etag: ",
        "\"a\"",
        "content-length: 5",
        "content-encoding: x",
        "connection: a",
        "a: b",
        "date: c",
        "age: 1",
        "last-modified: d",
    ];
    check(super::freshening, fragments);
}

#[test]
fn storing_of_any_messages() {
    let fragments = &[
        "cache-control: ",
        "cdn-cache-control: ",
        "max-age=60",
        "no-store",
        "private",
        "public",
        "must-understand",
        "authorization: x",
        "cookie: a",
        "set-cookie: b",
        "vary: ",
        "etag: \"a\"",
        "content-range: bytes 0-4/10",
        "expires: 0",
        "s-maxage=5",
        "range: bytes=0-4",
    ];
    check(super::storing, fragments);
}
