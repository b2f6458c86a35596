//! When Spot capacity is taken back: an hourly hazard from the interruption rating, one draw per instance at launch.

use crate::catalog::{CapacityType, Catalog, InterruptionRating, TypeId};
use crate::engine::{Purpose, Streams};
use crate::units::{Ppm, SimDuration, SimTime};

use super::availability::AvailabilityReplay;
use super::capacity::CapacityPool;
use super::delay::{Delay, open_uniform};
use super::pool_filter::PoolFilter;
use super::shocks::{ShockParameters, Shocks};

const STRIKE: Purpose = Purpose::named("ec2 spot strike");
const RECLAIM: Purpose = Purpose::named("ec2 spot reclaim");
const DAY_MS: f64 = 86_400_000.0;
const HOUR_MS: f64 = 3_600_000.0;
/// A thousand years: nobody looks beyond, and the bisection keeps its resolution.
const FAR_MS: f64 = 3.2e13;

/// How reclaims vary over the day: the hazard is multiplied by `1 + amplitude × cos(2π (t - peak) / 24 h)`.
///
/// Amplitudes measured: 0.06 (us-east-1) to 0.23 (us-west-2), spot-traces 2023; figures up to 0.45 were proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diurnal {
    /// 0 to 1,000,000.
    pub amplitude: Ppm,
    /// A time of most reclaims, counted from the start of the simulation.
    pub peak: SimDuration,
}

/// What the Spot market is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotParameters {
    /// Mean life of an instance that nobody reclaims (default 24 h). The rating is the share of endings that are
    /// reclaims, `f = h / (h + 1/m)`, so the hazard it stands for follows only with this assumption.
    pub natural_lifetime: SimDuration,
    /// Multiplies every hazard (default 1). Sweep 0.1, 1, 10 in every report.
    pub scale: Ppm,
    /// Variation over the day, if any.
    pub diurnal: Option<Diurnal>,
    /// Between notice and reclaim (EC2: two minutes).
    pub notice: SimDuration,
    /// Types whose rating a scenario sets itself.
    pub ratings: Vec<(TypeId, InterruptionRating)>,
    /// Reclaims in batches; `None` strikes every instance singly, at the same total hazard.
    pub shocks: Option<ShockParameters>,
    /// Recorded availability in place of hazard and shocks; the first one that covers a pool holds.
    pub replays: Vec<AvailabilityReplay>,
    /// Reclaims on a schedule, beside all others.
    pub strikes: Vec<Strike>,
}

/// A reclaim of many instances on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// When the notices begin.
    pub at: SimTime,
    /// Of which pools.
    pub pools: PoolFilter,
    /// Share of the instances that are taken.
    pub share: Ppm,
    /// Mean delay of one instance's notice behind the first.
    pub spread: SimDuration,
}

impl Default for SpotParameters {
    fn default() -> Self {
        Self {
            natural_lifetime: SimDuration::from_hours(24),
            scale: Ppm::ONE,
            diurnal: None,
            notice: SimDuration::from_mins(2),
            ratings: Vec::new(),
            shocks: None,
            replays: Vec::new(),
            strikes: Vec::new(),
        }
    }
}

/// The end of a Spot instance, as drawn at its launch. It happens unless the instance is terminated earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The interruption notice.
    pub notice_at: SimTime,
    /// The instance is gone.
    pub reclaim_at: SimTime,
}

/// Hazards of all types of a region, and the shocks that part of them comes from.
#[derive(Clone, Debug)]
pub struct SpotMarket {
    /// Hazard per millisecond by type, before the diurnal factor; 0 = never.
    hazards: Vec<f64>,
    diurnal: Option<Diurnal>,
    notice: SimDuration,
    shocks: Option<Shocks>,
    replays: Vec<AvailabilityReplay>,
    strikes: Vec<Strike>,
}

/// Hourly hazard that a rating stands for: `h = f / ((1 - f) m)` with the band's middle as `f`, times `scale`.
#[must_use]
pub fn hourly_hazard(rating: InterruptionRating, natural_lifetime: SimDuration, scale: Ppm) -> f64 {
    let share = rating.middle().as_f64();
    let hours = natural_lifetime.as_ms().max(1) as f64 / HOUR_MS;
    share / ((1.0 - share) * hours) * scale.as_f64()
}

