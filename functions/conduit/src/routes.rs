//! Leads each path and method to the module that answers it.

use percent_encoding::percent_decode_str;
use terrace_sdk::http::Method;
use terrace_sdk::{Request, Response};

use crate::call::Call;
use crate::failure::Failure;
use crate::{articles, comments, favorites, notifications, profiles, tags, users};

/// A path that exists.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Users,
    Login,
    User,
    Profile(String),
    Follow(String),
    Articles,
    Feed,
    Article(String),
    Comments(String),
    Comment(String, String),
    Favorite(String),
    Tags,
    Notifications,
}

impl Route {
    fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/api/")?;
        let segments: Option<Vec<String>> =
            rest.trim_end_matches('/').split('/').map(decode).collect();
        let segments = segments?;
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match names[..] {
            ["users"] => Self::Users,
            ["users", "login"] => Self::Login,
            ["user"] => Self::User,
            ["profiles", username] => Self::Profile(username.to_owned()),
            ["profiles", username, "follow"] => Self::Follow(username.to_owned()),
            ["articles"] => Self::Articles,
            ["articles", "feed"] => Self::Feed,
            ["articles", slug] => Self::Article(slug.to_owned()),
            ["articles", slug, "comments"] => Self::Comments(slug.to_owned()),
            ["articles", slug, "comments", id] => Self::Comment(slug.to_owned(), id.to_owned()),
            ["articles", slug, "favorite"] => Self::Favorite(slug.to_owned()),
            ["tags"] => Self::Tags,
            ["notifications"] => Self::Notifications,
            _ => return None,
        })
    }

    /// The methods of the path, as the `Allow` field lists them.
    fn allowed(&self) -> &'static str {
        match self {
            Self::Users | Self::Login => "POST, OPTIONS",
            Self::User => "GET, HEAD, PUT, OPTIONS",
            Self::Profile(_) | Self::Feed | Self::Tags | Self::Notifications => {
                "GET, HEAD, OPTIONS"
            }
            Self::Follow(_) | Self::Favorite(_) => "POST, DELETE, OPTIONS",
            Self::Articles | Self::Comments(_) => "GET, HEAD, POST, OPTIONS",
            Self::Article(_) => "GET, HEAD, PUT, DELETE, OPTIONS",
            Self::Comment(..) => "DELETE, OPTIONS",
        }
    }
}

/// No name has a zero byte: not every database has text with one.
fn decode(segment: &str) -> Option<String> {
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into())
}

/// Answers a request of any path and method but `OPTIONS`.
pub(crate) async fn answer(request: Request) -> Result<Response, Failure> {
    let route = Route::parse(request.uri().path()).ok_or(Failure::NotFound("path"))?;
    // RFC 9110 §9.3.2: HEAD is GET, of which the server sends the head only.
    let method = match request.method() {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    };
    if !route
        .allowed()
        .split(", ")
        .any(|allowed| allowed == method.as_str())
    {
        return Err(Failure::MethodNotAllowed(route.allowed()));
    }
    let call = Call::begin(request).await?;
    dispatch(route, &method, call).await
}

async fn dispatch(route: Route, method: &Method, call: Call) -> Result<Response, Failure> {
    match (route, method) {
        (Route::Users, _) => users::register(call).await,
        (Route::Login, _) => users::login(call).await,
        (Route::User, &Method::PUT) => users::update(call).await,
        (Route::User, _) => users::current(call).await,
        (Route::Profile(username), _) => profiles::show(call, &username).await,
        (Route::Follow(username), &Method::POST) => profiles::follow(call, &username).await,
        (Route::Follow(username), _) => profiles::unfollow(call, &username).await,
        (Route::Articles, &Method::POST) => articles::create(call).await,
        (Route::Articles, _) => articles::list(call).await,
        (Route::Feed, _) => articles::feed(call).await,
        (Route::Article(slug), &Method::PUT) => articles::update(call, &slug).await,
        (Route::Article(slug), &Method::DELETE) => articles::delete(call, &slug).await,
        (Route::Article(slug), _) => articles::show(call, &slug).await,
        (Route::Comments(slug), &Method::POST) => comments::create(call, &slug).await,
        (Route::Comments(slug), _) => comments::list(call, &slug).await,
        (Route::Comment(slug, id), _) => comments::delete(call, &slug, &id).await,
        (Route::Favorite(slug), &Method::POST) => favorites::add(call, &slug).await,
        (Route::Favorite(slug), _) => favorites::remove(call, &slug).await,
        (Route::Tags, _) => tags::list(call).await,
        (Route::Notifications, _) => notifications::list(call).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_after_they_are_split() {
        assert_eq!(
            Route::parse("/api/articles/a%2Fb"),
            Some(Route::Article("a/b".to_owned()))
        );
        assert_eq!(
            Route::parse("/api/profiles/J%C3%BCrgen/follow"),
            Some(Route::Follow("Jürgen".to_owned()))
        );
        assert_eq!(Route::parse("/api/articles/%ff"), None);
    }

    #[test]
    fn feed_is_no_slug() {
        assert_eq!(Route::parse("/api/articles/feed"), Some(Route::Feed));
    }

    #[test]
    fn unknown_paths_are_no_route() {
        for path in [
            "/",
            "/api",
            "/api/",
            "/apiary/users",
            "/api/users/1",
            "/api/articles/a/b",
            "/API/users",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
