//! The `terrace` command.

use terrace_runtime::serving::{Serving, ServingOptions};

fn main() {
    let mut args = std::env::args().skip(2);
    let mut o = ServingOptions { manifest: "spin.toml".into(), ..Default::default() };
    while let Some(a) = args.next() {
        match a.as_str() {
            "--from" => o.manifest = args.next().unwrap().into(),
            "--config" => o.config = args.next().map(Into::into),
            "--listen" => o.listen = args.next().map(|a| a.parse().unwrap()),
            "--admin" => o.admin = args.next().map(|a| a.parse().unwrap()),
            "--state-dir" => o.state_dir = args.next().map(Into::into),
            "--json" => o.json = true,
            other => panic!("{other}"),
        }
    }
    let t = std::time::Instant::now();
    match Serving::start(o) {
        Ok(s) => { println!("{{\"event\":\"ready\",\"http\":\"http://{}\",\"admin\":\"http://{}\"}}", s.http(), s.admin().unwrap()); eprintln!("{:?}", t.elapsed()); s.run().unwrap() }
        Err(e) => { eprintln!("{e}"); std::process::exit(2) }
    }
}
