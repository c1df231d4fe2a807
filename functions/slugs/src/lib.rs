//! Turns titles into parts of URLs: a component with its own WIT world, which functions are composed with.

#[allow(warnings, reason = "made by cargo-component")]
mod bindings;

use bindings::exports::terrace::text::slugs::Guest;

struct Slugs;

impl Guest for Slugs {
    fn slug(title: String) -> String {
        let mut slug = String::with_capacity(title.len());
        for letter in title.chars().flat_map(char::to_lowercase) {
            if letter.is_alphanumeric() {
                slug.push(letter);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(slug.trim_end_matches('-').len());
        slug
    }
}

bindings::export!(Slugs with_types_in bindings);
