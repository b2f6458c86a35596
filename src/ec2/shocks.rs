//! Capacity shocks: moments at which a pool loses many Spot instances at once and then has no capacity for a while.
//!
//! Reclaims come in batches: in 16-instance pools 98–99 % of lost instances fall in events that take several
//! (skypilot-org/spot-traces), and over 92 % of co-interruptions in one type and zone are within 3 minutes of each other
//! (arXiv 2604.16457, 2026-04). The shocks of a pool come from three independent Poisson sources, so that neighbouring
//! pools suffer together while every pool keeps its own total hazard: its own, one that it shares with the same type
//! in the region's other zones, and one that it shares with its family in the zone.
//!
//! Sources are functions of (seed, replication, source, stretch of time): nothing is stored or drawn in advance, and
//! every fleet of a replication meets the same shocks.

use crate::catalog::Catalog;
use crate::engine::{EntityRng, Purpose, Streams};
use crate::units::{Ppm, SimDuration};
use rand::Rng;

use super::capacity::CapacityPool;
use super::delay::{Delay, open_uniform};

const SHOCK: Purpose = Purpose::named("ec2 capacity shock");
const VICTIM: Purpose = Purpose::named("ec2 capacity shock victim");
/// No outage counts for longer (0.2 % of the default distribution would).
const LONGEST_OUTAGE_MS: f64 = 12.0 * 3_600_000.0;

/// How reclaims cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShockParameters {
    /// Share of the hazard that comes from shocks (default 0.8, plausible 0.4–0.99); the rest strikes instances singly.
    pub share: Ppm,
    /// Mean share of a pool's instances that one shock takes (default 0.5, plausible 0.5–0.86). The share itself is drawn
    /// for each shock from Beta(1, 1/mean - 1): evenly from none to all at 0.5.
    pub kill_mean: Ppm,
    /// Share of a pool's shocks that strike the type in all zones (default 0.25; cross-zone correlation of
    /// availability was 0.12–0.31 on r5.16xlarge, 0.43 on p3.2xlarge).
    pub across_zones: Ppm,
    /// Share of a pool's shocks that strike its whole family in the zone (default 0.15, a judgement).
    pub across_sizes: Ppm,
    /// Mean delay of one instance's notice behind the shock (default 72 s: 92 % within 3 minutes if exponential).
    pub spread: SimDuration,
    /// How long the pool answers insufficient capacity after a shock (default median 8.5 min, p95 82 min:
    /// r5.16xlarge traces).
    pub outage: Delay,
}

impl Default for ShockParameters {
    fn default() -> Self {
        Self {
            share: Ppm(800_000),
            kill_mean: Ppm(500_000),
            across_zones: Ppm(250_000),
            across_sizes: Ppm(150_000),
            spread: SimDuration::from_secs(72),
            outage: Delay::LogNormal {
                median: SimDuration::from_secs(510),
                p95: SimDuration::from_secs(4935),
            },
        }
    }
}

/// The sources of shocks of all pools. Instants are market time: milliseconds in which hazards are steady.
#[derive(Clone, Debug)]
pub(super) struct Shocks {
    /// Shocks per millisecond by type: the pool's own, across zones, across sizes.
    rates: Vec<[f64; 3]>,
    /// Number of the family by type.
    families: Vec<u32>,
    /// Share of the hazard that is left to strike singly.
    pub(super) single_share: f64,
    /// The killed share is `1 - (1 - u)^power` of a uniform draw.
    kill_power: f64,
    spread_ms: f64,
    outage: Delay,
}

/// One source as seen from one pool.
#[derive(Clone, Copy)]
struct Source {
    key: u64,
    rate: f64,
}

/// One shock: when, and the random numbers that belong to it.
struct Shock {
    at: f64,
    random: EntityRng,
    killed: f64,
}

impl Shocks {
    /// The sources for these `hazards` (per millisecond, by type).
    pub(super) fn new(catalog: &Catalog, hazards: &[f64], parameters: &ShockParameters) -> Self {
        let mut families: Vec<u32> = Vec::with_capacity(hazards.len());
        let mut names: Vec<&str> = Vec::new();
        let mut least: Vec<f64> = Vec::new();
        for (kind, hazard) in catalog.types().iter().zip(hazards) {
            // Types are in name order, so a family is one run, except for names like `c7i` and `c7i-flex`.
            let family = names.iter().rposition(|name| *name == kind.family()).unwrap_or_else(|| {
                names.push(kind.family());
                least.push(f64::INFINITY);
                names.len() - 1
            });
            families.push(family as u32);
            if *hazard > 0.0 {
                least[family] = least[family].min(*hazard);
            }
        }
        let share = parameters.share.as_f64().min(1.0);
        let zones = parameters.across_zones.as_f64().min(1.0);
        let sizes = parameters.across_sizes.as_f64().min(1.0 - zones);
        let kill_mean = parameters.kill_mean.as_f64().clamp(0.01, 1.0);
        let per_hazard = share / kill_mean;
        let rates = hazards.iter().zip(&families).map(|(hazard, family)| {
            if *hazard <= 0.0 {
                return [0.0; 3];
            }
            // A shock of the family strikes all sizes, so its rate is that of the steadiest size.
            let (region, family) =
                (per_hazard * hazard * zones, per_hazard * least[*family as usize] * sizes);
            [per_hazard * hazard - region - family, region, family]
        });
        Self {
            rates: rates.collect(),
            families,
            single_share: 1.0 - share,
            // Of Beta(1, b) with mean 1 / (1 + b); at a mean of one everything goes.
            kill_power: kill_mean / (1.0 - kill_mean),
            spread_ms: parameters.spread.as_ms() as f64,
            outage: parameters.outage.clone(),
        }
    }

