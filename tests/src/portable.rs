//! What a function of the SDK may rely on, tested from outside on every target, and what differs between them.
//!
//! The function is `tests/guests/portable`. The differences are those of docs/targets.md: each is asserted, so that
//! the page is right and nobody depends on what only one target does.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client, request};
use crate::realworld::unique;
use crate::target::Claim;
use crate::wait::until;

/// Where the function runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// As native code on the host in memory.
    Native,
    /// `terrace up`.
    Terrace,
    /// `spin up`.
    Spin,
    /// `wrangler dev`.
    Cloudflare,
}

/// A server of the function.
#[derive(Debug)]
pub struct Portable {
    client: Client,
    base: String,
    target: Target,
}

/// The variable that the function is granted on every target, and its value.
pub const VARIABLE: (&str, &str) = ("greeting", "good morning");

/// The beginning of the path at which the host in memory calls a schedule.
pub const FIRE: &str = "/fire/";

/// The table of an outbox.
pub const OUTBOX: &str = "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, \
    source TEXT NOT NULL, type TEXT NOT NULL, subject TEXT, time TEXT, datacontenttype TEXT, data BLOB)";

/// Integers that JavaScript's numbers hold, and two that they do not.
const EXACT: [i64; 5] = [0, -1, i32::MAX as i64, (1 << 53) - 1, 1 - (1 << 53)];
const BEYOND: [i64; 2] = [(1 << 53) + 1, i64::MIN];

/// All claims.
#[must_use]
pub fn claims() -> Vec<Claim<Portable>> {
    crate::claims![
        variables_have_values,
        what_is_not_granted_is_named_with_its_file,
        a_store_keeps_bytes,
        values_come_back_as_they_were,
        large_integers_come_back_or_are_refused,
        numbers_are_integers_and_reals_in_sql_or_all_reals,
        columns_keep_their_order,
        a_batch_is_done_as_a_whole_or_not_at_all,
        transactions_of_several_calls_work_or_are_refused,
        fields_of_spin_are_the_hosts_or_absent,
        content_comes_back,
        an_event_is_delivered_or_refused,
        an_event_of_the_outbox_is_delivered,
        a_schedule_calls_the_function,
        cookies_stay_apart,
        no_content_is_no_content,
    ]
}

impl Portable {
    /// The function at this URL, on this target.
    #[must_use]
    pub fn new(base: &str, target: Target) -> Self {
        Self {
            client: Client::default(),
            base: base.to_owned(),
            target,
        }
    }

    async fn call(&self, method: Method, path: &str, content: impl Into<Bytes>) -> Answer {
        let url = format!("{}{path}", self.base);
        self.client.send(request(method, &url, &[], content)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "").await
    }

    async fn sql(&self, sql: &str, parameters: Value) -> Answer {
        let asked = json!({"sql": sql, "parameters": parameters}).to_string();
        self.call(Method::POST, "/sql/default", asked).await
    }

    /// A table that no other claim uses.
    async fn table(&self) -> String {
        let name = unique("made");
        self.sql(&format!("CREATE TABLE {name} (value)"), json!([]))
            .await
            .expect(200);
        name
    }

    async fn count(&self, table: &str) -> Value {
        let sql = format!("SELECT count(*) FROM {table}");
        let answer = self.sql(&sql, json!([])).await.expect(200).json();
        answer["rows"][0][0]["integer"].clone()
    }

    /// The kind of an event that was delivered with this content, or the time of a schedule of this name.
    async fn kept(&self, name: &str) -> String {
        let path = format!("/kv/default/{name}");
        let kept = until("the delivery of the event", async || {
            let answer = self.get(&path).await;
            (answer.status == 200).then(|| answer.text())
        });
        kept.await
    }

    /// Has Cloudflare's runtime call the function as if it were time.
    async fn pull_trigger(&self) {
        let trigger = "/cdn-cgi/handler/scheduled?cron=*+*+*+*+*";
        self.get(trigger).await.expect(200);
    }

    /// The file that grants capabilities.
    fn manifest(&self) -> &'static str {
        match self.target {
            Target::Cloudflare => "wrangler.toml",
            _ => "spin.toml",
        }
    }
}

/// A variable that the manifest declares has its value.
pub async fn variables_have_values(server: &Portable) {
    let (name, value) = VARIABLE;
    let answer = server.get(&format!("/variable/{name}")).await;
    assert_eq!(answer.expect(200).text(), value);
}

