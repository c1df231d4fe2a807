//! The examples at the end of each `--help`.

pub(super) const TERRACE: &str = "\
Examples:
  terrace new shop && cd shop      Make a project that builds, runs and tests at once
  terrace dev                      Serve it, and swap in changed components
  terrace up --build               Build it once and serve it
  terrace check                    Find everything that is wrong with it

Exit codes:
  0  fine
  1  the operation failed
  2  the arguments, the manifest or the settings are wrong";

pub(super) const NEW: &str = "\
Examples:
  terrace new shop
  terrace new shop --dir services/shop";

pub(super) const BUILD: &str = "\
Examples:
  terrace build                    Build every component that has a build command
  terrace build hello --verbose    Build one, and show the output of its compiler";

pub(super) const BUNDLE: &str = "\
Examples:
  terrace bundle                               All of the app in app.terrace
  terrace bundle --output shop-1.2.terrace --sign sign.pem
  terrace bundle --list app.terrace            Its files, its digest, and who signed it
  terrace up --from app.terrace                Serve it";

pub(super) const DEPLOY: &str = "\
Examples:
  terrace deploy                               app.terrace, to all nodes in the registry of terrace.toml
  terrace deploy shop-1.2.terrace --node 10.0.0.5:3001 --node 10.0.0.6:3001
  terrace deploy --canary 10%                  Hold the new version at a tenth of the requests
  terrace deploy --continue                    Go on with it
  terrace deploy --rollback                    Go back to the version before
  terrace deploy --list                        The versions, and the one that each server serves";

pub(super) const UP: &str = "\
Examples:
  terrace up
  terrace up --build --listen 0.0.0.0:8080
  terrace up --from shop/spin.toml --only api,hello --variable api_key=secret
  terrace up --listen 127.0.0.1:0 --json       A free port, reported as JSON";

pub(super) const DEV: &str = "\
Examples:
  terrace dev
  terrace dev --only hello --listen 127.0.0.1:8080

Watched are the manifest and, for each component, its WebAssembly file, the files and folders of
`files`, and those of `watch` in `[component.ID.build]` (for cargo without `watch`: `src/**` and
`Cargo.toml`).";

pub(super) const EDGE: &str = "\
Examples:
  terrace edge --origin http://127.0.0.1:3000 --listen 0.0.0.0:80
  terrace edge -o http://10.0.0.2:3000 -o http://10.0.0.3:3000
  terrace edge --config edge.toml              With the origins in `origins` of [edge]";

pub(super) const READY: &str = "\
Examples:
  terrace ready && echo 'it takes requests'
  terrace ready --config /etc/terrace/terrace.toml     As the check of a container
  terrace ready --admin 127.0.0.1:4001";

pub(super) const CACHE: &str = "\
Examples:
  terrace cache stats                          How much is stored, and how often it was used
  terrace cache purge --tag articles           Purge the responses of the group \"articles\"
  terrace cache purge --all --admin 127.0.0.1:4001";

pub(super) const PURGE: &str = "\
Examples:
  terrace cache purge --tag article:7          A name in Cache-Groups, Cache-Tag or Surrogate-Key
  terrace cache purge --url http://example.com/a?b=c
  terrace cache purge --prefix http://example.com/shop/ --soft
  terrace cache purge --all";

pub(super) const STATS: &str = "\
Examples:
  terrace cache stats
  terrace cache stats --json --admin 127.0.0.1:4001";

pub(super) const SQL: &str = "\
Examples:
  terrace sql exec 'SELECT count(*) FROM articles'
  terrace sql migrate --dry-run
  terrace sql advise                           Which queries hurt?
  terrace sql exec 'SELECT * FROM users WHERE id = ?1' --param 7 --explain";

pub(super) const SQL_EXEC: &str = "\
Examples:
  terrace sql exec 'SELECT id, title FROM articles ORDER BY id DESC LIMIT 10'
  terrace sql exec 'SELECT * FROM users WHERE id = ?1 AND name = ?2' --param 7 --param Anna
  terrace sql exec 'DELETE FROM sessions WHERE user_id = ?' --param 7 --label sessions
  terrace sql exec 'SELECT * FROM articles WHERE slug = ?' --param first --explain
  terrace sql exec 'SELECT group_concat(name) FROM tags' --translate";

pub(super) const SQL_MIGRATE: &str = "\
Examples:
  terrace sql migrate
  terrace sql migrate --dry-run                Show the statements that would run
  terrace sql migrate --label default --state-dir /var/lib/shop

The manifest names a folder for each database, and its files are applied in the order of their
numbers, such as 0001_users.sql:

  [application.tool.terrace.migrations]
  default = \"migrations\"";

pub(super) const SQL_ADVISE: &str = "\
Examples:
  terrace sql advise                           The findings, then the queries that take most time
  terrace sql advise --admin 127.0.0.1:4001 --label default
  terrace sql advise --json                    One JSON object with all that is known";

pub(super) const SQL_MOVE: &str = "\
Examples:
  terrace sql move --to postgres://app@db/app --dry-run    Show what would be done
  terrace sql move --to postgres://app@db/app --password-variable DB_PASSWORD
  terrace sql move --to sqlite:back.db                     Back into a file
  terrace sql move --to postgres://app@db/app --abandon    Give up a move that has begun

The app serves meanwhile. Whenever the command ends early, the same command continues.";

pub(super) const BACKUP: &str = "\
Examples:
  terrace backup /var/backups/shop-2026-11-28
  terrace backup --from shop/spin.toml --state-dir /var/lib/shop /var/backups/shop-1
  terrace backup --json backup-1               Progress and result as JSON

State on servers is not in it: the command names that, and the tool that makes a backup of it.";

pub(super) const RESTORE: &str = "\
Examples:
  terrace restore /var/backups/shop-2026-11-28
  terrace restore --from shop/spin.toml --state-dir /var/lib/shop /var/backups/shop-1

The databases that were there before stay beside the new ones, as FILE.before-TIME.";

pub(super) const CHECK: &str = "\
Examples:
  terrace check
  terrace check --portable                     Is it ready for Postgres?
  terrace check --nodes 2                      Can a second node be started?
  terrace check --from-admin 127.0.0.1:3001    Also the queries of a running server
  terrace check --from shop/spin.toml --json   One JSON object per finding";

pub(super) const COMPLETIONS: &str = "\
Examples:
  terrace completions bash > ~/.local/share/bash-completion/completions/terrace
  terrace completions zsh > ~/.zfunc/_terrace
  terrace completions fish > ~/.config/fish/completions/terrace.fish";

pub(super) const QUEUE: &str = "\
Examples:
  terrace queue ls                             Queues, their messages, and how long they wait
  terrace queue show mail.dead                 Dead letters with their failures
  terrace queue redrive mail.dead --all";

pub(super) const QUEUE_LS: &str = "\
Examples:
  terrace queue ls
  terrace queue ls --json --admin 127.0.0.1:4001";

pub(super) const QUEUE_SHOW: &str = "\
Examples:
  terrace queue show mail                      Messages that wait or are in work
  terrace queue show mail.dead --json          All failures of each dead letter";

pub(super) const QUEUE_REDRIVE: &str = "\
Examples:
  terrace queue redrive mail.dead 42           One message, by its number in `terrace queue show`
  terrace queue redrive mail.dead --all";

pub(super) const QUEUE_DROP: &str = "\
Examples:
  terrace queue drop mail.dead 42
  terrace queue drop mail.dead --all";
