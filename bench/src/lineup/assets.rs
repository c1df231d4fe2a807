//! Static files: the function `assets` behind the cache of `terrace up`, and nginx with the same files on disk.

use std::{fs, path::Path};

use super::{Asked, Compared, Lineup};
use crate::{
    Outcome, REPORT_SCRIPT,
    apps::{ASSETS, App, WITH_LARGE_RESPONSES},
    contestant::{Contestant, GREETING, Kind},
};

/// The aim for Terrace compared with nginx.
const AIM_OF_NGINX: f64 = 1.0;

/// A large file, and its length in bytes.
const LARGE: Asked = Asked {
    path: "/large.bin",
    expects: GREETING,
};
const LARGE_BYTES: usize = 10 << 20;

/// The first of the small files, and their length in bytes. The script asks for all of them.
const SMALL: Asked = Asked {
    path: "/small/0.bin",
    expects: GREETING,
};
const SMALL_BYTES: usize = 1 << 10;

/// The number of small files, as in the script.
const FILES: usize = 100;

/// Asks for the small files.
const FILES_SCRIPT: &str = include_str!("../files.lua");

impl Lineup<'_> {
    /// The large file, and the small ones.
    pub(crate) fn assets(&self) -> Outcome<[Compared; 2]> {
        let app =
            App::new(WITH_LARGE_RESPONSES).with("assets", "/...", &self.guest("assets"), ASSETS);
        let terrace = self.terrace("terrace, assets from its cache", &app)?;
        let nginx = self.peer("nginx, files on disk", "nginx", Kind::NginxFiles)?;
        let nginx = Contestant {
            aim: Some(AIM_OF_NGINX),
            ..nginx
        };
        let contestants = [terrace, nginx];
        for contestant in &contestants {
            write_site(&contestant.folder.join("www"))?;
        }
        let (report, files) = (self.folder.join("file.lua"), self.folder.join("files.lua"));
        fs::write(&report, REPORT_SCRIPT)?;
        fs::write(&files, FILES_SCRIPT.to_owned() + REPORT_SCRIPT)?;
        let ask = |asked: &Asked| contestants.each_ref().map(|each| asked.of(each.clone()));
        Ok([
            Compared {
                title: "assets, a file of 10 MiB".to_owned(),
                contestants: ask(&LARGE),
                script: report,
            },
            Compared {
                title: format!("assets, {FILES} files of 1 KiB"),
                contestants: ask(&SMALL),
                script: files,
            },
        ])
    }
}

fn write_site(folder: &Path) -> Outcome {
    fs::create_dir_all(folder.join("small"))?;
    let greetings = GREETING.bytes().cycle();
    let large: Vec<u8> = greetings.take(LARGE_BYTES).collect();
    fs::write(folder.join("large.bin"), &large)?;
    for number in 0..FILES {
        let file = folder.join("small").join(format!("{number}.bin"));
        fs::write(file, &large[..SMALL_BYTES])?;
    }
    Ok(())
}
