//! The statements of queues in Postgres: calls of functions, each of which is a transaction.

use super::Statements;

/// The tables and functions, by versions. One that was released never changes.
pub(super) const VERSIONS: [&str; 1] = [include_str!("postgres.sql")];

/// The channel on which consumers that wait are told of messages.
pub(super) const CHANNEL: &str = "terrace_queue";

/// The rows are the names of queues that are full.
pub(super) const SEND: &str =
    "SELECT unnest(terrace_queue.send($1, $2, $3, $4, $5, $6, $7, $8, $9, $10))";

/// The rows are the numbers of messages that the owner had.
pub(super) const ACKNOWLEDGE: &str = "SELECT unnest(terrace_queue.acknowledge($1, $2))";

pub(super) const STATEMENTS: Statements = Statements {
    join: "INSERT INTO terrace_queue.owners (name, until) VALUES ($1, terrace_queue.now() + $2)",
    renew: "UPDATE terrace_queue.owners SET until = terrace_queue.now() + $2 \
         WHERE name = $1 AND until > terrace_queue.now() RETURNING 1::bigint",
    leave: "SELECT FROM terrace_queue.end_leases($1)",
    old: "SELECT (EXISTS (SELECT FROM terrace_queue.owners WHERE until <= terrace_queue.now()))::int::bigint, \
         (EXISTS (SELECT FROM terrace_queue.accepted WHERE until <= terrace_queue.now()))::int::bigint",
    end_leases: "SELECT FROM terrace_queue.end_leases(NULL)",
    forget: "DELETE FROM terrace_queue.accepted WHERE id IN (\
         SELECT id FROM terrace_queue.accepted WHERE until <= (SELECT terrace_queue.now()) \
         ORDER BY until LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1::bigint",
    next: "SELECT next, told FROM terrace_queue.next($1)",
    claim: "SELECT number, attempts, age, head, data FROM terrace_queue.claim($1, $2, $3, $4, $5)",
    forgo: "UPDATE terrace_queue.messages SET owner = NULL, attempts = attempts - 1 WHERE owner = $1 AND claim = $2",
    retry: "UPDATE terrace_queue.messages SET owner = NULL, due = terrace_queue.now() + $5, \
         failures = (failures || $3)[greatest(cardinality(failures) + 2 - $4, 1):] \
         WHERE number = $1 AND owner = $2 RETURNING 1::bigint",
    bury: "SELECT 1::bigint WHERE terrace_queue.bury($1, $2, $3, $4)",
    release: "UPDATE terrace_queue.messages SET owner = NULL, attempts = attempts - 1, due = terrace_queue.now() + $3 \
         WHERE number = $1 AND owner = $2 RETURNING 1::bigint",
    figures: "SELECT name, messages, bytes, \
         (SELECT count(*) FROM terrace_queue.messages WHERE owner IS NOT NULL AND queue = name), \
         CASE WHEN name LIKE '%.dead' THEN 0 ELSE greatest(terrace_queue.now() - (\
         SELECT min(due) FROM terrace_queue.messages WHERE queue = name AND owner IS NULL AND NOT blocked), 0) END \
         FROM (SELECT queue AS name, sum(messages)::bigint AS messages, sum(bytes)::bigint AS bytes \
         FROM terrace_queue.counts GROUP BY queue) AS counted ORDER BY name",
    list: "SELECT number, attempts, terrace_queue.now() - accepted, greatest(due - terrace_queue.now(), 0), \
         (owner IS NOT NULL)::int::bigint, blocked::int::bigint, '[' || array_to_string(failures, ',') || ']', head, data \
         FROM terrace_queue.messages WHERE queue = $1 AND number > $2 ORDER BY number LIMIT $3",
    redrive: "SELECT FROM generate_series(1, terrace_queue.redrive($1, $2, $3))",
    delete: "SELECT FROM generate_series(1, terrace_queue.drop($1, $2, $3))",
    note_failure: "INSERT INTO terrace_queue.notes AS n (queue, number, failures) VALUES ($1, $2, ARRAY[$3]) \
         ON CONFLICT (queue, number) DO UPDATE SET \
         failures = (n.failures || $3)[greatest(cardinality(n.failures) + 2 - $4, 1):]",
    note_release: "INSERT INTO terrace_queue.notes AS n (queue, number, released) VALUES ($1, $2, 1) \
         ON CONFLICT (queue, number) DO UPDATE SET released = n.released + 1",
    note: "SELECT released, '[' || array_to_string(failures, ',') || ']' FROM terrace_queue.notes \
         WHERE queue = $1 AND number = $2",
    forget_note: "DELETE FROM terrace_queue.notes WHERE queue = $1 AND number = $2",
    keep: "SELECT FROM terrace_queue.keep($1, $2, $3, $4, $5, $6, $7::text::json, $8)",
    kept: "SELECT number, convert_from(key, 'UTF8'), head, data FROM terrace_queue.messages \
         WHERE number = ANY (terrace_queue.some($1, $2, $3)) ORDER BY number",
    schedules: "SELECT name, next FROM terrace_queue.schedules",
    schedule: "INSERT INTO terrace_queue.schedules (name, next) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1::bigint",
    reschedule: "UPDATE terrace_queue.schedules SET next = $3 WHERE name = $1 AND next = $2 RETURNING 1::bigint",
    unschedule: "DELETE FROM terrace_queue.schedules WHERE name = $1 AND next = $2 RETURNING 1::bigint",
};
