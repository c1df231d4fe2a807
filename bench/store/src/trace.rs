//! Synthetic traces: the resource that each request asks for. They are the same on every run.

/// Resources that are requested more than once.
pub(crate) const WORKING_SET: usize = 100_000;

/// Requests of a trace.
const REQUESTS: usize = 1_500_000;

/// Requests between two scans. A scan requests new resources, a tenth of the working set, that nobody requests again.
const SCAN_EVERY: usize = 50_000;

/// Requests between two steps of drift. In a step, a new resource becomes the most popular one, and all others move down by one.
const DRIFT_EVERY: usize = 200;

/// How often all resources change their places at once.
const UPHEAVALS: usize = 5;

/// How popularity changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It does not change.
    Plain,
    /// Scans of resources that are requested once.
    Scans,
    /// New resources become popular one by one.
    Drift,
    /// All resources change places a few times.
    Upheaval,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Scans, Self::Drift, Self::Upheaval];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Scans => "scans",
            Self::Drift => "drift",
            Self::Upheaval => "upheaval",
        }
    }
}

/// SplitMix64: random enough for a trace, and needs no dependency.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Ranks with a Zipf distribution: the first is the most popular one.
#[derive(Debug)]
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(ranks: usize, exponent: f64) -> Self {
        let weights = (1..=ranks).map(|rank| (rank as f64).powf(-exponent));
        let cumulated = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self {
            cumulated: cumulated.collect(),
        }
    }

    pub(crate) fn rank(&self, random: &mut Random) -> usize {
        let all = self.cumulated.last().copied().unwrap_or_default();
        let point = random.fraction() * all;
        let rank = self.cumulated.partition_point(|sum| *sum < point);
        rank.min(self.cumulated.len() - 1)
    }
}

/// The numbers of the requested resources, in order.
pub(crate) fn trace(exponent: f64, kind: Kind) -> Vec<u64> {
    let zipf = Zipf::new(WORKING_SET, exponent);
    let mut random = Random(42);
    let mut trace = Vec::with_capacity(REQUESTS);
    let mut scanned = 1 << 40;
    for asked in 0..REQUESTS {
        let rank = zipf.rank(&mut random) as u64;
        trace.push(match kind {
            Kind::Plain | Kind::Scans => rank,
            Kind::Drift => (1 << 30) + rank - (asked / DRIFT_EVERY) as u64,
            Kind::Upheaval => {
                let upheaval = (asked / (REQUESTS / UPHEAVALS)) as u64;
                Random(rank ^ (upheaval << 50)).next() % WORKING_SET as u64
            }
        });
        if kind == Kind::Scans && asked % SCAN_EVERY == 0 {
            let length = WORKING_SET as u64 / 10;
            trace.extend(scanned..scanned + length);
            scanned += length;
        }
    }
    trace
}
