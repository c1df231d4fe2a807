//! Tokens: JSON Web Tokens signed with HMAC-SHA-256 (RFC 7519, RFC 7515).
//!
//! Only tokens that this module made are accepted: its one header is compared as text, so that no token can
//! choose another algorithm (RFC 8725 §3.1).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::limits::TOKEN_LIFETIME_SECONDS;

/// `{"alg":"HS256","typ":"JWT"}` in base64url.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's id.
    sub: i64,
    /// Issued at, in seconds since 1970.
    iat: i64,
    /// Not valid from this second on.
    exp: i64,
}

/// A token that names the user until its lifetime ends.
pub(crate) fn issue(user: i64, secret: &[u8], now: Timestamp) -> String {
    let iat = now.as_second();
    let claims = Claims {
        sub: user,
        iat,
        exp: iat + TOKEN_LIFETIME_SECONDS,
    };
    let claims = serde_json::to_vec(&claims).expect("numbers can be written as JSON");
    let signed = format!("{HEADER}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac(secret, &signed).finalize().into_bytes());
    format!("{signed}.{signature}")
}

/// The user that a valid token names. The signature is compared in constant time.
pub(crate) fn verify(token: &str, secret: &[u8], now: Timestamp) -> Option<i64> {
    let (signed, signature) = token.rsplit_once('.')?;
    let claims = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    mac(secret, signed).verify_slice(&signature).ok()?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    (now.as_second() < claims.exp).then_some(claims.sub)
}

/// The token in an `Authorization` field: RealWorld's scheme is `Token`, newer collections send `Bearer`.
/// A scheme without a token counts as no token: front ends send that before anyone has signed in.
pub(crate) fn token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer");
    known
        .then_some(token.trim())
        .filter(|token| !token.is_empty())
}

fn mac(secret: &[u8], signed: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_names_its_user_until_it_expires() {
        let token = issue(7, SECRET, at(0));
        assert_eq!(
            verify(&token, SECRET, at(TOKEN_LIFETIME_SECONDS - 1)),
            Some(7)
        );
        assert_eq!(verify(&token, SECRET, at(TOKEN_LIFETIME_SECONDS)), None);
    }

    #[test]
    fn a_token_that_was_touched_is_refused() {
        let token = issue(7, SECRET, at(0));
        let other = issue(8, SECRET, at(0));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (other, _) = other.rsplit_once('.').unwrap();
        for forged in [
            format!("{other}.{signature}"),
            format!("{signed}."),
            format!("{signed}.c2lnbmF0dXJl"),
            signed.to_owned(),
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert_eq!(verify(&forged, SECRET, at(0)), None, "{forged}");
        }
        assert_eq!(
            verify(&token, b"another secret of thirty-two bytes", at(0)),
            None
        );
    }

    #[test]
    fn a_token_cannot_choose_its_algorithm() {
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":7,"iat":0,"exp":9999999999}"#);
        assert_eq!(verify(&format!("{none}.{claims}."), SECRET, at(0)), None);
    }

    #[test]
    fn the_header_is_what_it_says() {
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.decode(HEADER).unwrap(),
            br#"{"alg":"HS256","typ":"JWT"}"#
        );
    }

    #[test]
    fn both_schemes_are_understood_and_an_empty_token_is_none() {
        assert_eq!(token("Token abc"), Some("abc"));
        assert_eq!(token("bearer abc"), Some("abc"));
        assert_eq!(token("Basic abc"), None);
        assert_eq!(token("Token "), None);
    }
}
