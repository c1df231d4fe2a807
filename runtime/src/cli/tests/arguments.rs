//! Command lines and what they mean.

use std::path::Path;

use clap::{CommandFactory, error::ErrorKind};

use super::*;
use crate::cli::arguments::{Command, SqlCommand};
use crate::serving::ServingOptions;
use crate::settings::AdminAddress;

fn options(line: &str) -> ServingOptions {
    match parse(line).unwrap().command {
        Command::Up(arguments) | Command::Dev(arguments) => arguments.options(),
        Command::Check(arguments) => arguments.options(),
        command => panic!("{command:?} serves nothing"),
    }
}

fn refusal(line: &str) -> clap::Error {
    parse(line).expect_err("the line is refused")
}

#[test]
fn definition_holds_together() {
    Arguments::command().debug_assert();
}

#[test]
fn nothing_but_the_command_is_needed() {
    let options = options("terrace up");
    assert_eq!(options.manifest, Path::new("spin.toml"));
    assert_eq!(options.config, None);
    assert_eq!(options.listen, None);
    assert!(options.only.is_empty() && options.variables.is_empty() && !options.json);
}

#[test]
fn up_and_dev_take_the_same_arguments() {
    for command in ["up", "dev"] {
        let options = options(&format!(
            "terrace {command} --from shop --config my.toml --listen [::1]:80 --admin 127.0.0.1:0 \
             --state-dir /state --build --only api,hello --only web --variable a=1 --variable b=x=y --json"
        ));
        assert_eq!(options.manifest, Path::new("shop"));
        assert_eq!(options.config.as_deref(), Some(Path::new("my.toml")));
        assert_eq!(options.listen, Some("[::1]:80".parse().unwrap()));
        let admin = AdminAddress::At("127.0.0.1:0".parse().unwrap());
        assert_eq!(options.admin, Some(admin));
        assert_eq!(options.state_dir.as_deref(), Some(Path::new("/state")));
        assert_eq!(options.only, ["api", "hello", "web"]);
        assert_eq!(options.variables, ["a=1", "b=x=y"]);
        assert!(options.json);
    }
}

#[test]
fn check_takes_what_start_would_judge() {
    let options = options("terrace check -f shop -c my.toml --variable a=1");
    assert_eq!(options.manifest, Path::new("shop"));
    assert_eq!(options.config.as_deref(), Some(Path::new("my.toml")));
    assert_eq!(options.variables, ["a=1"]);
}

#[test]
fn edge_takes_an_origin_and_what_up_takes_of_listeners() {
    let line = "terrace edge -o http://a --origin http://b --config my.toml --listen [::1]:80 --admin 127.0.0.1:0 --state-dir /s --json";
    let Command::Edge(arguments) = parse(line).unwrap().command else {
        panic!("`edge` is another command");
    };
    let options = arguments.options();
    assert_eq!(options.origins, ["http://a", "http://b"]);
    assert_eq!(options.config.as_deref(), Some(Path::new("my.toml")));
    assert_eq!(options.listen, Some("[::1]:80".parse().unwrap()));
    let admin = AdminAddress::At("127.0.0.1:0".parse().unwrap());
    assert_eq!(options.admin, Some(admin));
    assert_eq!(options.state_dir.as_deref(), Some(Path::new("/s")));
    assert!(options.json && parse("terrace edge").is_ok());
}

#[test]
fn a_purge_is_of_exactly_one_thing() {
    for line in [
        "--tag a",
        "--url http://a/",
        "--prefix http://a/ --soft",
        "--all --admin 127.0.0.1:1 --json",
    ] {
        parse(&format!("terrace cache purge {line}")).unwrap();
    }
    for line in ["", "--soft", "--all --tag a", "--tag"] {
        assert_eq!(
            refusal(&format!("terrace cache purge {line}")).exit_code(),
            2,
            "{line}"
        );
    }
}

