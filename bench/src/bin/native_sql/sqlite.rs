//! SQLite as Terrace opens it: a connection for reads in each thread, and one for all writes.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, Row, TransactionBehavior, params};

use crate::{
    NOBODY, Outcome,
    content::{Article, Articles, Comment, Profile},
    statements::{ARTICLE, INSERT, NEXT_COLUMN, NEXT_ID, PAGE},
};

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// A database file.
pub(crate) struct Engine {
    file: PathBuf,
    writer: Mutex<Connection>,
}

impl Engine {
    pub(crate) fn open(file: &Path) -> Outcome<Self> {
        Ok(Self {
            file: file.to_owned(),
            writer: Mutex::new(open(file)?),
        })
    }

    pub(crate) fn page(&self, limit: i64) -> Outcome<Articles> {
        self.read(|reader| {
            let mut statement = reader.prepare_cached(PAGE)?;
            let mut rows = statement.query(params![NOBODY, limit, 0])?;
            let (mut articles, mut articles_count) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                articles_count = row.get(NEXT_COLUMN)?;
                articles.push(article(row, None)?);
            }
            Ok(Articles {
                articles,
                articles_count,
            })
        })
    }

    pub(crate) fn article(&self, slug: &str) -> Outcome<Option<Article>> {
        self.read(|reader| {
            let mut statement = reader.prepare_cached(ARTICLE)?;
            let mut rows = statement.query(params![NOBODY, slug])?;
            match rows.next()? {
                Some(row) => Ok(Some(article(row, Some(row.get(NEXT_COLUMN)?))?)),
                None => Ok(None),
            }
        })
    }

    pub(crate) fn comment(&self, slug: &str, body: &str, now: &str) -> Outcome<Comment> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached(NEXT_ID)?.execute([slug])?;
        let comment = transaction.prepare_cached(INSERT)?.query_row(
            params![crate::AUTHOR, slug, body, now],
            |row| {
                Ok(Comment {
                    id: row.get(0)?,
                    created_at: row.get(1)?,
                    updated_at: row.get(2)?,
                    body: row.get(3)?,
                    author: profile(row, 4)?,
                })
            },
        )?;
        transaction.commit()?;
        Ok(comment)
    }

    /// Reads on this thread's connection.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        READER.with_borrow_mut(|reader| {
            let reader = match reader {
                Some(reader) => reader,
                None => reader.insert(open(&self.file)?),
            };
            work(reader)
        })
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(connection)
}

fn article(row: &Row<'_>, body: Option<String>) -> Outcome<Article> {
    Ok(Article {
        slug: row.get(0)?,
        title: row.get(1)?,
        description: row.get(2)?,
        body,
        tag_list: serde_json::from_str(&row.get::<_, String>(3)?)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        favorites_count: row.get(6)?,
        favorited: row.get(7)?,
        author: profile(row, 8)?,
    })
}

fn profile(row: &Row<'_>, first: usize) -> rusqlite::Result<Profile> {
    Ok(Profile {
        username: row.get(first)?,
        bio: row.get(first + 1)?,
        image: row.get(first + 2)?,
        following: row.get(first + 3)?,
    })
}
