//! Contract tests of SQL, a file for each promise. Each test runs on every engine.

/// Runs tests, which take an [`harness::Engine`], on each engine. A new engine adds a line here.
macro_rules! on_each_engine {
    ($($tests:tt)+) => {
        on_engine! { sqlite, Sqlite, $($tests)+ }
        on_engine! { postgres, Postgres, $($tests)+ }
        on_engine! { pgbouncer, Pooled, $($tests)+ }
    };
}

/// The tests of one engine, in a module with its name; grouped by the runtime that they need.
macro_rules! on_engine {
    ($module:ident, $engine:ident, $($flavor:tt { $($name:ident,)+ })+) => {
        mod $module {
            use super::Engine;
            $($(
                #[tokio::test $flavor]
                async fn $name() {
                    super::$name(Engine::$engine).await;
                }
            )+)+
        }
    };
}

mod advice;
mod concurrency;
mod deadlines;
pub(super) mod harness;
mod migrations;
mod shapes;
mod statements;
mod switching;
mod transactions;
mod unread;
