//! Which files a component is given.

use std::os::unix::fs::symlink;

use super::*;

/// An app with a few assets, and what `files` gives its component: guest paths, or the faults.
fn check(entries: &str) -> Result<Vec<String>, String> {
    let directory = directory(&format!("{HEAD}{HELLO}\n{entries}"));
    for file in [
        "assets/a.txt",
        "assets/b.html",
        "assets/deep/c.txt",
        "secret/key",
        "[odd].txt",
    ] {
        let file = directory.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, b"").unwrap();
    }
    fs::create_dir(directory.path().join("public")).unwrap();
    symlink("../secret/key", directory.path().join("public/key")).unwrap();
    for (target, link) in [("/etc", "out"), ("a.txt", "link"), (".", "loop")] {
        symlink(target, directory.path().join("assets").join(link)).unwrap();
    }
    let app = App::load(directory.path()).map_err(|faults| faults.to_string())?;
    let mounts = app.components[0].files.iter();
    let files = mounts.filter(|mount| mount.host.is_file());
    Ok(files.map(|mount| mount.guest.clone()).collect())
}

fn found(entries: &str) -> Vec<String> {
    check(entries).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn files_keep_their_paths() {
    assert_eq!(found("files = ['assets/a.txt']"), ["/assets/a.txt"]);
    assert_eq!(
        found("files = ['assets/*.txt', './assets/a.txt']"),
        ["/assets/a.txt"]
    );
    assert_eq!(
        found("files = ['assets/**/*.txt']"),
        ["/assets/a.txt", "/assets/deep/c.txt"]
    );
    assert_eq!(found("files = ['assets/deep']"), ["/assets/deep/c.txt"]);
    assert_eq!(found("files = ['[odd].txt']"), ["/[odd].txt"]);
    assert_eq!(found("files = ['assets/link']"), ["/assets/link"]);
    assert!(found("files = ['nothing/*.txt']").is_empty());
}

#[test]
fn a_directory_goes_to_its_destination_with_all_that_is_in_it() {
    let excluded = "exclude_files = ['assets/out', 'assets/loop']";
    for destination in ["/www", "/www/", "//www"] {
        let entry = format!("{{ source = 'assets', destination = '{destination}' }}");
        assert_eq!(
            found(&format!("{excluded}\nfiles = [{entry}]")),
            ["/www/a.txt", "/www/b.html", "/www/deep/c.txt", "/www/link"]
        );
    }
    assert_eq!(
        found("files = [{ source = 'assets/a.txt', destination = '/a' }]"),
        ["/a"]
    );
}

#[test]
fn excluded_files_are_left_out() {
    let excluded = "exclude_files = ['**/*.html', 'assets/deep/*', 'assets/out', 'assets/loop']";
    let files = found(&format!(
        "{excluded}\nfiles = ['assets/*.*', 'assets/deep/*']"
    ));
    assert_eq!(files, ["/assets/a.txt"]);
    let files = found(&format!(
        "{excluded}\nfiles = [{{ source = 'assets', destination = '/' }}]"
    ));
    assert_eq!(files, ["/a.txt", "/link"]);
}

#[test]
fn nothing_outside_of_the_app_is_given() {
    for (entry, expected) in [
        ("'/etc/passwd'", "outside of the app's directory"),
        ("'../*'", "outside of the app's directory"),
        ("'assets/../../x'", "outside of the app's directory"),
        ("'assets/out'", "leads out of the app's directory"),
        (
            "{ source = '/etc', destination = '/' }",
            "outside of the app's directory",
        ),
        (
            "{ source = 'assets/out', destination = '/' }",
            "leads out of the app's directory",
        ),
    ] {
        let faults = check(&format!("files = [{entry}]")).unwrap_err();
        assert!(faults.contains(expected), "{entry}: {faults}");
    }
}

#[test]
fn entries_that_say_nothing_are_refused() {
    for (entry, expected) in [
        ("'absent.txt'", "is not there"),
        ("'[a'", "is not a pattern"),
        ("{ source = 'assets' }", "`destination` is missing"),
        ("{ destination = '/' }", "`source` is missing"),
        (
            "{ source = 'assets', destination = 'www' }",
            "is not an absolute path",
        ),
        (
            "{ source = 'assets', destination = '/../x' }",
            "is not an absolute path",
        ),
    ] {
        let faults = check(&format!("files = [{entry}]")).unwrap_err();
        assert!(faults.contains(expected), "{entry}: {faults}");
    }
}

#[test]
fn a_link_that_leads_back_into_itself_is_named_and_not_followed() {
    let faults = check("exclude_files = ['assets/out']\nfiles = ['assets']").unwrap_err();
    assert!(
        faults.contains("`assets/loop` is not a regular file"),
        "{faults}"
    );
    assert_eq!(found("files = ['**/c.txt']"), ["/assets/deep/c.txt"]);
}

#[test]
fn a_link_out_of_a_named_folder_is_an_error_of_check() {
    for entry in ["{ source = 'public', destination = '/' }", "'public'"] {
        let faults = check(&format!("files = [{entry}]")).unwrap_err();
        assert!(
            faults.contains("the link `key` in `public` leads out of it"),
            "{faults}"
        );
        let excluded = format!("exclude_files = ['public/key']\nfiles = [{entry}]");
        assert!(found(&excluded).is_empty());
    }
    assert_eq!(found("files = ['public/*']"), ["/public/key"]);
}

#[test]
fn entries_that_cannot_lie_in_one_tree_are_errors_of_check() {
    let place = |source: &str, destination: &str| {
        format!("{{ source = '{source}', destination = '{destination}' }}")
    };
    for (entries, expected) in [
        (
            [place("assets/a.txt", "/x"), place("assets/b.html", "/x")],
            "`assets/b.html` cannot be at `/x`, because `assets/a.txt` is there",
        ),
        (
            [place("assets/a.txt", "/x"), place("assets/b.html", "/x/y")],
            "`assets/b.html` cannot be at `/x/y`, because `assets/a.txt` is there",
        ),
        (
            [place("assets/a.txt", "/x/y"), place("assets/b.html", "/x")],
            "`assets/b.html` cannot be at `/x`, because `assets/a.txt` is there",
        ),
        (
            [place("assets/a.txt", "/x"), place("secret", "/x")],
            "`secret` cannot be at `/x`, because `assets/a.txt` is there",
        ),
    ] {
        let faults = check(&format!("files = [{}]", entries.join(", "))).unwrap_err();
        assert!(faults.contains(expected), "{faults}");
    }
    let both = [place("assets/deep", "/"), place("secret", "/")];
    assert_eq!(
        found(&format!("files = [{}, 'secret/key']", both.join(", "))),
        ["/c.txt", "/key", "/secret/key"]
    );
}
