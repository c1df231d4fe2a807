//! Users, logins and profiles.

use http::Method;
use serde_json::{Value, json};

use super::{Api, User, refused, unique};

fn login(user: &User) -> Value {
    json!({"user": {"email": user.email, "password": user.password}})
}

/// Registering and logging in give the same user and a token that works.
pub async fn a_user_registers_and_logs_in(api: &Api) {
    let user = api.register().await;
    let answer = api
        .post("/users/login", "", &login(&user))
        .await
        .expect(200)
        .json()["user"]
        .clone();
    assert_eq!(answer["username"], user.username);
    assert_eq!(answer["email"], user.email);
    for field in ["bio", "image"] {
        assert!(
            answer.get(field).is_some(),
            "{field} is there even when it is null: {answer}"
        );
    }
    let token = answer["token"].as_str().expect("a login gives a token");
    api.get("/user", token).await.expect(200);
}

/// Neither a wrong password nor an unknown address logs in, and both are told alike.
pub async fn a_wrong_password_is_refused(api: &Api) {
    let mut user = api.register().await;
    "wrong".clone_into(&mut user.password);
    let wrong = api.post("/users/login", "", &login(&user)).await;
    refused(&wrong, &[401, 403, 422]);
    user.email = format!("{}@example.com", unique("nobody"));
    let unknown = api.post("/users/login", "", &login(&user)).await;
    assert_eq!(
        (unknown.status, unknown.body),
        (wrong.status, wrong.body),
        "an answer tells which addresses exist"
    );
}

/// A second user of the same name or address is refused.
pub async fn a_name_or_address_is_taken_once(api: &Api) {
    let user = api.register().await;
    let other = unique("other");
    let same_name = json!({"user": {"username": user.username, "email": format!("{other}@example.com"), "password": "x long"}});
    refused(&api.post("/users", "", &same_name).await, &[409, 422]);
    let same_address =
        json!({"user": {"username": other, "email": user.email, "password": "x long"}});
    refused(&api.post("/users", "", &same_address).await, &[409, 422]);
}

/// What is missing or empty is refused, field by field.
pub async fn missing_and_empty_fields_are_named(api: &Api) {
    for field in ["username", "email", "password"] {
        let name = unique("field");
        let mut user = json!({"username": name, "email": format!("{name}@example.com"), "password": "a long password"});
        user[field] = json!("");
        let answer = api.post("/users", "", &json!({ "user": user })).await;
        refused(&answer, &[422]);
        assert!(
            answer.json()["errors"].get(field).is_some(),
            "{field}: {}",
            answer.text()
        );
        user.as_object_mut().expect("an object").remove(field);
        refused(
            &api.post("/users", "", &json!({ "user": user })).await,
            &[422],
        );
    }
    refused(&api.post("/users", "", &json!({})).await, &[422]);
    refused(
        &api.post(
            "/users/login",
            "",
            &json!({"user": {"email": "", "password": ""}}),
        )
        .await,
        &[401, 422],
    );
}

/// The token says who one is.
pub async fn the_current_user_is_the_token_s(api: &Api) {
    let (first, second) = (api.register().await, api.register().await);
    for user in [&first, &second] {
        let answer = api.get("/user", &user.token).await.expect(200).json();
        assert_eq!(answer["user"]["username"], user.username);
    }
}

/// An update changes the fields it names and no other.
pub async fn a_user_changes_what_it_names_only(api: &Api) {
    let user = api.register().await;
    let change = json!({"user": {"bio": "I write", "image": "https://example.com/me.png"}});
    api.put("/user", &user.token, &change).await.expect(200);
    let bio = json!({"user": {"bio": "I wrote"}});
    let answer = api.put("/user", &user.token, &bio).await.expect(200).json()["user"].clone();
    assert_eq!(answer["bio"], "I wrote");
    assert_eq!(answer["image"], "https://example.com/me.png");
    assert_eq!(answer["email"], user.email);
    assert_eq!(answer["username"], user.username);
    let taken = api.register().await;
    refused(
        &api.put(
            "/user",
            &user.token,
            &json!({"user": {"email": taken.email}}),
        )
        .await,
        &[409, 422],
    );
}

