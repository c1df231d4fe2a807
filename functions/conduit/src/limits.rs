//! The limits of the API, with their reasons.

/// The longest content of a request, in bytes. The longest article fits four times over; more is refused
/// with 413 before it is held in memory.
pub(crate) const MAX_REQUEST_BYTES: usize = 1 << 20;

/// The longest username, in characters: it has to fit a line of the page.
pub(crate) const MAX_USERNAME_CHARACTERS: usize = 64;

/// The longest email address, in characters (RFC 5321 §4.5.3.1.3, without the angle brackets).
pub(crate) const MAX_EMAIL_CHARACTERS: usize = 254;

/// The shortest password, in characters (NIST SP 800-63B §5.1.1.2).
pub(crate) const MIN_PASSWORD_CHARACTERS: usize = 8;

/// The longest password, in characters: far above NIST's 64, and still cheap to hash.
pub(crate) const MAX_PASSWORD_CHARACTERS: usize = 1_024;

/// The longest title, in characters. A slug is made of it, which has to fit a URL.
pub(crate) const MAX_TITLE_CHARACTERS: usize = 200;

/// The longest description, biography or image URL, in characters.
pub(crate) const MAX_SHORT_TEXT_CHARACTERS: usize = 2_000;

/// The longest body of an article, in characters.
pub(crate) const MAX_BODY_CHARACTERS: usize = 200_000;

/// The longest comment, in characters. A page of the longest ones, and its JSON, fit a component's memory.
pub(crate) const MAX_COMMENT_CHARACTERS: usize = 5_000;

/// The most tags of one article. They are parameters of one statement, of which D1 allows a hundred.
pub(crate) const MAX_TAGS_PER_ARTICLE: usize = 32;

/// The longest tag, in characters.
pub(crate) const MAX_TAG_CHARACTERS: usize = 64;

/// Articles on a page if the client does not say (RealWorld's OpenAPI document).
pub(crate) const DEFAULT_PAGE_ARTICLES: u32 = 20;

/// The most articles on a page; a larger wish is treated as this one.
pub(crate) const MAX_PAGE_ARTICLES: u32 = 100;

/// The most tags `GET /api/tags` lists, the most used first.
pub(crate) const MAX_LISTED_TAGS: u32 = 1_000;

/// The most comments on a page, the newest first. A `Link` leads to the page after it.
pub(crate) const MAX_PAGE_COMMENTS: usize = 1_000;

/// The most followers that one delivery notifies: what it writes fits a transaction of a few milliseconds.
pub(crate) const MAX_NOTIFIED_AT_ONCE: u32 = 1_000;

/// The most users for whom one delivery makes a digest.
pub(crate) const MAX_DIGESTS_AT_ONCE: u32 = 500;

/// How long the warning about the secret is not repeated, in seconds. Every new instance would give it otherwise.
pub(crate) const WARNING_PAUSE_SECONDS: i64 = 60 * 60;

/// The longest name of a cache group, in bytes; longer ones are cut. Every cache takes names of this length, and this many
/// of them in a field, which the three limits below see to (RFC 9875 §2.3).
pub(crate) const MAX_GROUP_NAME_BYTES: usize = 32;

/// The most articles that a response names as cache groups: those of an ordinary page. More are named together.
pub(crate) const MAX_NAMED_ARTICLES: usize = 20;

/// The most users that a response names as cache groups. More are named together.
pub(crate) const MAX_NAMED_USERS: usize = 7;

/// The most tags that a response names as cache groups. More are named together.
pub(crate) const MAX_NAMED_TAGS: usize = 24;

/// How long a token is valid, in seconds: a week, after which one signs in again.
pub(crate) const TOKEN_LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The shortest secret that signs tokens, in bytes (RFC 7518 §3.2 for HS256).
pub(crate) const MIN_SECRET_BYTES: usize = 32;
