//! The forms of events: what is read, and what is refused.

use proptest::prelude::*;

use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let fields = fields.iter();
    fields
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

const REQUIRED: [(&str, &str); 4] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "/a"),
    ("ce-type", "b"),
];

fn structured(text: &str) -> Result<Vec<Event>, Malformed> {
    let headers = headers(&[(
        "content-type",
        "application/cloudevents+json; charset=utf-8",
    )]);
    Event::read(&headers, Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn an_event_in_the_binary_mode_keeps_its_attributes_and_bytes() {
    let mut fields = REQUIRED.to_vec();
    fields.extend([
        ("ce-subject", "50%20%25%20of%20Zo%C3%AB"),
        ("ce-partitionkey", "k"),
        ("content-type", "text/plain"),
        ("x-other", "ignored"),
    ]);
    let events = Event::read(&headers(&fields), Bytes::from_static(b"\xff\x00")).unwrap();
    let [event] = &events[..] else {
        panic!("one event")
    };
    assert_eq!(event.attribute("subject"), Some("50 % of Zoë"));
    assert_eq!(event.attribute("partitionkey"), Some("k"));
    assert_eq!(event.attribute("other"), None);
    let stored = Event::stored(&event.head(), event.data.to_vec()).unwrap();
    assert_eq!(&stored, event);
    let again = Event::read(&to_fields(&stored), stored.data.clone()).unwrap();
    assert_eq!(again, events);
}

#[test]
fn an_event_as_json_is_the_same_as_in_fields() {
    let fields = [&REQUIRED[..], &[("content-type", "application/json")]].concat();
    let binary = Event::read(
        &headers(&fields),
        Bytes::from_static(b"{\"n\":9007199254740993.10}"),
    );
    let json = structured(
        r#"{"specversion":"1.0","id":"1","source":"/a","type":"b","data":{"n":9007199254740993.10}}"#,
    );
    assert_eq!(binary.unwrap(), json.unwrap());
    for (rest, data) in [
        ("", ""),
        (r#","data":null"#, ""),
        (r#","data":"c""#, "\"c\""),
        (r#","datacontenttype":"text/plain","data":"c\n""#, "c\n"),
        (r#","data_base64":"Yw==""#, "c"),
    ] {
        let text = format!(r#"{{"specversion":"1.0","id":"1","source":"/a","type":"b"{rest}}}"#);
        assert_eq!(structured(&text).unwrap()[0].data, data);
    }
}

#[test]
fn a_batch_says_which_event_is_wrong() {
    let headers = headers(&[("content-type", "application/cloudevents-batch+json")]);
    let good = r#"{"specversion":"1.0","id":"1","source":"/a","type":"b","n":7,"yes":true}"#;
    let read = |text: &str| Event::read(&headers, Bytes::copy_from_slice(text.as_bytes()));
    let events = read(&format!("[{good},{good}]")).unwrap();
    assert_eq!((events.len(), events[0].attribute("n")), (2, Some("7")));
    assert_eq!(read("[]").unwrap(), []);
    let error = read(&format!("[{good},{{\"id\":\"1\"}}]")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event 2 of the batch: `specversion` is not 1.0"
    );
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    for (without, reason) in [
        ("ce-specversion", "`specversion` is not 1.0"),
        ("ce-id", "has no `id`"),
        ("ce-source", "has no `source`"),
        ("ce-type", "has no `type`"),
    ] {
        let fields: Vec<_> = REQUIRED
            .into_iter()
            .filter(|(name, _)| *name != without)
            .collect();
        let error = Event::read(&headers(&fields), Bytes::new()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let long = "x".repeat(MAX_EVENT_ATTRIBUTE_BYTES);
    for (field, value, reason) in [
        ("ce-id", "%zz", "`ce-id` is not UTF-8"),
        ("ce-id", "%FF", "`ce-id` is not UTF-8"),
        ("ce-", "a", "not the name of an attribute"),
        ("ce-not-one", "a", "`not-one` is not the name"),
        ("ce-long", &long, "at most 16384"),
        (
            "content-type",
            "application/cloudevents+avro",
            "not supported",
        ),
    ] {
        let mut fields = headers(&REQUIRED);
        fields.insert(field, value.parse().unwrap());
        let error = Event::read(&fields, Bytes::new()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let error = Event::read(&HeaderMap::new(), Bytes::new()).unwrap_err();
    assert!(error.to_string().contains("carries no event"), "{error}");
    for text in [
        "",
        "[]",
        "\"text\"",
        "{\"id\":[]}",
        "{\"data\":1,\"data_base64\":\"\"}",
    ] {
        assert!(structured(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_content_is_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..200), kind in 0..3_usize) {
        let types = ["application/cloudevents+json", "application/cloudevents-batch+json", "text/plain"];
        let fields = [&REQUIRED[..], &[("content-type", types[kind])]].concat();
        let _ = Event::read(&headers(&fields), content.into());
    }

    #[test]
    fn any_attribute_comes_through(value in "\\PC{1,40}") {
        let read = Event::read(&headers(&REQUIRED), Bytes::new()).unwrap();
        let mut event = read[0].clone();
        event.or_attribute("subject", || value.clone());
        let read = Event::read(&to_fields(&event), Bytes::new()).unwrap();
        prop_assert_eq!(read[0].attribute("subject"), Some(&*value));
    }
}