/// After a change the old password is no password.
pub async fn a_changed_password_is_the_only_one(api: &Api) {
    let mut user = api.register().await;
    let change = json!({"user": {"password": "another long password"}});
    api.put("/user", &user.token, &change).await.expect(200);
    refused(
        &api.post("/users/login", "", &login(&user)).await,
        &[401, 403, 422],
    );
    "another long password".clone_into(&mut user.password);
    api.post("/users/login", "", &login(&user))
        .await
        .expect(200);
}

/// No token, a forged one and another scheme are refused wherever a user is needed.
pub async fn without_a_right_token_there_is_no_access(api: &Api) {
    let user = api.register().await;
    let (head, signature) = user.token.rsplit_once('.').expect("a JWT has three parts");
    let flipped: String = signature.chars().rev().collect();
    // A token without a signature, whose head says that it needs none (RFC 8725 §3.1).
    let payload = head.split('.').nth(1).expect("a JWT has a payload");
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    for token in ["", "nonsense", &format!("{head}.{flipped}"), &unsigned] {
        refused(&api.get("/user", token).await, &[401]);
        refused(
            &api.put("/user", token, &json!({"user": {"bio": "x"}}))
                .await,
            &[401],
        );
        refused(&api.get("/articles/feed", token).await, &[401]);
        refused(
            &api.post("/articles", token, &json!({"article": {"title": "t"}}))
                .await,
            &[401],
        );
        refused(
            &api.poke(&format!("/profiles/{}/follow", user.username), token)
                .await,
            &[401],
        );
    }
    let other_scheme = format!("Basic {}", user.token);
    refused(
        &api.plain(
            Method::GET,
            "/user",
            &[("authorization", &other_scheme)],
            "",
        )
        .await,
        &[401],
    );
}

/// Neither the password nor a hash of it leaves the server.
pub async fn passwords_are_never_told(api: &Api) {
    let user = api.register().await;
    let profile = format!("/profiles/{}", user.username);
    for answer in [
        api.post("/users/login", "", &login(&user)).await,
        api.get("/user", &user.token).await,
        api.get(&profile, "").await,
    ] {
        let text = answer.expect(200).text();
        for secret in ["password", "argon2", "scrypt", &user.password] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// A profile is seen without a login and shows no address.
pub async fn profiles_are_public(api: &Api) {
    let user = api.register().await;
    let profile = api
        .get(&format!("/profiles/{}", user.username), "")
        .await
        .expect(200)
        .json()["profile"]
        .clone();
    assert_eq!(profile["username"], user.username);
    assert_eq!(profile["following"], false);
    assert!(profile.get("email").is_none(), "{profile}");
    refused(
        &api.get(&format!("/profiles/{}", unique("nobody")), "")
            .await,
        &[404],
    );
}

/// Following is seen by the follower only; doing it twice, or undoing it twice, is fine.
pub async fn following_shows_in_the_profile(api: &Api) {
    let (fan, author) = (api.register().await, api.register().await);
    let path = format!("/profiles/{}/follow", author.username);
    let profile = format!("/profiles/{}", author.username);
    for _ in 0..2 {
        assert_eq!(
            api.poke(&path, &fan.token).await.expect(200).json()["profile"]["following"],
            true
        );
    }
    assert_eq!(
        api.get(&profile, &fan.token).await.expect(200).json()["profile"]["following"],
        true
    );
    assert_eq!(
        api.get(&profile, &author.token).await.expect(200).json()["profile"]["following"],
        false
    );
    for _ in 0..2 {
        assert_eq!(
            api.delete(&path, &fan.token).await.expect(200).json()["profile"]["following"],
            false
        );
    }
    refused(
        &api.poke(
            &format!("/profiles/{}/follow", unique("nobody")),
            &fan.token,
        )
        .await,
        &[404],
    );
}
