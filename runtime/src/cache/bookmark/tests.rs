//! Bookmarks as clients send them, right and wrong.

use super::*;

const OURS: Secret = [1; 32];

fn at(log: &str, number: u64) -> Bookmark {
    let position = LogPosition {
        log: log.into(),
        number,
    };
    Bookmark::of(Told::Confirmed(position), Positions::default())
}

/// One of a server without a log, with a position in a database.
fn in_database(position: &str) -> Bookmark {
    Bookmark::without_log(Positions::parse(position).unwrap())
}

fn unknown() -> Bookmark {
    Bookmark::of(Told::Unconfirmed, Positions::default())
}

fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| (name.clone(), value.parse().unwrap()));
    fields.collect()
}

/// The places, whatever the time.
fn place(bookmark: Option<Bookmark>) -> Option<Place> {
    bookmark.map(|bookmark| bookmark.place)
}

#[test]
fn what_a_response_gives_a_request_brings_back_by_cookie_or_field() {
    let in_both = at("run", 7).and(in_database("7-1-ff"));
    for bookmark in [at("run", 7), unknown(), in_database("primary"), in_both] {
        let mut response = HeaderMap::new();
        bookmark.add_to_response(&mut response, &OURS);
        let cookie = response[header::SET_COOKIE].to_str().unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(
            attributes,
            "Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"
        );
        let field = response[FIELD].to_str().unwrap();
        for mut request in [
            headers(&[(header::COOKIE, pair)]),
            headers(&[(FIELD, field)]),
        ] {
            let taken = Bookmark::take_from_request(&mut request, &OURS).unwrap();
            assert_eq!(taken.positions, bookmark.positions);
            assert_eq!(taken.place, bookmark.place);
            assert!(request.is_empty(), "{request:?}");
        }
        let taken = Bookmark::take_from_response(&mut response, &OURS);
        assert_eq!(place(taken).unwrap(), bookmark.place);
        assert!(response.is_empty(), "{response:?}");
    }
}

#[test]
fn other_cookies_stay_as_they_are() {
    let pair = format!("{COOKIE}{}", at("run", 7).encode(&OURS));
    for (line, rest) in [
        (format!("a=1; {pair}; b=\"2\";c"), Some("a=1; b=\"2\";c")),
        (format!("{pair}; a=1"), Some("a=1")),
        (format!("a=1;{pair}"), Some("a=1")),
        (format!("{pair};"), None),
        (format!("x{pair}"), Some(&*format!("x{pair}"))),
    ] {
        let mut request = headers(&[(header::COOKIE, "z=0"), (header::COOKIE, &line)]);
        Bookmark::take_from_request(&mut request, &OURS);
        let lines: Vec<_> = request.get_all(header::COOKIE).iter().collect();
        let expected: Vec<&str> = ["z=0"].into_iter().chain(rest).collect();
        assert_eq!(lines, expected, "{line}");
    }
}

#[test]
fn forged_old_and_foreign_bookmarks_are_removed_and_nothing() {
    let good = at("run", 7).encode(&OURS);
    let mut old = at("run", 7);
    old.made = clock::since_1970() - MAX_BOOKMARK_AGE - Duration::from_secs(1);
    for wrong in [
        at("run", 7).encode(&[2; 32]),
        old.encode(&OURS),
        good.replacen(".7.", ".8.", 1),
        good[..good.len() - 1].to_owned(),
        good.to_uppercase(),
        String::new(),
        "1.run.7".to_owned(),
        "....".to_owned(),
        "é".to_owned(),
    ] {
        let cookie = format!("{COOKIE}{wrong}");
        let field = HeaderValue::from_bytes(wrong.as_bytes()).unwrap();
        let mut request = HeaderMap::new();
        request.insert(FIELD, field);
        let cookie = HeaderValue::from_bytes(cookie.as_bytes()).unwrap();
        request.insert(header::COOKIE, cookie);
        let taken = Bookmark::take_from_request(&mut request, &OURS);
        assert_eq!((taken, request.len()), (None, 0), "{wrong}");
    }
    let later = Bookmark {
        made: clock::since_1970() + Duration::from_secs(300),
        ..at("run", 7)
    };
    let mut request = headers(&[(FIELD, &later.encode(&OURS))]);
    let taken = Bookmark::take_from_request(&mut request, &OURS);
    assert!(taken.is_some(), "the clock of its server is ahead");
}

#[test]
fn several_bookmarks_are_as_strict_as_the_strictest() {
    for (one, two, both) in [
        (at("a", 7), at("a", 8), at("a", 8)),
        (at("a", 8), at("a", 7), at("a", 8)),
        (at("a", 7), at("b", 8), unknown()),
        (at("a", 7), unknown(), unknown()),
        (unknown(), at("a", 7), unknown()),
        (in_database("7-1-1"), at("a", 7), at("a", 7)),
        (unknown(), in_database("7-1-1"), unknown()),
    ] {
        let cookie = format!("{COOKIE}{}", one.encode(&OURS));
        let field = two.encode(&OURS);
        let mut request = headers(&[(header::COOKIE, &cookie), (FIELD, &field)]);
        let taken = Bookmark::take_from_request(&mut request, &OURS);
        assert_eq!(place(taken), Some(both.place), "{one:?} {two:?}");
    }
    let newest = in_database("7-1-1").and(in_database("7-1-2+8-1-1"));
    assert_eq!(newest.positions, Positions::parse("7-1-2+8-1-1").unwrap());
}

#[test]
fn write_that_nobody_knows_of_is_remembered_for_its_time() {
    let earlier = unknown();
    let told = at("a", 7);
    assert_eq!(told.clone().after(None), told);
    assert_eq!(told.clone().after(Some(at("a", 9))), told);
    assert_eq!(told.clone().after(Some(earlier.clone())), earlier);
    let long_ago = Bookmark {
        made: clock::since_1970() - BOOKMARK_LIFETIME - Duration::from_secs(1),
        ..earlier
    };
    assert_eq!(told.clone().after(Some(long_ago)), told);
}
