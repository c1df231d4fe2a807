//! How the files of a component lie.

use std::fs;
use std::os::unix::fs::symlink;

use super::{FileTree, copy};
use crate::manifest::FileMount;

#[test]
fn files_from_everywhere_lie_in_one_tree() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, guest: &str| {
        let host = folder.path().join(name);
        fs::write(&host, name).unwrap();
        FileMount {
            host,
            guest: guest.into(),
        }
    };
    let mut mounts = vec![
        file("index.html", "/index.html"),
        file("site.json", "/config/site.json"),
    ];
    symlink("site.json", folder.path().join("link")).unwrap();
    mounts.push(FileMount {
        host: folder.path().join("link"),
        guest: "/link".into(),
    });
    mounts.push(FileMount {
        host: folder.path().into(),
        guest: "/empty".into(),
    });
    let root = folder.path().join("tree");
    let tree = FileTree::lay_out(root.clone(), &mounts).unwrap();
    let read = |guest: &str| fs::read_to_string(tree.path().join(guest)).unwrap();
    assert_eq!(read("index.html"), "index.html");
    assert_eq!(read("config/site.json"), "site.json");
    fs::remove_file(folder.path().join("site.json")).unwrap();
    fs::write(folder.path().join("site.json"), "replaced").unwrap();
    assert_eq!(read("link"), "site.json");
    assert!(tree.path().join("empty").is_dir());
    drop(tree);
    assert!(!root.exists());
    assert!(folder.path().join("index.html").exists());
}

#[test]
fn a_tree_that_cannot_be_laid_out_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mounts = [FileMount {
        host: folder.path().join("absent"),
        guest: "/absent".into(),
    }];
    let root = folder.path().join("tree");
    let error = FileTree::lay_out(root.clone(), &mounts).unwrap_err();
    assert!(error.to_string().contains("`/absent`"), "{error}");
    assert!(!root.exists());
}

#[test]
fn a_copy_has_the_time_of_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let (source, path) = (folder.path().join("source"), folder.path().join("copy"));
    fs::write(&source, "content").unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_000_000_000_123_456_789);
    fs::File::open(&source).unwrap().set_modified(time).unwrap();
    copy(&source, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "content");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
}
