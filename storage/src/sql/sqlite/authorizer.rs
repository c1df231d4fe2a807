//! Permits or refuses each action of a guest's statement; SQLite asks during compilation. It also records the actions,
//! so the kind of a statement is known without parsing SQL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// `PRAGMA`s that only report, with any argument.
const REPORTING_PRAGMAS: [&str; 14] = [
    "collation_list",
    "compile_options",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// `PRAGMA`s that report a setting of the connection or the file. Guests may read them but not set them.
const READABLE_PRAGMAS: [&str; 10] = [
    "data_version",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "journal_mode",
    "page_count",
    "page_size",
    "recursive_triggers",
    "schema_version",
    "synchronous",
];

/// `PRAGMA`s that guests may set. The first two are stored in the file and follow transactions, `defer_foreign_keys`
/// ends with the transaction, and `optimize` only refreshes the planner's statistics.
const SETTABLE_PRAGMAS: [&str; 4] = [
    "application_id",
    "user_version",
    "defer_foreign_keys",
    "optimize",
];

/// The actions of a statement, recorded while SQLite compiled it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The statement begins, ends or marks a transaction.
    pub(super) transaction: bool,
    /// The statement is a `PRAGMA`.
    pub(super) pragma: bool,
    /// The statement asked for a permission. Every statement does, except `VACUUM`.
    pub(super) action: bool,
}

/// The authorizer of one connection.
#[derive(Debug, Default)]
pub(super) struct Authorizer {
    internal: AtomicBool,
    vacuum: AtomicBool,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    seen: Seen,
    refusal: Option<String>,
}

impl Authorizer {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Runs a statement of the host, which has every permission.
    pub(super) fn internally<T>(&self, work: impl FnOnce() -> T) -> T {
        self.internal.store(true, Ordering::Relaxed);
        let result = work();
        self.internal.store(false, Ordering::Relaxed);
        result
    }

    /// Runs a `VACUUM`, for which SQLite attaches a temporary file.
    pub(super) fn during_vacuum<T>(&self, work: impl FnOnce() -> T) -> T {
        self.vacuum.store(true, Ordering::Relaxed);
        let result = work();
        self.vacuum.store(false, Ordering::Relaxed);
        result
    }

    /// The reason if the authorizer refused the last statement.
    pub(super) fn take_refusal(&self) -> Option<String> {
        self.notes().refusal.take()
    }

    /// The actions recorded since the last call.
    pub(super) fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.notes().seen)
    }

    /// Answers SQLite, and records the action.
    pub(super) fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
        if self.internal.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        let mut notes = self.notes();
        notes.seen.note(&context.action);
        let vacuum = self.vacuum.load(Ordering::Relaxed);
        match refusal(context, vacuum) {
            None => Authorization::Allow,
            Some(message) => {
                notes.refusal = Some(message);
                Authorization::Deny
            }
        }
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, action: &AuthAction<'_>) {
        self.action = true;
        match action {
            AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
                self.transaction = true;
            }
            AuthAction::Pragma { .. } => self.pragma = true,
            _ => {}
        }
    }
}

/// The reason to refuse an action, or `None` if it is allowed.
fn refusal(context: &AuthContext<'_>, vacuum: bool) -> Option<String> {
    match context.action {
        // For `VACUUM`, SQLite attaches a file without a name. `VACUUM INTO` names a file, anywhere on this machine, so
        // it is refused.
        AuthAction::Attach { filename: "" } | AuthAction::Detach { .. } if vacuum => None,
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => {
            Some(ATTACH_REFUSED.to_owned())
        }
        action if context.database_name == Some("temp") && !is_of_alter_table(&action) => {
            Some(TEMPORARY_REFUSED.to_owned())
        }
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => pragma_refusal(pragma_name, pragma_value),
        AuthAction::Function { function_name } => function_refusal(function_name, context.accessor),
        _ => None,
    }
}

/// `ALTER TABLE` searches for temporary views and triggers on the table. There are none, so this is allowed.
fn is_of_alter_table(action: &AuthAction<'_>) -> bool {
    let (AuthAction::Read { table_name, .. } | AuthAction::Update { table_name, .. }) = action
    else {
        return false;
    };
    ["sqlite_temp_master", "sqlite_temp_schema"].contains(table_name)
}

const ATTACH_REFUSED: &str = "ATTACH, DETACH and VACUUM INTO are not available: a function may only use the databases \
     it was granted";
const TEMPORARY_REFUSED: &str = "temporary tables are not available: connections are shared by all requests; use an \
     ordinary table or a WITH clause";

fn pragma_refusal(name: &str, value: Option<&str>) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let is_in = |names: &[&str]| names.contains(&name.as_str());
    let allowed = is_in(&REPORTING_PRAGMAS)
        || is_in(&SETTABLE_PRAGMAS)
        || (value.is_none() && is_in(&READABLE_PRAGMAS))
        || (name == "foreign_keys" && value.is_some_and(is_on));
    if allowed {
        return None;
    }
    Some(match name.as_str() {
        "foreign_keys" => {
            "foreign keys are always on: the connection is shared by all requests; in a migration, \
             use PRAGMA defer_foreign_keys = ON inside a transaction"
                .to_owned()
        }
        _ if is_in(&READABLE_PRAGMAS) => {
            format!("PRAGMA {name} may be read but not set: the platform's guarantees depend on it")
        }
        _ => format!("PRAGMA {name} is not available to functions"),
    })
}

/// Whether SQLite reads the value as true.
fn is_on(value: &str) -> bool {
    ["1", "on", "true", "yes"]
        .iter()
        .any(|on| value.eq_ignore_ascii_case(on))
}

/// Inside a trigger, `changes()` would be wrong: it returns the session's value (see [`super::counters`]), which does
/// not count the trigger's statements.
fn function_refusal(name: &str, accessor: Option<&str>) -> Option<String> {
    match name.to_ascii_lowercase().as_str() {
        "load_extension" => Some("load_extension() is not available to functions".to_owned()),
        "total_changes" => Some(
            "total_changes() is not available: the connection is shared by all requests; use changes()"
                .to_owned(),
        ),
        "changes" if accessor.is_some() => {
            Some("changes() is not available inside a trigger or a view".to_owned())
        }
        _ => None,
    }
}
