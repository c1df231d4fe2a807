//! Registration, sign-in, and the current user.

use serde_json::{Value, json};

use super::support::{Api, PASSWORD};

#[test]
fn a_new_user_is_signed_in_and_can_sign_in_again() {
    let api = Api::new();
    let token = api.user("anna");
    let current = api.get("/user", &token);
    assert_eq!(current.status, 200);
    assert_eq!(current.json["user"]["username"], "anna");
    assert_eq!(current.json["user"]["bio"], Value::Null);
    assert_eq!(current.json["user"]["image"], Value::Null);
    assert_eq!(current.json["user"]["token"], token.as_str());
    let login = api.post(
        "/users/login",
        "",
        &json!({"user": {"email": "anna@example.com", "password": PASSWORD}}),
    );
    assert_eq!(login.status, 200);
    assert_eq!(
        api.get("/user", login.json["user"]["token"].as_str().unwrap())
            .status,
        200
    );
}

#[test]
fn blank_missing_and_null_fields_are_all_named() {
    let api = Api::new();
    for user in [
        json!({}),
        json!({"username": "", "email": " ", "password": ""}),
        json!({"username": null, "email": null, "password": null}),
    ] {
        let reply = api.post("/users", "", &json!({"user": user}));
        assert_eq!(reply.status, 422);
        for field in ["username", "email", "password"] {
            assert_eq!(reply.fault(field), "can't be blank", "{field} of {user}");
        }
    }
}

#[test]
fn implausible_fields_are_refused() {
    let api = Api::new();
    for (field, value, fault) in [
        ("email", "nobody".to_owned(), "is invalid"),
        ("email", "a b@example.com".to_owned(), "is invalid"),
        (
            "password",
            "short7c".to_owned(),
            "is too short (minimum is 8 characters)",
        ),
        (
            "username",
            "u".repeat(65),
            "is too long (maximum is 64 characters)",
        ),
    ] {
        let mut user =
            json!({"username": "anna", "email": "anna@example.com", "password": PASSWORD});
        user[field] = json!(value);
        let reply = api.post("/users", "", &json!({"user": user}));
        assert_eq!((reply.status, reply.fault(field)), (422, fault));
    }
}

#[test]
fn a_taken_name_or_address_is_a_conflict() {
    let api = Api::new();
    api.user("anna");
    let register = |username: &str, email: &str| {
        api.post(
            "/users",
            "",
            &json!({"user": {"username": username, "email": email, "password": PASSWORD}}),
        )
    };
    let name = register("anna", "other@example.com");
    assert_eq!(
        (name.status, name.fault("username")),
        (409, "has already been taken")
    );
    let email = register("other", "anna@example.com");
    assert_eq!(
        (email.status, email.fault("email")),
        (409, "has already been taken")
    );
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_alike() {
    let api = Api::new();
    api.user("anna");
    for (email, password) in [
        ("anna@example.com", "wrong password"),
        ("nobody@example.com", PASSWORD),
    ] {
        let reply = api.post(
            "/users/login",
            "",
            &json!({"user": {"email": email, "password": password}}),
        );
        assert_eq!((reply.status, reply.fault("credentials")), (401, "invalid"));
    }
    let blank = api.post(
        "/users/login",
        "",
        &json!({"user": {"email": "", "password": ""}}),
    );
    assert_eq!(
        (blank.status, blank.fault("email"), blank.fault("password")),
        (422, "can't be blank", "can't be blank")
    );
}

#[test]
fn one_s_own_user_needs_a_valid_token() {
    let api = Api::new();
    for reply in [
        api.get("/user", ""),
        api.put("/user", "", &json!({"user": {"bio": "x"}})),
    ] {
        assert_eq!((reply.status, reply.fault("token")), (401, "is missing"));
    }
    let forged = api.get("/user", "a.b.c");
    assert_eq!((forged.status, forged.fault("token")), (401, "is invalid"));
}

#[test]
fn only_the_fields_sent_are_changed() {
    let api = Api::new();
    let token = api.user("anna");
    let change = |user: Value| api.put("/user", &token, &json!({"user": user}));
    assert_eq!(
        change(json!({"bio": "Writes"})).json["user"]["bio"],
        "Writes"
    );
    let reply = change(
        json!({"username": "anne", "email": "anne@example.com", "image": "https://example.com/a.png"}),
    );
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json["user"]["bio"], "Writes");
    assert_eq!(api.get("/user", &token).json["user"]["username"], "anne");
    assert_eq!(
        change(json!({"username": "anne"})).status,
        200,
        "one may keep one's own name"
    );
}

#[test]
fn a_biography_is_cleared_by_null_or_blank_text() {
    let api = Api::new();
    let token = api.user("anna");
    for cleared in [json!(""), json!(null)] {
        api.put(
            "/user",
            &token,
            &json!({"user": {"bio": "Writes", "image": "x"}}),
        );
        let reply = api.put(
            "/user",
            &token,
            &json!({"user": {"bio": cleared, "image": cleared}}),
        );
        assert_eq!(reply.status, 200);
        assert_eq!(api.get("/user", &token).json["user"]["bio"], Value::Null);
        assert_eq!(reply.json["user"]["image"], Value::Null);
    }
}

#[test]
fn name_address_and_password_cannot_be_cleared() {
    let api = Api::new();
    let token = api.user("anna");
    for field in ["username", "email", "password"] {
        for value in [json!(""), json!(null)] {
            let reply = api.put("/user", &token, &json!({"user": {field: value}}));
            assert_eq!((reply.status, reply.fault(field)), (422, "can't be blank"));
        }
    }
}

#[test]
fn a_name_that_someone_else_has_is_a_conflict() {
    let api = Api::new();
    api.user("anna");
    let token = api.user("bert");
    let reply = api.put("/user", &token, &json!({"user": {"username": "anna"}}));
    assert_eq!(
        (reply.status, reply.fault("username")),
        (409, "has already been taken")
    );
    let reply = api.put(
        "/user",
        &token,
        &json!({"user": {"email": "anna@example.com"}}),
    );
    assert_eq!(
        (reply.status, reply.fault("email")),
        (409, "has already been taken")
    );
}

#[test]
fn a_new_password_replaces_the_old_one() {
    let api = Api::new();
    let token = api.user("anna");
    assert_eq!(
        api.put(
            "/user",
            &token,
            &json!({"user": {"password": "another one"}})
        )
        .status,
        200
    );
    let login = |password: &str| {
        api.post(
            "/users/login",
            "",
            &json!({"user": {"email": "anna@example.com", "password": password}}),
        )
        .status
    };
    assert_eq!((login(PASSWORD), login("another one")), (401, 200));
}

#[test]
fn a_token_of_a_user_that_is_gone_is_invalid() {
    let (api, other) = (Api::new(), Api::new());
    let token = api.user("anna");
    assert_eq!(other.get("/user", &token).status, 401);
    let article = json!({"article": {"title": "T", "description": "D", "body": "B"}});
    let reply = other.post("/articles", &token, &article);
    assert_eq!((reply.status, reply.fault("token")), (401, "is invalid"));
    assert_eq!(other.get("/articles", "").json["articlesCount"], 0);
}
