//! The journey of a user: nine steps, with a pause before each.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep_until},
};

use crate::{Outcome, user::User};

/// The steps, in their order.
pub(crate) const STEPS: [&str; 9] = [
    "page",
    "browse",
    "read",
    "comments",
    "register",
    "comment",
    "own comment",
    "favourite",
    "own favourite",
];

/// What a browser fetches before it shows anything.
const PAGE: [&str; 3] = ["/assets/", "/assets/style-fe3eb037.css", "/assets/guide/"];

/// The mean pause, in which a user reads.
const MEAN_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// What all journeys share.
pub(crate) struct Site {
    /// The edges. Each user has one.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Tells the users of this run from those of others.
    pub(crate) run: String,
    /// Articles.
    pub(crate) slugs: Vec<String>,
}

/// A step that was taken.
pub(crate) struct Sample {
    /// Its place among [`STEPS`].
    pub(crate) step: usize,
    /// When the user meant to take it.
    pub(crate) intended: Instant,
    /// From then to the whole answer: the wait for a late answer before it counts too.
    pub(crate) taken: Duration,
    /// Why the answer is wrong.
    pub(crate) failure: Option<String>,
}

/// Makes the journey of one user. A user goes on after a failure, as far as that is possible.
pub(crate) async fn make(
    site: &Site,
    index: u32,
    mut intended: Instant,
    samples: &UnboundedSender<Sample>,
) {
    let mut random = Random(u64::from(index));
    let edge = usize::try_from(index).unwrap_or(0) % site.addresses.len().max(1);
    let mut user = User::new(site.addresses[edge], format!("{}n{index}", site.run));
    let mut slug = site.slugs[random.below(site.slugs.len())].clone();
    let mut comment = Value::Null;
    for step in 0..STEPS.len() {
        intended += random.pause();
        sleep_until(intended).await;
        let outcome = take(step, &mut user, &mut slug, &mut comment, &mut random).await;
        let sample = Sample {
            step,
            intended,
            taken: intended.elapsed(),
            failure: outcome.err().map(|error| error.to_string()),
        };
        if samples.send(sample).is_err() {
            return;
        }
    }
}

async fn open_page(user: &mut User) -> Outcome {
    for path in PAGE {
        let content = user.fetch(path).await?;
        expect(!content.is_empty(), "an empty file")?;
    }
    Ok(())
}

async fn take(
    step: usize,
    user: &mut User,
    slug: &mut String,
    comment: &mut Value,
    random: &mut Random,
) -> Outcome {
    let article = format!("/api/articles/{slug}");
    match STEPS[step] {
        "page" => open_page(user).await?,
        "browse" => {
            let list = user.get("/api/articles?limit=20").await?;
            let articles = list["articles"].as_array().ok_or("no list")?;
            let chosen = articles.get(random.below(articles.len()));
            let chosen = chosen.and_then(|article| article["slug"].as_str());
            chosen.ok_or("an empty list")?.clone_into(slug);
        }
        "read" => {
            let answer = user.get(&article).await?;
            expect(
                answer["article"]["slug"] == slug.as_str(),
                "another article",
            )?;
        }
        "comments" => {
            let answer = user.get(&format!("{article}/comments")).await?;
            expect(answer["comments"].is_array(), "no comments")?;
        }
        "register" => drop(user.register().await?),
        "comment" => {
            let content = json!({"comment": {"body": "Well said."}});
            let answer = user.post(&format!("{article}/comments"), &content).await?;
            *comment = answer["comment"]["id"].clone();
        }
        "own comment" => {
            let answer = user.get(&format!("{article}/comments")).await?;
            let all = answer["comments"].as_array().ok_or("no comments")?;
            let is_there = all.iter().any(|one| one["id"] == *comment);
            expect(is_there, "the user's own comment is not there")?;
        }
        "favourite" => {
            let answer = user
                .post(&format!("{article}/favorite"), &json!({}))
                .await?;
            expect(answer["article"]["favorited"] == true, "no favourite")?;
        }
        _ => {
            let answer = user.get(&article).await?;
            let is_there = answer["article"]["favorited"] == true;
            expect(is_there, "the user's own favourite is not there")?;
        }
    }
    Ok(())
}

fn expect(holds: bool, failure: &str) -> Outcome {
    if holds { Ok(()) } else { Err(failure.into()) }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same journeys in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % count).unwrap_or(0)
    }

    /// An exponential pause, as between independent events.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are enough for a pause")]
    fn pause(&mut self) -> Duration {
        let uniform = ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        MEAN_PAUSE.mul_f64(-uniform.ln()).min(MAX_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_have_their_mean_and_their_bound() {
        let mut random = Random(1);
        let pauses: Vec<_> = (0..10_000).map(|_| random.pause()).collect();
        let mean = pauses.iter().sum::<Duration>() / 10_000;
        assert!(
            mean > MEAN_PAUSE.mul_f64(0.9) && mean < MEAN_PAUSE.mul_f64(1.1),
            "{mean:?}"
        );
        assert!(pauses.iter().all(|pause| *pause <= MAX_PAUSE));
    }
}