/// The error says which file grants what is missing. The host in memory has every store and database.
pub async fn what_is_not_granted_is_named_with_its_file(server: &Portable) {
    let mut paths = vec![("/variable/unknown", "unknown")];
    if server.target != Target::Native {
        paths.extend([("/kv/unknown", "unknown"), ("/queue/unknown", "unknown")]);
    }
    for (path, name) in paths {
        let said = server.get(path).await.expect(500).text();
        assert!(said.contains(server.manifest()), "{said}");
        assert!(said.to_lowercase().contains(name), "{said}");
    }
}

/// Any bytes come back, under any key, until they are deleted.
pub async fn a_store_keeps_bytes(server: &Portable) {
    let path = format!("/kv/default/{}", unique("key"));
    let bytes: Vec<u8> = (0..=255).collect();
    server.get(&path).await.expect(404);
    server
        .call(Method::PUT, &path, bytes.clone())
        .await
        .expect(204);
    assert_eq!(server.get(&path).await.expect(200).body, bytes);
    server.call(Method::DELETE, &path, "").await.expect(204);
    server.get(&path).await.expect(404);
}

/// Text, bytes, numbers and NULL are the same kinds when they are read.
pub async fn values_come_back_as_they_were(server: &Portable) {
    let parameters = json!(["Käse, 日本語, 🦀", [0, 255, 128], 1.5, null, -7]);
    let answer = server.sql("SELECT ?1, ?2, ?3, ?4, ?5", parameters).await;
    assert_eq!(
        answer.expect(200).json()["rows"],
        json!([[
            {"text": "Käse, 日本語, 🦀"}, {"blob": [0, 255, 128]}, {"real": 1.5}, null, {"integer": -7}
        ]])
    );
}

/// D1's numbers are JavaScript's: those that it would change are errors there, and never other numbers.
pub async fn large_integers_come_back_or_are_refused(server: &Portable) {
    for number in EXACT {
        let answer = server.sql("SELECT ?1", json!([number])).await.expect(200);
        assert_eq!(answer.json()["rows"], json!([[{"integer": number}]]));
    }
    for number in BEYOND {
        let answer = server.sql("SELECT ?1", json!([number])).await;
        if server.target == Target::Cloudflare {
            let said = answer.expect(500).text();
            assert!(said.contains(&number.to_string()), "{said}");
        } else {
            assert_eq!(
                answer.expect(200).json()["rows"],
                json!([[{"integer": number}]])
            );
        }
    }
}

/// D1 takes every number as a real, and a real without fraction comes back from it as an integer.
pub async fn numbers_are_integers_and_reals_in_sql_or_all_reals(server: &Portable) {
    let (of_integer, whole) = match server.target {
        Target::Cloudflare => ("real", json!({"integer": 2})),
        _ => ("integer", json!({"real": 2.0})),
    };
    let sql = "SELECT typeof(?1), typeof(?2), typeof(?3), ?2";
    let answer = server.sql(sql, json!([2, 2.0, 2.5])).await.expect(200);
    assert_eq!(
        answer.json()["rows"],
        json!([[{"text": of_integer}, {"text": "real"}, {"text": "real"}, whole]])
    );
}

/// Columns stay in the order of the statement, also when two have one name.
pub async fn columns_keep_their_order(server: &Portable) {
    let sql = "SELECT 1 AS b, 2 AS a, 3 AS b";
    let answer = server.sql(sql, json!([])).await.expect(200).json();
    assert_eq!(answer["columns"], json!(["b", "a", "b"]));
    assert_eq!(
        answer["rows"],
        json!([[{"integer": 1}, {"integer": 2}, {"integer": 3}]])
    );
}

/// A batch whose last statement fails has changed nothing.
pub async fn a_batch_is_done_as_a_whole_or_not_at_all(server: &Portable) {
    let table = server.table().await;
    let insert = json!({"sql": format!("INSERT INTO {table} VALUES (?1)"), "parameters": ["one"]});
    let fault = json!({"sql": "INSERT INTO nowhere VALUES (1)"});
    let batch = async |statements: Value| {
        server
            .call(Method::POST, "/batch/default", statements.to_string())
            .await
    };
    let said = batch(json!([insert, fault])).await.expect(500).text();
    assert!(said.contains("nowhere"), "{said}");
    assert_eq!(server.count(&table).await, 0);
    batch(json!([insert, insert])).await.expect(200);
    assert_eq!(server.count(&table).await, 2);
}

