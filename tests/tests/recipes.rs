//! Promise: with the settings of the recipes in `packaging/`, two nodes and an edge are one site: they start on real servers, the edge
//! finds the nodes, and what is written through one of them is read through the others.

use std::fs;

use terrace_tests::process::workspace;
use terrace_tests::realworld::{Api, path_of, unique};
use terrace_tests::wait::until;
use terrace_tests::{App, Running, postgres, redis};

/// The servers of state, with a password where they have one.
struct Servers {
    database: postgres::Server,
    stores: redis::Server,
    caches: redis::Server,
}

impl Servers {
    fn start() -> Self {
        let with_password = || redis::Server::with(&["requirepass secret"]);
        Self {
            database: postgres::Server::start(),
            stores: with_password(),
            caches: with_password(),
        }
    }

    /// The settings of a recipe, with these servers, and with this machine in the place of its network.
    fn settings(&self, file: &str, network: &str) -> String {
        let path = workspace().join("packaging").join(file);
        let mut settings = fs::read_to_string(path).expect("the recipe is there");
        let at = |server: &redis::Server, number: &str| format!("{}?db={number}", server.url());
        for (is, becomes) in [
            ("postgres://terrace@postgres/terrace", self.database.url()),
            ("redis://redis-cache/1", at(&self.caches, "1")),
            ("redis://redis/2", at(&self.stores, "2")),
            ("redis://redis\"", format!("{}\"", self.stores.url())),
            (network, "127.0.0.1".to_owned()),
        ] {
            settings = settings.replace(is, &becomes);
        }
        settings
    }

    async fn node(&self, file: &str, network: &str) -> Running {
        let app = App::conduit().config(&self.settings(file, network));
        with_passwords(app).start().await
    }
}

fn with_passwords(app: App) -> App {
    app.environment("POSTGRES_PASSWORD", "secret")
        .environment("REDIS_PASSWORD", "secret")
}

/// Writes through the edge, and reads that through it and through each node.
async fn check_site(edge: &Running, nodes: &[Running]) {
    let api = Api::new(&edge.url("/api"));
    let author = api.register().await;
    let article = api.publish(&author, &unique("Recipe"), &["food"]).await;
    let path = path_of(&article);
    for server in nodes.iter().chain([edge]) {
        let api = Api::new(&server.url("/api"));
        let read = api.get(&path, "").await.expect(200);
        assert_eq!(read.json()["article"]["title"], article["title"]);
        let ready = server.administer(&["ready"]).await;
        assert_eq!(ready.code, Some(0), "{}", ready.text);
    }
    // What the settings name as shared is what they share.
    for server in nodes.iter().chain([edge]) {
        server
            .until_metric("terrace_cache_shared_followed", &[], |followed| {
                followed >= 1.0
            })
            .await;
    }
}

#[tokio::test]
async fn settings_of_compose_make_a_site_of_two_nodes_and_an_edge() {
    let servers = Servers::start();
    let node = || servers.node("compose/node.toml", "172.30.0.0/24");
    let (one, other) = tokio::join!(node(), node());
    let mut settings = servers.settings("compose/edge.toml", "172.30.0.0/24");
    for (name, node) in [("node-a", &one), ("node-b", &other)] {
        settings = settings.replace(&format!("http://{name}:3000"), &node.http);
    }
    let edge = with_passwords(App::edge("").config(&settings))
        .start()
        .await;
    check_site(&edge, &[one, other]).await;
}

#[tokio::test]
async fn settings_for_kubernetes_make_a_site_whose_edge_finds_the_nodes() {
    const FOLDER: &str = "kubernetes/overlays/10k";
    let servers = Servers::start();
    let file = format!("{FOLDER}/node.toml");
    let node = || servers.node(&file, "10.0.0.0/8");
    let (one, other) = tokio::join!(node(), node());
    let settings = servers.settings(&format!("{FOLDER}/edge.toml"), "10.0.0.0/8");
    let edge = with_passwords(App::edge("").config(&settings))
        .start()
        .await;
    edge.until_metric("terrace_cluster_nodes", &[("state", "used")], |nodes| {
        nodes >= 2.0
    })
    .await;
    until("the edge has nodes", async || {
        let answer = edge.get("/api/tags").await;
        (answer.status == 200).then_some(())
    })
    .await;
    check_site(&edge, &[one, other]).await;
}