impl SpotMarket {
    /// The market of `catalog`'s region. Types without a rating are never reclaimed (nor sold as Spot).
    #[must_use]
    pub fn new(catalog: &Catalog, parameters: &SpotParameters) -> Self {
        let per_ms = |rating| hourly_hazard(rating, parameters.natural_lifetime, parameters.scale) / HOUR_MS;
        let mut hazards: Vec<f64> = catalog
            .type_ids()
            .map(|id| {
                catalog.prices(id).and_then(|prices| prices.spot).map_or(0.0, |spot| per_ms(spot.rating))
            })
            .collect();
        for (id, rating) in &parameters.ratings {
            hazards[id.index()] = per_ms(*rating);
        }
        let shocks = parameters.shocks.as_ref().map(|shocks| Shocks::new(catalog, &hazards, shocks));
        let diurnal = parameters.diurnal.filter(|diurnal| diurnal.amplitude > Ppm::ZERO);
        let (replays, strikes) = (parameters.replays.clone(), parameters.strikes.clone());
        Self { hazards, diurnal, notice: parameters.notice, shocks, replays, strikes }
    }

    /// Reclaims per hour of a type, before the diurnal factor.
    #[must_use]
    pub fn hazard_per_hour(&self, id: TypeId) -> f64 {
        self.hazards[id.index()] * HOUR_MS
    }

    /// When the instance of the launch numbered `ordinal`, running since `running_at` in `pool`, gets its notice and
    /// is reclaimed; `None` for never. The same in every fleet of a replication.
    #[must_use]
    pub fn interruption(
        &self,
        pool: CapacityPool,
        running_at: SimTime,
        ordinal: u64,
        streams: &Streams,
    ) -> Option<Interruption> {
        let replay = self.replays.iter().find(|replay| replay.pools.covers(pool));
        let by_market = match replay {
            Some(replay) => replay.series.taken_at(running_at, ordinal, streams),
            None => self.reclaimed_by_chance(pool, running_at, ordinal, streams),
        };
        let struck_at = self.struck_at(pool, running_at, ordinal, streams);
        let notice_at = by_market.into_iter().chain(struck_at).min()?;
        Some(Interruption { notice_at, reclaim_at: notice_at + self.notice })
    }

    /// The first notice on a schedule.
    fn struck_at(
        &self,
        pool: CapacityPool,
        running_at: SimTime,
        ordinal: u64,
        streams: &Streams,
    ) -> Option<SimTime> {
        let concerned = (0_u64..).zip(&self.strikes);
        let concerned = concerned.filter(|(_, strike)| strike.at >= running_at && strike.pools.covers(pool));
        let notices = concerned.filter_map(|(number, strike)| {
            let mut random = streams.entity(STRIKE, ordinal << 8 ^ number);
            let is_taken = open_uniform(&mut random) < strike.share.as_f64();
            let late = Delay::Exponential { mean: strike.spread }.draw(&mut random);
            is_taken.then_some(strike.at + late)
        });
        notices.min()
    }

    fn reclaimed_by_chance(
        &self,
        pool: CapacityPool,
        running_at: SimTime,
        ordinal: u64,
        streams: &Streams,
    ) -> Option<SimTime> {
        let hazard = self.hazards[pool.instance_type.index()];
        if hazard <= 0.0 {
            return None;
        }
        let exposure = -libm::log(open_uniform(&mut streams.entity(RECLAIM, ordinal)));
        let single_share = self.shocks.as_ref().map_or(1.0, |shocks| shocks.single_share);
        let mut steady = (exposure / (hazard * single_share)).min(FAR_MS);
        if let Some(shocks) = &self.shocks {
            let from = self.market_time(running_at);
            let killed = shocks.first_kill(pool, from, from + steady, ordinal, streams);
            steady = killed.map_or(steady, |at| at - from);
        }
        if steady >= FAR_MS {
            return None;
        }
        let life_ms = self.diurnal.map_or(steady, |diurnal| diurnal.life(steady, running_at));
        Some(running_at + SimDuration::from_ms(life_ms.round() as u64))
    }

    /// Whether pools may be without Spot capacity for reasons of this market's.
    #[must_use]
    pub fn runs_empty(&self) -> bool {
        self.shocks.is_some() || !self.replays.is_empty()
    }

    /// Whether a shock, or what was recorded, leaves `pool` without Spot capacity at `now`. Never for on-demand.
    #[must_use]
    pub fn recovering(&self, pool: CapacityPool, now: SimTime, streams: &Streams) -> bool {
        if pool.capacity_type != CapacityType::Spot {
            return false;
        }
        if let Some(replay) = self.replays.iter().find(|replay| replay.pools.covers(pool)) {
            return replay.series.share_at(now) == Ppm::ZERO;
        }
        self.shocks.as_ref().is_some_and(|shocks| shocks.recovering(pool, self.market_time(now), streams))
    }

    /// The instant on a clock by which hazards are steady.
    fn market_time(&self, now: SimTime) -> f64 {
        let ms = now.as_ms() as f64;
        self.diurnal.map_or(ms, |diurnal| diurnal.cumulated(SimTime::ZERO, ms))
    }
}

