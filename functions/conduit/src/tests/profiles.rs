//! Profiles, and following them.

use serde_json::json;

use super::support::Api;

#[test]
fn a_profile_shows_whether_the_viewer_follows() {
    let api = Api::new();
    let (anna, _bert) = (api.user("anna"), api.user("bert"));
    let following =
        |token: &str| api.get("/profiles/bert", token).json["profile"]["following"].clone();
    assert_eq!(following(&anna), false);
    let follow = api.post("/profiles/bert/follow", &anna, &json!({}));
    assert_eq!(
        (follow.status, &follow.json["profile"]["following"]),
        (200, &json!(true))
    );
    assert_eq!(
        api.post("/profiles/bert/follow", &anna, &json!({})).status,
        200,
        "following twice is following"
    );
    assert_eq!(
        (following(&anna), following("")),
        (json!(true), json!(false))
    );
    let unfollow = api.delete("/profiles/bert/follow", &anna);
    assert_eq!(
        (unfollow.status, &unfollow.json["profile"]["following"]),
        (200, &json!(false))
    );
    assert_eq!(following(&anna), false);
}

#[test]
fn a_profile_hides_the_address() {
    let api = Api::new();
    api.user("anna");
    let reply = api.get("/profiles/anna", "");
    assert_eq!(
        reply.json,
        json!({"profile": {"username": "anna", "bio": null, "image": null, "following": false}})
    );
}

#[test]
fn an_unknown_profile_is_not_found() {
    let api = Api::new();
    let token = api.user("anna");
    for reply in [
        api.get("/profiles/nobody", ""),
        api.post("/profiles/nobody/follow", &token, &json!({})),
        api.delete("/profiles/nobody/follow", &token),
    ] {
        assert_eq!((reply.status, reply.fault("profile")), (404, "not found"));
    }
}

#[test]
fn following_needs_a_token() {
    let api = Api::new();
    for reply in [
        api.post("/profiles/nobody/follow", "", &json!({})),
        api.delete("/profiles/nobody/follow", ""),
    ] {
        assert_eq!((reply.status, reply.fault("token")), (401, "is missing"));
    }
}
