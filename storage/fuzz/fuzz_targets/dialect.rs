//! Translates arbitrary scripts, whose statements are parted by blank lines, with a schema that they change.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::dialect::{Kind, Schema, translate};

/// The kinds of the values that come with each statement.
const KINDS: [Option<Kind>; 3] = [Some(Kind::Integer), Some(Kind::Text), None];

fuzz_target!(|data: &[u8]| {
    let script = String::from_utf8_lossy(data);
    let mut schema = Schema::new();
    schema
        .apply("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INTEGER, r REAL, b BLOB)")
        .expect("the table is portable");
    for text in script.split("\n\n") {
        for kinds in [&KINDS[..], &[]] {
            match translate(text, &schema, kinds) {
                Ok(translated) => assert!(translated.accepts(kinds), "{text}"),
                Err(refusal) => assert!(text.is_char_boundary(refusal.place.offset), "{text}"),
            }
        }
        let _ = schema.apply(text);
    }
});
