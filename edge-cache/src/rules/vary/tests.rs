//! Which requests select which variants.

use super::*;
use crate::rules::testing::headers;

type Fields<'a> = &'a [(&'static str, &'a str)];

fn matches(vary: &str, stored: Fields<'_>, presented: Fields<'_>) -> bool {
    let key = VaryKey::new(&headers(stored), &headers(&[("vary", vary)])).unwrap();
    let other = VaryKey::new(&headers(presented), &headers(&[("vary", vary)])).unwrap();
    let matches = key.matches(&headers(presented));
    assert_eq!(
        matches,
        key == other,
        "keys are equal exactly if they select each other"
    );
    matches
}

#[test]
fn all_nominated_fields_must_match_rfc_9111_4_1() {
    assert!(matches(
        "Foo",
        &[("foo", "1")],
        &[("foo", "1"), ("bar", "2")]
    ));
    assert!(!matches("Foo", &[("foo", "1")], &[("foo", "2")]));
    assert!(!matches(
        "foo, bar",
        &[("foo", "1"), ("bar", "a")],
        &[("foo", "1"), ("bar", "b")]
    ));
    assert!(!matches(
        "foo, bar",
        &[("foo", "1"), ("bar", "2")],
        &[("foo", "2"), ("bar", "1")]
    ));
}

#[test]
fn a_field_that_is_missing_matches_only_one_that_is_missing_rfc_9111_4_1() {
    assert!(matches("foo, bar", &[("bar", "1")], &[("bar", "1")]));
    assert!(!matches("foo", &[("foo", "1")], &[]));
    assert!(!matches("foo", &[], &[("foo", "1")]));
    assert!(!matches("foo", &[], &[("foo", "")]));
    assert!(!matches("foo", &[("foo", "")], &[]));
}

#[test]
fn lines_are_combined_and_space_around_commas_means_nothing_rfc_9111_4_1() {
    assert!(matches(
        "foo",
        &[("foo", "1, 2")],
        &[("foo", "1"), ("foo", "2")]
    ));
    assert!(matches("foo", &[("foo", "1,2")], &[("foo", " 1, 2 ")]));
    assert!(!matches("foo", &[("foo", "1,2")], &[("foo", "2,1")]));
}

#[test]
fn a_star_matches_nothing_wherever_it_stands_rfc_9110_12_5_5() {
    for value in ["*", "*, *", ", *", "*, foo", "foo, *", "foo bar", "\"foo\""] {
        assert_eq!(
            VaryKey::new(&headers(&[]), &headers(&[("vary", value)])),
            None,
            "{value}"
        );
    }
    let lines = headers(&[("vary", ""), ("vary", "*")]);
    assert_eq!(VaryKey::new(&headers(&[]), &lines), None);
}

#[test]
fn the_order_and_number_of_nominations_does_not_matter_rfc_9110_12_5_5() {
    let request = headers(&[("a", "1"), ("b", "2")]);
    let one = VaryKey::new(&request, &headers(&[("vary", "a, b")]));
    let other = VaryKey::new(&request, &headers(&[("vary", "B"), ("vary", "A, b")]));
    assert_eq!(one, other);
}

#[test]
fn what_is_kept_with_a_variant_is_bounded() {
    let nominating = |count: usize| {
        let names: Vec<_> = (0..count).map(|index| format!("a{index}")).collect();
        VaryKey::new(&headers(&[]), &headers(&[("vary", &names.join(","))]))
    };
    assert!(nominating(MAX_NOMINATED_FIELDS).is_some());
    assert!(nominating(MAX_NOMINATED_FIELDS + 1).is_none());
    let with = |length: usize| {
        VaryKey::new(
            &headers(&[("a", &"a".repeat(length))]),
            &headers(&[("vary", "a")]),
        )
    };
    assert!(with(MAX_NOMINATED_BYTES).is_some());
    assert!(with(MAX_NOMINATED_BYTES + 1).is_none());
}

#[test]
fn other_nominations_make_another_key_when_it_is_freshened_rfc_9111_4_3_4() {
    let key = VaryKey::new(&headers(&[("a", "1")]), &headers(&[("vary", "a")])).unwrap();
    let request = headers(&[("a", "2"), ("b", "3")]);
    assert_eq!(
        key.freshened(&request, &headers(&[("vary", "A")])).as_ref(),
        Some(&key)
    );
    let both = headers(&[("vary", "a, b")]);
    assert_eq!(
        key.freshened(&request, &both),
        VaryKey::new(&request, &both)
    );
    assert_eq!(key.freshened(&request, &headers(&[("vary", "*")])), None);
    assert_eq!(key.freshened(&request, &headers(&[])).as_ref(), Some(&key));
}

#[test]
fn but_for_the_language_all_else_must_match() {
    let vary = headers(&[("vary", "accept-language, a")]);
    let key = VaryKey::new(&headers(&[("accept-language", "de"), ("a", "1")]), &vary).unwrap();
    assert!(key.matches_but_for_language(&headers(&[("accept-language", "fr"), ("a", "1")])));
    assert!(!key.matches_but_for_language(&headers(&[("accept-language", "de"), ("a", "2")])));
    assert!(!VaryKey::default().matches_but_for_language(&headers(&[])));
}
