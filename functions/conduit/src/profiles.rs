//! Profiles: the public data of users, and following them.

use serde::Serialize;
use terrace_sdk::sql::{self, Row, Rows, Statement};
use terrace_sdk::{Response, values};

use crate::caching::{self, Group, Groups};
use crate::call::Call;
use crate::failure::Failure;
use crate::reply;

/// `?1` is the viewer, `?2` the username.
const BY_USERNAME: &str = "
    SELECT username, bio, image,
        EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followed_id = users.id), id
    FROM users WHERE username = ?2";

const FOLLOW: &str = "
    INSERT INTO follows (follower_id, followed_id) SELECT ?1, id FROM users WHERE username = ?2
    ON CONFLICT DO NOTHING";

const UNFOLLOW: &str = "
    DELETE FROM follows WHERE follower_id = ?1 AND followed_id = (SELECT id FROM users WHERE username = ?2)";

/// A user as others see it.
#[derive(Serialize)]
pub(crate) struct Profile<'a> {
    username: &'a str,
    bio: Option<&'a str>,
    image: Option<&'a str>,
    following: bool,
}

impl<'a> Profile<'a> {
    /// Reads username, biography, image and whether the viewer follows, in this order from column `first` on.
    pub(crate) fn read(row: &'a Row, first: usize) -> Result<Self, sql::Error> {
        Ok(Self {
            username: row.get(first)?,
            bio: row.get(first + 1)?,
            image: row.get(first + 2)?,
            following: row.get(first + 3)?,
        })
    }
}

/// `GET /profiles/{username}`
pub(crate) async fn show(call: Call, username: &str) -> Result<Response, Failure> {
    let rows = call
        .read(BY_USERNAME, values![call.viewer_or_nobody(), username])
        .await?;
    let response = reply(&rows)?;
    let groups = Groups::of([Group::User(rows.one()?.get(4)?)]);
    Ok(caching::shared(&call, response, groups))
}

/// `POST /profiles/{username}/follow`
pub(crate) async fn follow(call: Call, username: &str) -> Result<Response, Failure> {
    change(&call, FOLLOW, username).await
}

/// `DELETE /profiles/{username}/follow`
pub(crate) async fn unfollow(call: Call, username: &str) -> Result<Response, Failure> {
    change(&call, UNFOLLOW, username).await
}

/// Nothing that anybody else sees changes by it.
async fn change(call: &Call, text: &'static str, username: &str) -> Result<Response, Failure> {
    let viewer = call.viewer()?;
    let bind = |text| Statement::new(text).bind(viewer).bind(username);
    let results = call.batch(&[bind(text), bind(BY_USERNAME)]).await?;
    reply(results.last().ok_or(sql::Error::NoRow)?)
}

fn reply(rows: &Rows) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Content<'a> {
        profile: Profile<'a>,
    }
    let row = rows.first().ok_or(Failure::NotFound("profile"))?;
    Ok(reply::ok(&Content {
        profile: Profile::read(row, 0)?,
    }))
}
