//! Users: signing up, signing in, and one's own settings.

use serde::{Deserialize, Serialize};
use terrace_sdk::http::StatusCode;
use terrace_sdk::sql::{self, Row, Statement};
use terrace_sdk::{Response, values};

use crate::body::present;
use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;
use crate::limits::MAX_SHORT_TEXT_CHARACTERS;
use crate::validation::Validation;
use crate::{auth, clock, passwords, reply};

/// `ON CONFLICT` instead of an error: what an engine says about a conflict is not portable.
const INSERT: &str = "
    INSERT INTO users (username, email, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO NOTHING
    RETURNING id, username, email, bio, image";

const TAKEN: &str = "SELECT 'username' FROM users WHERE username = ?1 AND id <> ?3
    UNION ALL SELECT 'email' FROM users WHERE email = ?2 AND id <> ?3";

const BY_EMAIL: &str =
    "SELECT id, username, email, bio, image, password_hash FROM users WHERE email = ?1";

const BY_ID: &str = "SELECT id, username, email, bio, image FROM users WHERE id = ?1";

/// A flag before each value that may become NULL says whether it changes at all.
const UPDATE: &str = "
    UPDATE users SET
        username = coalesce(?2, username),
        email = coalesce(?3, email),
        password_hash = coalesce(?4, password_hash),
        bio = CASE WHEN ?5 = 1 THEN ?6 ELSE bio END,
        image = CASE WHEN ?7 = 1 THEN ?8 ELSE image END
    WHERE id = ?1
    RETURNING id, username, email, bio, image";

/// The id of somebody who has no account yet.
const NEW_USER: i64 = 0;

#[derive(Deserialize)]
struct Content<T> {
    user: T,
}

#[derive(Deserialize)]
struct NewUser {
    username: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct Credentials {
    email: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct Changes {
    #[serde(default, deserialize_with = "present")]
    username: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    password: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    bio: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    image: Option<Option<String>>,
}

#[derive(Serialize)]
struct User<'a> {
    username: &'a str,
    email: &'a str,
    bio: Option<&'a str>,
    image: Option<&'a str>,
    token: &'a str,
}

/// `POST /users`
pub(crate) async fn register(mut call: Call) -> Result<Response, Failure> {
    let Content { user } = call.json::<Content<NewUser>>().await?;
    let mut validation = Validation::default();
    let username = validation.username(user.username);
    let email = validation.email(user.email);
    let password = validation.password(user.password);
    validation.finish()?;
    // Before the hash, which is the dear part; the insertion decides.
    refuse_taken(&call, Some(&username), Some(&email), NEW_USER).await?;
    let hash = passwords::hash(&password)?;
    let created = clock::text(clock::now());
    let rows = call
        .change(INSERT, values![&username, &email, hash, created])
        .await?;
    let Some(row) = rows.first() else {
        // Somebody was faster.
        refuse_taken(&call, Some(&username), Some(&email), NEW_USER).await?;
        return Err(Failure::Taken("username"));
    };
    Ok(signed_in(&call, StatusCode::CREATED, row)?)
}

/// `POST /users/login`
pub(crate) async fn login(mut call: Call) -> Result<Response, Failure> {
    let Content { user } = call.json::<Content<Credentials>>().await?;
    let mut validation = Validation::default();
    let email = validation.text("email", user.email, usize::MAX);
    let password = validation.text("password", user.password, usize::MAX);
    validation.finish()?;
    let rows = call.read(BY_EMAIL, values![email]).await?;
    let known = rows.first();
    let stored = known.map(|row| row.get::<&str>(5)).transpose()?;
    let matches = passwords::matches(&password, stored)?;
    let row = known
        .filter(|_| matches)
        .ok_or(Failure::InvalidCredentials)?;
    Ok(signed_in(&call, StatusCode::OK, row)?)
}

/// `GET /user`
pub(crate) async fn current(call: Call) -> Result<Response, Failure> {
    let rows = call.read(BY_ID, values![call.viewer()?]).await?;
    let row = rows.first().ok_or(Failure::InvalidToken)?;
    Ok(show(StatusCode::OK, row, call.token()?)?)
}

/// `PUT /user`
pub(crate) async fn update(mut call: Call) -> Result<Response, Failure> {
    let viewer = call.viewer()?;
    let Content { user } = call.json::<Content<Changes>>().await?;
    let mut validation = Validation::default();
    let username = user.username.map(|value| validation.username(value));
    let email = user.email.map(|value| validation.email(value));
    let password = user.password.map(|value| validation.password(value));
    let bio = validation.clearable("bio", user.bio, MAX_SHORT_TEXT_CHARACTERS);
    let image = validation.clearable("image", user.image, MAX_SHORT_TEXT_CHARACTERS);
    validation.finish()?;
    if username.is_some() || email.is_some() {
        refuse_taken(&call, username.as_deref(), email.as_deref(), viewer).await?;
    }
    let hash = password
        .map(|password| passwords::hash(&password))
        .transpose()?;
    let update = Statement::new(UPDATE)
        .bind(viewer)
        .bind(username.as_ref())
        .bind(email)
        .bind(hash)
        .bind(bio.is_some())
        .bind(bio.clone().flatten())
        .bind(image.is_some())
        .bind(image.clone().flatten());
    let results = call
        .batch(&[Statement::new(BY_ID).bind(viewer), update])
        .await?;
    let [before, after] = &results[..] else {
        return Err(sql::Error::NoRow.into());
    };
    let row = after.first().ok_or(Failure::InvalidToken)?;
    let response = show(StatusCode::OK, row, call.token()?)?;
    let groups = seen_otherwise(before.one()?, row)?;
    Ok(caching::changed(response, groups))
}

/// What others see of a user that is not what it was.
fn seen_otherwise(before: &Row, after: &Row) -> Result<Groups, sql::Error> {
    let mut groups = Groups::default();
    let names: [&str; 2] = [before.get(1)?, after.get(1)?];
    let texts = |row: &'_ Row| -> Result<[Option<String>; 2], sql::Error> {
        Ok([row.get(3)?, row.get(4)?])
    };
    let is_renamed = names[0] != names[1];
    if is_renamed || texts(before)? != texts(after)? {
        groups.add(Group::User(after.get(0)?));
    }
    for name in names.into_iter().filter(|_| is_renamed) {
        groups.add(Group::Author(name));
        groups.add(Group::Favorited(name));
    }
    Ok(groups)
}

/// Refuses a name or address that somebody else has.
async fn refuse_taken(
    call: &Call,
    username: Option<&str>,
    email: Option<&str>,
    owner: i64,
) -> Result<(), Failure> {
    let rows = call.read(TAKEN, values![username, email, owner]).await?;
    match rows.first().map(|row| row.get::<&str>(0)).transpose()? {
        None => Ok(()),
        Some("email") => Err(Failure::Taken("email")),
        Some(_) => Err(Failure::Taken("username")),
    }
}

fn signed_in(call: &Call, status: StatusCode, row: &Row) -> Result<Response, sql::Error> {
    let token = auth::issue(row.get(0)?, &call.instance.secret, clock::now());
    show(status, row, &token)
}

fn show(status: StatusCode, row: &Row, token: &str) -> Result<Response, sql::Error> {
    #[derive(Serialize)]
    struct Content<'a> {
        user: User<'a>,
    }
    let user = User {
        username: row.get(1)?,
        email: row.get(2)?,
        bio: row.get(3)?,
        image: row.get(4)?,
        token,
    };
    Ok(reply::json(status, &Content { user }))
}