#[test]
fn sql_takes_one_statement_and_is_shown_or_run() {
    let line = "terrace sql exec SELECT -p -7 --param x --label other -f shop -c my.toml --state-dir /s --json";
    let Command::Sql { command } = parse(line).unwrap().command else {
        panic!("`sql` is another command");
    };
    let SqlCommand::Exec(arguments) = command else {
        panic!("`exec` is another command");
    };
    assert_eq!(arguments.statement, "SELECT");
    assert_eq!(arguments.parameters, ["-7", "x"]);
    assert_eq!(arguments.label, "other");
    let options = arguments.database.options();
    assert_eq!(options.manifest, Path::new("shop"));
    assert_eq!(options.config.as_deref(), Some(Path::new("my.toml")));
    assert_eq!(options.state_dir.as_deref(), Some(Path::new("/s")));
    parse("terrace sql migrate --dry-run --label other --json").unwrap();
    for line in ["", "SELECT more", "SELECT --explain --translate"] {
        let line = format!("terrace sql exec {line}");
        assert_eq!(refusal(&line).exit_code(), 2, "{line}");
    }
}

#[test]
fn build_takes_the_components_to_build() {
    let Command::Build(arguments) = parse("terrace build hello api -v").unwrap().command else {
        panic!("`build` is another command");
    };
    assert_eq!(arguments.components, ["hello", "api"]);
    assert!(arguments.verbose);
}

#[test]
fn project_goes_to_the_folder_of_its_name_or_to_another() {
    let folder = |line| match parse(line).unwrap().command {
        Command::New(arguments) => arguments.folder().to_owned(),
        command => panic!("{command:?} makes nothing"),
    };
    assert_eq!(folder("terrace new shop"), Path::new("shop"));
    assert_eq!(folder("terrace new shop --dir a/b"), Path::new("a/b"));
}

#[test]
fn refused_address_comes_with_an_example() {
    let message = refusal("terrace up --listen 3000").to_string();
    assert!(message.contains("127.0.0.1:3000"), "{message}");
}

#[test]
fn misspelt_words_come_with_the_nearest_one() {
    let message = refusal("terrace biuld").to_string();
    assert!(message.contains("'build'"), "{message}");
    let message = refusal("terrace up --listn 127.0.0.1:1").to_string();
    assert!(message.contains("'--listen'"), "{message}");
    let message = refusal("terrace new shop --template http-go").to_string();
    assert!(message.contains("http-rust"), "{message}");
}

#[test]
fn wrong_lines_exit_with_2_and_help_with_0() {
    for line in [
        "terrace",
        "terrace nope",
        "terrace up --nope",
        "terrace new",
        "terrace completions",
    ] {
        assert_eq!(refusal(line).exit_code(), 2, "{line}");
    }
    for line in ["terrace --help", "terrace up --help", "terrace --version"] {
        assert_eq!(refusal(line).exit_code(), 0, "{line}");
    }
    assert_eq!(
        refusal("terrace --version").kind(),
        ErrorKind::DisplayVersion
    );
}

#[test]
fn every_command_is_explained_with_examples() {
    let mut command = Arguments::command();
    command.build();
    for command in command
        .get_subcommands_mut()
        .filter(|command| command.get_name() != "help")
    {
        let name = command.get_name().to_owned();
        let help = command.render_help().to_string();
        assert!(
            help.contains(&format!("Examples:\n  terrace {name}")),
            "{help}"
        );
        let undocumented = |argument: &&clap::Arg| argument.get_help().is_none();
        assert_eq!(
            command
                .get_arguments()
                .find(undocumented)
                .map(clap::Arg::get_id),
            None
        );
    }
}

#[test]
fn the_admin_listener_can_be_switched_off() {
    for command in ["up", "dev"] {
        let options = options(&format!("terrace {command} --admin off"));
        assert_eq!(options.admin, Some(AdminAddress::Off));
    }
    let refused = refusal("terrace up --admin on").to_string();
    assert!(refused.contains("or `off`"), "{refused}");
}
