//! Which requests may be sent to a second origin.

use http::Method;

use super::*;

const LOST: ClientError = ClientError::ConnectionTerminated;
const REFUSED: ClientError = ClientError::ConnectionRefused;

async fn outgoing(method: Method, content: usize, kept: &KeptContent) -> Outgoing {
    let content = Full::new(Bytes::from(vec![b'a'; content]));
    let content = RequestBody::from_inside(content.map_err(|never| match never {}));
    let mut request = Request::new(content);
    *request.method_mut() = method;
    Outgoing::new(request, true, kept).await.unwrap()
}

fn send(outgoing: &mut Outgoing) -> Option<Request<RequestBody>> {
    let origin = Origin::parse("http://10.0.0.2:3000").unwrap();
    outgoing.request(&origin)
}

/// RFC 9110 §9.2.2.
#[tokio::test]
async fn an_idempotent_request_with_small_content_may_be_sent_again() {
    let kept = KeptContent::default();
    for (method, content) in [
        (Method::GET, 0),
        (Method::PUT, 1_000),
        (
            Method::DELETE,
            usize::try_from(MAX_KEPT_CONTENT_BYTES).unwrap(),
        ),
    ] {
        let mut outgoing = outgoing(method, content, &kept).await;
        for _ in 0..2 {
            let request = send(&mut outgoing).unwrap();
            let sent = request.into_body().collect().await.unwrap();
            assert_eq!(sent.to_bytes().len(), content);
            outgoing.take_back(None);
            assert!(outgoing.may_follow(LOST) && outgoing.may_follow(REFUSED));
        }
        assert!(outgoing.is_repeatable());
    }
}

#[tokio::test]
async fn another_one_may_be_if_the_origin_has_seen_nothing_of_it() {
    for content in [0, 1_000] {
        let mut outgoing = outgoing(Method::POST, content, &KeptContent::default()).await;
        let request = send(&mut outgoing).unwrap();
        outgoing.take_back(Some(request.into_body()));
        assert!(outgoing.may_follow(REFUSED) && !outgoing.may_follow(LOST));
        assert!(!outgoing.is_repeatable());
    }
}

#[tokio::test]
async fn content_that_was_read_is_not_sent_again() {
    let too_long = usize::try_from(MAX_KEPT_CONTENT_BYTES).unwrap() + 1;
    let mut outgoing = outgoing(Method::PUT, too_long, &KeptContent::default()).await;
    drop(send(&mut outgoing).unwrap());
    outgoing.take_back(None);
    assert!(!outgoing.may_follow(LOST) && !outgoing.may_follow(REFUSED));
    assert!(send(&mut outgoing).is_none());
}

#[tokio::test]
async fn a_client_that_sends_nonsense_is_no_reason_to_try_others() {
    let outgoing = outgoing(Method::PUT, 1, &KeptContent::default()).await;
    assert!(!outgoing.may_follow(ClientError::RequestContent));
    assert!(!outgoing.may_follow(ClientError::RequestTimeout));
}

#[tokio::test]
async fn all_kept_content_together_has_a_bound() {
    let kept = KeptContent::default();
    let fits = MAX_ALL_KEPT_CONTENT_BYTES / MAX_KEPT_CONTENT_BYTES;
    let largest = usize::try_from(MAX_KEPT_CONTENT_BYTES).unwrap();
    let mut all = Vec::new();
    for _ in 0..fits {
        all.push(outgoing(Method::PUT, largest, &kept).await);
    }
    assert!(all.iter().all(Outgoing::is_repeatable));
    assert!(!outgoing(Method::PUT, 1, &kept).await.is_repeatable());
    all.pop();
    assert!(outgoing(Method::PUT, 1, &kept).await.is_repeatable());
}