    fn sources(&self, pool: CapacityPool) -> [Source; 3] {
        let [own, zones, sizes] = self.rates[pool.instance_type.index()];
        let (kind, zone) = (u64::from(pool.instance_type.raw()), u64::from(pool.zone.0));
        let family = u64::from(self.families[pool.instance_type.index()]);
        let key = |layer: u64, what: u64, place: u64| layer << 60 | what << 8 | place;
        [
            Source { key: key(1, kind, zone), rate: own },
            Source { key: key(2, kind, 255), rate: zones },
            Source { key: key(3, family, zone), rate: sizes },
        ]
    }

    /// When the instance of launch `ordinal`, alive in `pool` since `from`, falls victim to a shock before `until`.
    pub(super) fn first_kill(
        &self,
        pool: CapacityPool,
        from: f64,
        until: f64,
        ordinal: u64,
        streams: &Streams,
    ) -> Option<f64> {
        let mut first: Option<f64> = None;
        for source in self.sources(pool) {
            source.visit(from, first.unwrap_or(until), streams, |mut shock| {
                let tag = shock.random.next_u64();
                let mut victim = streams.entity(VICTIM, tag ^ ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                if open_uniform(&mut victim) >= 1.0 - libm::pow(1.0 - shock.killed, self.kill_power) {
                    return true;
                }
                let at = shock.at - self.spread_ms * libm::log(open_uniform(&mut victim));
                if at < first.unwrap_or(until) {
                    first = Some(at);
                }
                false
            });
        }
        first
    }

    /// Whether the pool has not recovered from a shock at `now`.
    pub(super) fn recovering(&self, pool: CapacityPool, now: f64, streams: &Streams) -> bool {
        let mut out = false;
        for source in self.sources(pool) {
            source.visit((now - LONGEST_OUTAGE_MS).max(0.0), now, streams, |mut shock| {
                // The tag of the victims is drawn first, here as there.
                let _tag = shock.random.next_u64();
                let lasts = self.outage.draw(&mut shock.random).as_ms() as f64;
                out |= shock.at + lasts.min(LONGEST_OUTAGE_MS) > now;
                !out
            });
        }
        out
    }
}

impl Source {
    /// Hands the shocks in `(from, until]` to `see` in order, until it returns false.
    ///
    /// Time is cut into stretches of the mean distance of two shocks; within each, exponential distances start anew,
    /// which leaves the process Poisson.
    fn visit(self, from: f64, until: f64, streams: &Streams, mut see: impl FnMut(Shock) -> bool) {
        // Rarer than once in 10,000 years counts as never, and bounds the walk.
        if self.rate < 3e-15 {
            return;
        }
        let stretch = (1.0 / self.rate).ceil();
        let mut index = (from / stretch).floor();
        while index * stretch <= until {
            let start = index * stretch;
            let mut random = streams.entity(SHOCK, self.key ^ (index as u64) << 24);
            let mut at = start;
            loop {
                at -= libm::log(open_uniform(&mut random)) / self.rate;
                if at > until || at >= start + stretch {
                    break;
                }
                let killed = open_uniform(&mut random);
                let own = streams.entity(SHOCK, random.next_u64());
                let shock = Shock { at, random: own, killed };
                if at > from && !see(shock) {
                    return;
                }
            }
            index += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CapacityType, TypeId, ZoneId};

    const HOUR: f64 = 3_600_000.0;

    /// Two sizes of one family, each with hazard `h` per hour.
    fn shocks(h: f64, parameters: &ShockParameters) -> Shocks {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        let mut hazards = vec![0.0; catalog.types().len()];
        for name in ["m5.large", "m5.xlarge"] {
            hazards[catalog.find(name).unwrap().index()] = h / HOUR;
        }
        Shocks::new(&catalog, &hazards, parameters)
    }

    fn pool(name: &str, zone: u8) -> CapacityPool {
        let instance_type: TypeId = Catalog::builtin("us-east-1").unwrap().find(name).unwrap();
        CapacityPool { instance_type, zone: ZoneId(zone), capacity_type: CapacityType::Spot }
    }

    fn sudden(across_zones: u32, across_sizes: u32) -> ShockParameters {
        ShockParameters {
            across_zones: Ppm(across_zones),
            across_sizes: Ppm(across_sizes),
            spread: SimDuration::ZERO,
            ..ShockParameters::default()
        }
    }

    /// Share of seeds in which instances in the given pools all see no shock over `hours`.
    fn all_alive(shocks: &Shocks, pools: &[CapacityPool], hours: f64, seeds: u64) -> f64 {
        let alive = (0..seeds)
            .filter(|seed| {
                let streams = Streams::new(*seed, 0);
                pools.iter().enumerate().all(|(ordinal, pool)| {
                    shocks.first_kill(*pool, 1e7, 1e7 + hours * HOUR, ordinal as u64, &streams).is_none()
                })
            })
            .count();
        alive as f64 / seeds as f64
    }

    fn assert_near(seen: f64, exact: f64, count: u64) {
        let error = libm::sqrt(exact * (1.0 - exact) / count as f64);
        assert!((seen - exact).abs() < 3.0 * error, "{seen} against {exact} ± {error}");
    }

    #[test]
    fn one_and_two_instances_of_a_pool_survive_as_the_closed_forms_say() {
        // Shock part of h = 0.3/h over 2 h, share 0.8: exp(-0.48) alone, exp(-t λ (2 E φ - E φ²)) together.
        let shocks = shocks(0.3, &sudden(250_000, 150_000));
        let here = pool("m5.large", 0);
        let seeds = 30_000;
        assert_near(all_alive(&shocks, &[here], 2.0, seeds), libm::exp(-0.48), seeds);
        let both = libm::exp(-2.0 * (0.24 / 0.5) * (1.0 - 1.0 / 3.0));
        assert_near(all_alive(&shocks, &[here, here], 2.0, seeds), both, seeds);
    }

    #[test]
    fn shocks_that_take_more_of_a_pool_come_more_rarely_and_leave_each_instance_its_hazard() {
        // φ of Beta(1, 0.5): E φ = 2/3, E φ² = 2 / (1.5 × 2.5). Shock part of h = 0.3/h over 2 h at share 0.8.
        let scarce = ShockParameters { kill_mean: Ppm(666_667), ..sudden(250_000, 150_000) };
        let (shocks, here, seeds) = (shocks(0.3, &scarce), pool("m5.large", 0), 30_000);
        assert_near(all_alive(&shocks, &[here], 2.0, seeds), libm::exp(-0.48), seeds);
        let rate = 0.24 / (2.0 / 3.0);
        let both = libm::exp(-2.0 * rate * (2.0 * 2.0 / 3.0 - 2.0 / (1.5 * 2.5)));
        assert_near(all_alive(&shocks, &[here, here], 2.0, seeds), both, seeds);
        let all = ShockParameters { kill_mean: Ppm::ONE, ..sudden(0, 0) };
        let shocks = self::shocks(0.3, &all);
        assert_near(all_alive(&shocks, &[here, here], 2.0, seeds), libm::exp(-0.48), seeds);
    }

    #[test]
    fn neighbouring_pools_share_the_given_part_of_their_shocks() {
        let shocks = shocks(0.3, &sudden(250_000, 150_000));
        let rate = 0.24 / 0.5;
        let seeds = 30_000;
        // Shared shocks act once with E[(1-φ)²] = 1/3, the others on each pool with 1/2.
        let together = |shared: f64| libm::exp(-2.0 * rate * (2.0 * 0.5 - shared * (1.0 / 3.0)));
        for (other, shared) in
            [(pool("m5.large", 1), 0.25), (pool("m5.xlarge", 0), 0.15), (pool("m5.xlarge", 1), 0.0)]
        {
            assert_near(
                all_alive(&shocks, &[pool("m5.large", 0), other], 2.0, seeds),
                together(shared),
                seeds,
            );
        }
    }

    #[test]
    fn most_notices_of_a_shock_come_within_three_minutes() {
        let shocks = shocks(0.3, &ShockParameters::default());
        let exact = ShockParameters { spread: SimDuration::ZERO, ..ShockParameters::default() };
        let sudden = self::shocks(0.3, &exact);
        let streams = Streams::new(4, 0);
        let here = pool("m5.large", 2);
        let (mut near, mut all) = (0, 0);
        for ordinal in 0..5000 {
            let of = |shocks: &Shocks| shocks.first_kill(here, 0.0, 1e9, ordinal, &streams);
            if let (Some(late), Some(at)) = (of(&shocks), of(&sudden)) {
                all += 1;
                near += u64::from(late - at < 180_000.0);
            }
        }
        let share = near as f64 / all as f64;
        assert!((share - 0.918).abs() < 0.02, "{share}");
    }

    #[test]
    fn a_pool_without_capacity_recovers() {
        let shocks = shocks(0.3, &ShockParameters::default());
        let streams = Streams::new(8, 0);
        let here = pool("m5.large", 0);
        let minutes = 200_000;
        let out =
            (0..minutes).filter(|minute| shocks.recovering(here, f64::from(*minute) * 60_000.0, &streams));
        // Shocks at 0.48/h with a mean outage of 22 min: P(out) = 1 - exp(-0.48 × 22/60), as in M/G/inf.
        let share = out.count() as f64 / f64::from(minutes);
        assert!((share - 0.161).abs() < 0.02, "{share}");
        assert!(!shocks.recovering(pool("c5.large", 0), 1e9, &streams), "no hazard, no shock");
    }
}