impl Diurnal {
    /// The integral of the factor over the first `span` milliseconds from `start` on.
    fn cumulated(self, start: SimTime, span: f64) -> f64 {
        let phase = start.as_ms() as f64 - self.peak.as_ms() as f64;
        let turn = std::f64::consts::TAU / DAY_MS;
        let wave = |ms: f64| self.amplitude.as_f64().min(1.0) / turn * libm::sin(turn * ms);
        span + wave(phase + span) - wave(phase)
    }

    /// The life over which the factor adds up to `steady` milliseconds, found by bisection to half a millisecond.
    fn life(self, steady: f64, start: SimTime) -> f64 {
        // The wave never moves the sum by more than twice its amplitude of a day over 2π.
        let slack = DAY_MS / std::f64::consts::PI;
        let (mut low, mut high) = ((steady - slack).max(0.0), steady + slack);
        while high - low > 0.5 {
            let middle = f64::midpoint(low, high);
            if self.cumulated(start, middle) < steady {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ZoneId;

    fn pool() -> CapacityPool {
        CapacityPool { instance_type: TypeId::new(0), zone: ZoneId(0), capacity_type: CapacityType::Spot }
    }

    fn market(hazard_per_hour: f64, diurnal: Option<Diurnal>) -> SpotMarket {
        SpotMarket {
            hazards: vec![hazard_per_hour / HOUR_MS],
            diurnal,
            notice: SimDuration::from_mins(2),
            shocks: None,
            replays: Vec::new(),
            strikes: Vec::new(),
        }
    }

    fn lives(market: &SpotMarket, start: SimTime, count: u64) -> Vec<f64> {
        let streams = Streams::new(2026, 0);
        (0..count)
            .map(|ordinal| {
                let end = market.interruption(pool(), start, ordinal, &streams).unwrap();
                (end.notice_at - start).as_ms() as f64 / HOUR_MS
            })
            .collect()
    }

    #[test]
    fn ratings_stand_for_the_published_hazards() {
        let day = SimDuration::from_hours(24);
        for (rating, expected) in
            InterruptionRating::ALL.into_iter().zip([1.07e-3, 3.38e-3, 5.95e-3, 8.84e-3, 1.79e-2])
        {
            let hazard = hourly_hazard(rating, day, Ppm::ONE);
            assert!((hazard / expected - 1.0).abs() < 5e-3, "{rating:?} {hazard}");
            let scaled = hourly_hazard(rating, day, Ppm(10_000_000));
            assert!((scaled / hazard - 10.0).abs() < 1e-9);
        }
    }

    #[test]
    fn survival_is_exponential() {
        let count = 40_000;
        let lives = lives(&market(0.5, None), SimTime::from_ms(12_345), count);
        for hours in [0.25, 1.0, 3.0] {
            let alive = lives.iter().filter(|life| **life > hours).count() as f64 / count as f64;
            let exact = libm::exp(-0.5 * hours);
            let error = libm::sqrt(exact * (1.0 - exact) / count as f64);
            assert!((alive - exact).abs() < 3.0 * error, "{hours} h: {alive} against {exact}");
        }
    }

    #[test]
    fn jobs_that_start_again_from_scratch_take_as_long_as_the_closed_form_says() {
        // E = (1/h + R)(e^{hT} - 1) with h = 0.5/h, T = 1 h.
        for (restart, expected) in [(0.0, 1.297_442_5), (0.1, 1.362_314_6)] {
            let lives = lives(&market(0.5, None), SimTime::ZERO, 120_000);
            let mut totals = Vec::new();
            let mut total = 0.0;
            for life in lives {
                if life >= 1.0 {
                    totals.push(total + 1.0);
                    total = 0.0;
                } else {
                    total += life + restart;
                }
            }
            let count = totals.len() as f64;
            let mean = totals.iter().sum::<f64>() / count;
            let variance = totals.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0);
            let error = libm::sqrt(variance / count);
            assert!((mean - expected).abs() < 3.0 * error, "{restart}: {mean} against {expected} ± {error}");
        }
    }

    #[test]
    fn a_day_has_more_reclaims_at_its_peak_and_as_many_in_all() {
        let diurnal = Diurnal { amplitude: Ppm(500_000), peak: SimDuration::from_hours(15) };
        let wavy = market(0.05, Some(diurnal));
        let count = 40_000;
        let mut near_peak = 0;
        let mut whole_days = 0;
        for life in lives(&wavy, SimTime::ZERO, count) {
            if life < 24.0 {
                whole_days += 1;
                near_peak += u32::from((9.0..21.0).contains(&life));
            }
        }
        // Over one whole day the wave cancels out; over the half around the peak it adds 2a/π.
        let dead = 1.0 - libm::exp(-0.05 * 24.0);
        let error = libm::sqrt(dead * (1.0 - dead) / count as f64);
        assert!((f64::from(whole_days) / count as f64 - dead).abs() < 3.0 * error);
        let cumulated = |t: f64| {
            let wave =
                |x: f64| 0.5 * 24.0 / std::f64::consts::TAU * libm::sin(std::f64::consts::TAU * x / 24.0);
            0.05 * (t + wave(t - 15.0) - wave(-15.0))
        };
        let exact = libm::exp(-cumulated(9.0)) - libm::exp(-cumulated(21.0));
        let error = libm::sqrt(exact * (1.0 - exact) / count as f64);
        assert!((f64::from(near_peak) / count as f64 - exact).abs() < 3.0 * error);
    }

    #[test]
    fn shocks_and_single_reclaims_add_up_to_the_hazard_of_the_rating_whatever_the_time_of_day() {
        let catalog = Catalog::builtin("us-east-1").unwrap();
        let shocks = ShockParameters { spread: SimDuration::ZERO, ..ShockParameters::default() };
        let parameters = SpotParameters {
            scale: Ppm(20_000_000),
            shocks: Some(shocks),
            diurnal: Some(Diurnal { amplitude: Ppm(200_000), peak: SimDuration::from_hours(14) }),
            ..SpotParameters::default()
        };
        let market = SpotMarket::new(&catalog, &parameters);
        let instance_type = catalog.find("m5.2xlarge").unwrap();
        let here = CapacityPool { instance_type, ..pool() };
        let hazard = market.hazard_per_hour(instance_type);
        let start = SimTime::from_ms(7 * 3_600_000);
        let count = 20_000;
        let alive = (0..count)
            .filter(|seed| {
                let end = market.interruption(here, start, 3, &Streams::new(*seed, 0));
                end.is_none_or(|end| end.notice_at > start + SimDuration::from_hours(24))
            })
            .count();
        // Over a whole day the wave cancels out.
        let exact = libm::exp(-hazard * 24.0);
        let error = libm::sqrt(exact * (1.0 - exact) / count as f64);
        assert!((0.05..0.95).contains(&exact), "{exact}");
        let seen = alive as f64 / count as f64;
        assert!((seen - exact).abs() < 3.0 * error, "{seen} against {exact}");
    }

    #[test]
    fn a_strike_takes_its_share_of_what_runs_and_nothing_that_comes_later() {
        let at = SimTime::from_ms(3_600_000);
        let strike = Strike {
            at,
            pools: PoolFilter::default().zones([ZoneId(0)]),
            share: Ppm(700_000),
            spread: SimDuration::from_secs(60),
        };
        let struck = SpotMarket { strikes: vec![strike], ..market(0.0, None) };
        let streams = Streams::new(12, 0);
        let notices: Vec<u64> = (0..20_000)
            .filter_map(|ordinal| struck.interruption(pool(), SimTime::ZERO, ordinal, &streams))
            .map(|end| (end.notice_at - at).as_ms())
            .collect();
        // 3 standard errors of a share of 70 % and of a mean of 60 s.
        assert!((notices.len() as f64 / 20_000.0 - 0.7).abs() < 0.0098, "{}", notices.len());
        let mean = notices.iter().sum::<u64>() as f64 / notices.len() as f64;
        assert!((mean - 60_000.0).abs() < 1525.0, "{mean}");
        let later = at + SimDuration::from_ms(1);
        assert_eq!(struck.interruption(pool(), later, 5, &streams), None);
        let elsewhere = CapacityPool { zone: ZoneId(1), ..pool() };
        assert_eq!(struck.interruption(elsewhere, SimTime::ZERO, 5, &streams), None);
    }

    #[test]
    fn notice_comes_two_minutes_ahead_and_nothing_happens_without_a_hazard() {
        let streams = Streams::new(1, 1);
        let end = market(1.0, None).interruption(pool(), SimTime::ZERO, 5, &streams).unwrap();
        assert_eq!(end.reclaim_at - end.notice_at, SimDuration::from_mins(2));
        assert_eq!(market(0.0, None).interruption(pool(), SimTime::ZERO, 5, &streams), None);
    }

    #[test]
    fn a_higher_hazard_never_reclaims_the_same_instance_later() {
        let streams = Streams::new(9, 4);
        for ordinal in 0..1000 {
            let at =
                |hazard| market(hazard, None).interruption(pool(), SimTime::ZERO, ordinal, &streams).unwrap();
            assert!(at(0.02).notice_at <= at(0.01).notice_at);
        }
    }
}
