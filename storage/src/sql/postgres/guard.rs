//! The savepoint before the next statement of a transaction, to which a statement that fails goes back. Sending the commands is left
//! to [`super::transaction`].

/// The name. Those of guests have numbers at the server, so it is nobody else's.
const NAME: &str = "before_statement";

/// Where the savepoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// The server does not know of the transaction yet: that is sent with its first statement. This one needs no savepoint. If it
    /// fails, the transaction ends at the server and begins again with the next one, because nothing else has happened in it.
    NotBegun,
    /// Not set: the last statement was the first, or a command on the guest's savepoints.
    Missing,
    /// Set, and nothing changed since.
    Set,
    /// Set before the last change.
    Behind,
}

impl Guard {
    /// The commands before a statement. `begin` opens the transaction.
    pub(super) fn before(self, begin: &str) -> String {
        match self {
            Self::NotBegun => begin.to_owned(),
            Self::Missing => format!("SAVEPOINT {NAME}"),
            Self::Set => String::new(),
            Self::Behind => format!("RELEASE {NAME}; SAVEPOINT {NAME}"),
        }
    }

    /// The commands before one on the guest's savepoints: this savepoint must not enclose those.
    pub(super) fn before_mark(self, begin: &str) -> String {
        match self {
            Self::NotBegun => format!("{begin}; "),
            Self::Missing => String::new(),
            Self::Set | Self::Behind => format!("RELEASE {NAME}; "),
        }
    }

    /// After a statement that succeeded.
    pub(super) fn after(self, is_write: bool) -> Self {
        match self {
            Self::NotBegun => Self::Missing,
            _ if is_write => Self::Behind,
            _ => Self::Set,
        }
    }

    /// The command that undoes a statement, and where the savepoint is after it.
    pub(super) fn back(self) -> (String, Self) {
        match self {
            Self::NotBegun => ("ROLLBACK".to_owned(), Self::NotBegun),
            _ => (format!("ROLLBACK TO {NAME}"), Self::Set),
        }
    }
}
