//! Slugs: the parts of articles' URLs that are made from their titles.

/// What `/api/articles/feed` is taken for.
const RESERVED: &str = "feed";

/// Bytes of chance in the ending of a slug that would be taken otherwise: 2^40 endings per title.
const ENDING_BYTES: usize = 5;

/// Letters and digits of any script in lower case, joined by single hyphens.
///
/// Combining accents are dropped, so that both spellings of `é` that Unicode knows stay one word.
/// A title without letters gives an empty slug, and `feed` is a route: both need [`with_ending`].
pub(crate) fn of(title: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    let letters = title
        .chars()
        .filter(|letter| !is_combining_accent(*letter))
        .flat_map(char::to_lowercase);
    for letter in letters {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Whether a slug can be used as it is, should no article have it yet.
pub(crate) fn is_usable(slug: &str) -> bool {
    !slug.is_empty() && slug != RESERVED
}

/// The slug with an ending made of chance.
///
/// # Errors
///
/// If the host gives no random bytes.
pub(crate) fn with_ending(slug: &str) -> Result<String, getrandom::Error> {
    let mut chance = [0; ENDING_BYTES];
    getrandom::fill(&mut chance)?;
    let ending = chance.map(|byte| format!("{byte:02x}")).concat();
    Ok(if slug.is_empty() {
        ending
    } else {
        format!("{slug}-{ending}")
    })
}

/// The block "Combining Diacritical Marks".
fn is_combining_accent(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_the_words_of_the_title() {
        for (title, slug) in [
            ("How to train your dragon", "how-to-train-your-dragon"),
            ("  Rust & WebAssembly: 2026!  ", "rust-webassembly-2026"),
            ("Crème BRÛLÉE", "crème-brûlée"),
            ("re\u{301}sume\u{301}", "resume"),
            ("日本語 のタイトル", "日本語-のタイトル"),
            ("!!!", ""),
        ] {
            assert_eq!(of(title), slug);
        }
    }

    #[test]
    fn a_slug_that_is_a_route_is_not_used_as_it_is() {
        assert!(!is_usable(&of("Feed")));
        assert!(!is_usable(""));
        assert!(with_ending("feed").unwrap().starts_with("feed-"));
        assert_ne!(with_ending("").unwrap(), with_ending("").unwrap());
    }
}
