//! Offerings that EC2 recently had no capacity for: Karpenter leaves them out for three minutes.

use std::collections::BTreeMap;

use super::instance_types::{InstanceTypes, TypeId, ZoneId};
use crate::catalog::CapacityType;
use crate::units::{SimDuration, SimTime};

/// How long an offering is left out (aws `pkg/cache/cache.go` `UnavailableOfferingsTTL`, v1.15.0).
pub const UNAVAILABLE_FOR: SimDuration = SimDuration::from_mins(3);

/// How often expired marks are swept; only then do the cached offerings change back
/// (aws `pkg/cache/cache.go` `UnavailableOfferingsCleanupInterval`, v1.15.0).
const SWEPT_EVERY_MS: u64 = 10_000;

/// Marks of insufficient capacity. Marking again extends the time.
#[derive(Clone, Debug, Default)]
pub struct IceCache {
    /// When each marked offering is to be had again.
    until: BTreeMap<(TypeId, ZoneId, CapacityType), SimTime>,
    next: Option<SimTime>,
}

impl IceCache {
    /// No marks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// EC2 answered insufficient capacity for this offering, or a Spot interruption warning named it.
    pub fn mark(
        &mut self,
        now: SimTime,
        id: TypeId,
        zone: ZoneId,
        capacity_type: CapacityType,
        types: &mut InstanceTypes,
    ) {
        let expires = (now + UNAVAILABLE_FOR).as_ms();
        let until = SimTime::from_ms(expires.next_multiple_of(SWEPT_EVERY_MS));
        let was_available = types.set_available(id, zone, capacity_type, false);
        // An offering that was out before for another reason stays out when the mark expires.
        if was_available || self.until.contains_key(&(id, zone, capacity_type)) {
            self.until.insert((id, zone, capacity_type), until);
            self.next = self.until.values().copied().min();
        }
    }

    /// Whether the offering is marked.
    #[must_use]
    pub fn is_marked(&self, id: TypeId, zone: ZoneId, capacity_type: CapacityType) -> bool {
        self.until.contains_key(&(id, zone, capacity_type))
    }

    /// When the next mark goes; [`SimTime::NEVER`] without marks.
    #[must_use]
    pub fn next_wakeup(&self) -> SimTime {
        self.next.unwrap_or(SimTime::NEVER)
    }

    /// Takes off the marks that are due.
    pub fn wake(&mut self, now: SimTime, types: &mut InstanceTypes) {
        if self.next_wakeup() > now {
            return;
        }
        self.until.retain(|&(id, zone, capacity_type), until| {
            let stays = *until > now;
            if !stays {
                types.set_available(id, zone, capacity_type, true);
            }
            stays
        });
        self.next = self.until.values().copied().min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::karpenter::instance_types::{InstanceTypeSpec, OfferingSpec};
    use crate::karpenter::labels::Vocabulary;
    use crate::karpenter::resources::Amounts;
    use crate::units::HourlyPrice;

    #[test]
    fn a_mark_lasts_three_minutes_until_the_next_sweep_and_marking_again_extends_it() {
        let offering = OfferingSpec {
            zone: "a".into(),
            zone_id: None,
            capacity_type: CapacityType::Spot,
            price: HourlyPrice(1),
            is_available: true,
        };
        let spec = InstanceTypeSpec {
            name: "m5.large".into(),
            capacity: Amounts::ZERO,
            allocatable: Amounts::ZERO,
            labels: Vec::new(),
            offerings: vec![offering],
        };
        let mut types = InstanceTypes::new(&[spec], &mut Vocabulary::new());
        let mut ice = IceCache::new();
        let at = |seconds: u64| SimTime::from_ms(seconds * 1000);
        let is_out = |types: &InstanceTypes| !types.get(TypeId(0)).offerings[0].is_available;
        ice.mark(at(2), TypeId(0), ZoneId(0), CapacityType::Spot, &mut types);
        assert_eq!(ice.next_wakeup(), at(190));
        ice.mark(at(60), TypeId(0), ZoneId(0), CapacityType::Spot, &mut types);
        ice.wake(at(190), &mut types);
        assert!(is_out(&types));
        ice.wake(at(240), &mut types);
        assert!(!is_out(&types));
        assert_eq!(ice.next_wakeup(), SimTime::NEVER);
    }
}
