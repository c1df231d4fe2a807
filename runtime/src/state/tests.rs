//! What is opened for an app, and when.

use std::path::Path;

use super::State;
use crate::clock;
use crate::manifest::tests::load;
use crate::settings::{Config, Settings};

const APP: &str = "
    spin_manifest_version = 2
    application = { name = 'shop' }
    [[trigger.http]]
    route = '/'
    component = 'hello'
    [component.hello]
    source = 'hello.wasm'
    ";

fn config(folder: &Path) -> Config {
    let settings = Settings::read_if_present(&folder.join("terrace.toml")).unwrap();
    settings.judge(folder).unwrap()
}

#[test]
fn only_what_a_component_names_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::default();
    let app = load(&format!("{APP} sqlite_databases = ['default']"));
    state.open(&config(folder.path()), &app).unwrap();
    assert!(state.database("default").is_some());
    assert!(state.store("default").is_none());
    assert!(state.database("other").is_none());
}

#[test]
fn what_a_changed_app_names_is_opened_beside_what_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let state = State::default();
    state.open(&config, &load(APP)).unwrap();
    assert!(state.store("default").is_none());
    for _ in 0..2 {
        let app = load(&format!(
            "{APP} sqlite_databases = ['default']\nkey_value_stores = ['default']"
        ));
        state.open(&config, &app).unwrap();
        assert!(state.database("default").is_some());
        assert!(state.store("default").is_some());
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let Some(crate::settings::Engine::Sqlite(path)) = config.sql.get("default") else {
        panic!("the default database is a file");
    };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(
        path,
        "no database, but longer than the head of one is: 100 bytes".repeat(4),
    )
    .unwrap();
    let app = load(&format!("{APP} sqlite_databases = ['default']"));
    assert!(State::default().open(&config, &app).is_err());
}

#[tokio::test]
async fn labels_of_one_file_share_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[sql.other]\nurl = 'sqlite:state/../state/default.db'";
    let file = folder.path().join("terrace.toml");
    std::fs::write(&file, text).unwrap();
    let settings = Settings::read(&file).unwrap();
    let config = settings.judge(&folder.path().join("state")).unwrap();
    let state = State::default();
    let app = load(&format!("{APP} sqlite_databases = ['default', 'other']"));
    state.open(&config, &app).unwrap();
    let deadline = clock::now() + std::time::Duration::from_secs(60);
    let mut session = state.database("default").unwrap().session();
    let create = session.execute("CREATE TABLE t (x)", vec![], deadline);
    create.await.unwrap();
    let other = state.database("other").unwrap();
    assert_eq!(other.statistics().writes.get(), 1);
}
