//! When Spot capacity is taken back: an hourly hazard from the interruption rating, one draw per instance at launch.

use crate::catalog::{Catalog, InterruptionRating, TypeId};
use crate::engine::{Purpose, Streams};
use crate::units::{Ppm, SimDuration, SimTime};

use super::capacity::CapacityPool;
use super::delay::open_uniform;

const RECLAIM: Purpose = Purpose::named("ec2 spot reclaim");
const DAY_MS: f64 = 86_400_000.0;
const HOUR_MS: f64 = 3_600_000.0;

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
}

impl Default for SpotParameters {
    fn default() -> Self {
        Self {
            natural_lifetime: SimDuration::from_hours(24),
            scale: Ppm::ONE,
            diurnal: None,
            notice: SimDuration::from_mins(2),
            ratings: Vec::new(),
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

/// Hazards of all types of a region. Reclaims are independent of each other here; correlated shocks would add a second
/// source per [`CapacityPool`], to be merged by the earlier of both.
#[derive(Clone, Debug)]
pub struct SpotMarket {
    /// Hazard per millisecond by type, before the diurnal factor; 0 = never.
    hazards: Vec<f64>,
    diurnal: Option<Diurnal>,
    notice: SimDuration,
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
        Self { hazards, diurnal: parameters.diurnal, notice: parameters.notice }
    }

    /// Reclaims per hour of a type, before the diurnal factor.
    #[must_use]
    pub fn hazard_per_hour(&self, id: TypeId) -> f64 {
        self.hazards[id.index()] * HOUR_MS
    }

    /// When the instance of the launch numbered `ordinal`, running since `running_at` in `pool`, gets its notice and
    /// is reclaimed; `None` for never. One draw, the same in every fleet of a replication.
    #[must_use]
    pub fn interruption(
        &self,
        pool: CapacityPool,
        running_at: SimTime,
        ordinal: u64,
        streams: &Streams,
    ) -> Option<Interruption> {
        let hazard = self.hazards[pool.instance_type.index()];
        let exposure = -libm::log(open_uniform(&mut streams.entity(RECLAIM, ordinal)));
        if hazard <= 0.0 {
            return None;
        }
        let steady = exposure / hazard;
        let life_ms = match self.diurnal {
            Some(diurnal) if diurnal.amplitude > Ppm::ZERO => diurnal.life(steady, running_at),
            _ => steady,
        };
        // Beyond 1,000 years nobody looks.
        if life_ms > 3.2e13 {
            return None;
        }
        let notice_at = running_at + SimDuration::from_ms(life_ms.round() as u64);
        Some(Interruption { notice_at, reclaim_at: notice_at + self.notice })
    }
}

impl Diurnal {
    /// The life whose cumulated factor from `start` on equals `steady` milliseconds at factor one: the integral of the
    /// factor is inverted by bisection to half a millisecond.
    fn life(self, steady: f64, start: SimTime) -> f64 {
        let amplitude = self.amplitude.as_f64().min(1.0);
        let phase = start.as_ms() as f64 - self.peak.as_ms() as f64;
        let turn = std::f64::consts::TAU / DAY_MS;
        let wave = |ms: f64| amplitude / turn * libm::sin(turn * ms);
        let cumulated = |life: f64| life + wave(phase + life) - wave(phase);
        // The wave never moves the sum by more than twice its amplitude.
        let slack = 2.0 * amplitude / turn;
        let (mut low, mut high) = ((steady - slack).max(0.0), steady + slack);
        while high - low > 0.5 {
            let middle = (low + high) / 2.0;
            if cumulated(middle) < steady {
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
    use crate::catalog::{CapacityType, ZoneId};

    fn pool() -> CapacityPool {
        CapacityPool { instance_type: TypeId::new(0), zone: ZoneId(0), capacity_type: CapacityType::Spot }
    }

    fn market(hazard_per_hour: f64, diurnal: Option<Diurnal>) -> SpotMarket {
        SpotMarket { hazards: vec![hazard_per_hour / HOUR_MS], diurnal, notice: SimDuration::from_mins(2) }
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
