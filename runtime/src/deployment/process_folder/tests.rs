//! Who removes whose folder.

use std::fs;
use std::path::Path;

use super::ProcessFolder;

/// A folder as a process leaves it that was killed: the lock is free, and nothing was removed.
fn killed(parent: &Path) -> std::path::PathBuf {
    let path = parent.join("0123");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("left"), "behind").unwrap();
    fs::write(path.with_extension("lock"), "").unwrap();
    path
}

#[test]
fn each_process_removes_its_own_folder_only() {
    let parent = tempfile::tempdir().unwrap();
    let first = ProcessFolder::make(parent.path()).unwrap();
    let second = ProcessFolder::make(parent.path()).unwrap();
    assert!(first.path().is_dir() && second.path().is_dir());
    fs::write(second.path().join("file"), "").unwrap();
    drop(first);
    assert!(second.path().join("file").exists());
    drop(second);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn what_a_killed_process_left_behind_goes_at_the_next_start() {
    let parent = tempfile::tempdir().unwrap();
    let living = ProcessFolder::make(parent.path()).unwrap();
    let abandoned = killed(parent.path());
    let next = ProcessFolder::make(parent.path()).unwrap();
    assert!(!abandoned.exists() && !abandoned.with_extension("lock").exists());
    assert!(living.path().is_dir() && next.path().is_dir());
}

#[test]
fn a_folder_without_a_lock_is_not_judged() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir(parent.path().join("of the user")).unwrap();
    drop(ProcessFolder::make(parent.path()).unwrap());
    assert!(parent.path().join("of the user").is_dir());
}

#[test]
fn processes_that_start_and_end_at_once_do_not_meet() {
    let parent = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let own = ProcessFolder::make(parent.path()).unwrap();
                    fs::write(own.path().join("file"), "").unwrap();
                }
            });
        }
    });
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}