/// D1 has no transaction that stays open from one statement to the next; the error says what to use.
pub async fn transactions_of_several_calls_work_or_are_refused(server: &Portable) {
    let table = server.table().await;
    let path = format!("/transaction/default/{table}");
    let answer = server.call(Method::POST, &path, "").await;
    if server.target == Target::Cloudflare {
        let said = answer.expect(500).text();
        assert!(said.contains("batch"), "{said}");
    } else {
        answer.expect(200);
    }
    assert_eq!(server.count(&table).await, 0);
}

/// Fields `spin-*` are set by the host, of which Cloudflare's knows no route, and never by the client. The host in
/// memory hands on the request of a test as it is.
pub async fn fields_of_spin_are_the_hosts_or_absent(server: &Portable) {
    let field = async |name: &str| {
        let url = format!("{}/field/{name}", server.base);
        let forged = [(name, "forged")];
        let request = request(Method::GET, &url, &forged, "");
        let answer = server.client.send(request).await;
        (answer.status == 200).then(|| answer.text())
    };
    let url = field("spin-full-url").await;
    let client = field("spin-client-addr").await;
    let route = field("spin-matched-route").await;
    let invented = field("spin-invented").await;
    if server.target == Target::Native {
        for value in [url, client, route, invented] {
            assert_eq!(value.as_deref(), Some("forged"));
        }
        return;
    }
    let url = url.expect("every host sets the URL");
    assert!(url.ends_with("/field/spin-full-url"), "{url}");
    let client = client.expect("every host sets the address");
    assert!(client.starts_with("127.0.0.1:"), "{client}");
    let known = (server.target != Target::Cloudflare).then_some("/...");
    assert_eq!(route.as_deref(), known);
    assert_eq!(invented, None);
}

/// A content is streamed back as it came.
pub async fn content_comes_back(server: &Portable) {
    let content: Vec<u8> = (0..200_000_u32).map(|index| (index % 251) as u8).collect();
    let answer = server.call(Method::POST, "/echo", content.clone()).await;
    assert!(answer.expect(200).body == content);
}

/// An event comes to the function that consumes the queue. Spin has no queues, and says which is meant.
pub async fn an_event_is_delivered_or_refused(server: &Portable) {
    let word = unique("event");
    let answer = server.call(Method::POST, "/queue/jobs", word.clone()).await;
    if server.target == Target::Spin {
        let said = answer.expect(500).text();
        assert!(said.contains("jobs"), "{said}");
        return;
    }
    answer.expect(202);
    assert_eq!(server.kept(&word).await, "tested.sent");
}

/// An event of a transaction comes to the function once the transaction is committed: on Cloudflare with the next cron trigger, which
/// the test pulls itself. Spin has no queues.
pub async fn an_event_of_the_outbox_is_delivered(server: &Portable) {
    if server.target == Target::Spin {
        return;
    }
    server.sql(OUTBOX, json!([])).await.expect(200);
    let word = unique("event");
    let put = server.call(Method::POST, "/outbox/default/jobs", word.clone());
    put.await.expect(200);
    if server.target == Target::Cloudflare {
        server.pull_trigger().await;
    }
    assert_eq!(server.kept(&word).await, "tested.outbox");
}

/// The function is called by the clock, with the name of its schedule and the time. Spin has no schedules.
pub async fn a_schedule_calls_the_function(server: &Portable) {
    match server.target {
        Target::Spin => return,
        Target::Cloudflare => {
            server.sql(OUTBOX, json!([])).await.expect(200);
            server.pull_trigger().await;
        }
        Target::Native => _ = server.get(&format!("{FIRE}tick")).await.expect(204),
        Target::Terrace => {}
    }
    let time = server.kept("tick").await;
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
}

/// Each `Set-Cookie` is a field of its own (RFC 6265 §3).
pub async fn cookies_stay_apart(server: &Portable) {
    let answer = server.get("/cookies").await.expect(200);
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(
        cookies,
        ["first=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "second=2"]
    );
}

/// A response without content has none (RFC 9110 §15.3.5).
pub async fn no_content_is_no_content(server: &Portable) {
    assert!(server.get("/nothing").await.expect(204).body.is_empty());
}
