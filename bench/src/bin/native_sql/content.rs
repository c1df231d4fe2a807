//! The JSON of conduit.

use serde::Serialize;
use serde_json::value::RawValue;

/// A page of articles.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Articles {
    pub(crate) articles: Vec<Article>,
    pub(crate) articles_count: i64,
}

/// An article.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Article {
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// Stored as JSON, and shown as it is stored.
    pub(crate) tag_list: Box<RawValue>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) favorited: bool,
    pub(crate) favorites_count: i64,
    pub(crate) author: Profile,
}

/// A user as others see it.
#[derive(Serialize)]
pub(crate) struct Profile {
    pub(crate) username: String,
    pub(crate) bio: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) following: bool,
}

/// A comment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comment {
    pub(crate) id: i64,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) body: String,
    pub(crate) author: Profile,
}
