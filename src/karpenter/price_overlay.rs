//! NodeOverlays, as far as they change prices: which offerings Karpenter takes to cost something else than their list price.
//! Each NodePool has its own prices, as upstream's store has. Capacity overlays only add extended resources (`v1alpha1/nodeoverlay_validation.go`,
//! v1.15.0), which nothing here requests.

use super::cluster::Cluster;
use super::instance_types::{Offering, TypeId, ZoneId};
use super::labels;
use super::node_pools::PoolId;
use super::requirements::{Requirement, RequirementSpec, Requirements, UndefinedLabels};
use crate::catalog::CapacityType;
use crate::units::HourlyPrice;

/// A NodeOverlay (`karpenter.sh/v1alpha1`) with a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOverlay {
    /// Name.
    pub name: String,
    /// Heavier overlays win; equal weights by name, later in the alphabet first (`OrderByWeight`).
    pub weight: u32,
    /// Offerings that it concerns.
    pub requirements: Vec<RequirementSpec>,
    /// What it makes of their price.
    pub price: PriceOverlay,
}

/// What an overlay makes of a price (core `cloudprovider/types.go` `AdjustedPrice`, v1.15.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceOverlay {
    /// `price`: this one.
    Price(HourlyPrice),
    /// `priceAdjustment` by an amount, in nano-dollars an hour; never below 0.
    Add(i64),
    /// `priceAdjustment` by a share, in millionths; never below 0.
    Share(i64),
}

impl PriceOverlay {
    /// Reads a `priceAdjustment`: `"-0.5"`, `"+1.2"`, `"-15%"`, `"+10%"`. The sign is needed; no less than -100 %.
    #[must_use]
    pub fn parse_adjustment(text: &str) -> Option<Self> {
        if !text.starts_with(['+', '-']) {
            return None;
        }
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent, 1e4),
            None => (text, 1e9),
        };
        let scaled = number.parse::<f64>().ok().filter(|value| value.is_finite())? * scale;
        let whole = scaled.round() as i64;
        match scale {
            1e4 => (whole >= -1_000_000).then_some(Self::Share(whole)),
            _ => Some(Self::Add(whole)),
        }
    }

    /// The price that Karpenter believes where the list says `list`.
    #[must_use]
    pub fn adjusted(self, list: HourlyPrice) -> HourlyPrice {
        match self {
            Self::Price(price) => price,
            Self::Add(nanos) => HourlyPrice(list.0.saturating_add_signed(nanos)),
            Self::Share(ppm) => {
                let share = u128::from(1_000_000_u64.saturating_add_signed(ppm));
                HourlyPrice((u128::from(list.0) * share / 1_000_000) as u64)
            }
        }
    }
}

impl Cluster {
    /// Puts overlays over the prices of all offerings. Call it once, before anything is decided.
    pub fn set_overlays(&mut self, overlays: &[NodeOverlay]) {
        let mut ordered: Vec<&NodeOverlay> = overlays.iter().collect();
        ordered.sort_by(|a, b| (b.weight, &b.name).cmp(&(a.weight, &a.name)));
        let mut read = Vec::with_capacity(ordered.len());
        for overlay in ordered {
            let requirements = Requirements::from_specs(&overlay.requirements, self.vocabulary_mut());
            read.push((requirements, overlay.price));
        }
        self.overlays = read;
        let ids: Vec<TypeId> = self.instance_types().iter().map(|(id, _)| id).collect();
        for id in ids {
            self.overlay_type(id);
        }
    }

    /// Works out what every pool believes that the offerings of a type cost.
    fn overlay_type(&mut self, id: TypeId) {
        let pools: Vec<PoolId> = self.pools().map(|(pool, _)| pool).collect();
        let offerings = self.instance_types().get(id).offerings.clone();
        for (pool, offering) in pools.iter().flat_map(|pool| offerings.iter().map(move |one| (*pool, one))) {
            let price = self.overlay_of(pool, id, offering).map(|overlay| overlay.adjusted(offering.price));
            self.instance_types_mut().set_pool_price(pool, (id, offering.place()), price);
        }
    }

    /// The price list says this: every pool believes it, or what an overlay of the pool makes of it.
    pub fn set_list_price(&mut self, id: TypeId, zone: ZoneId, kind: CapacityType, list: HourlyPrice) {
        self.instance_types_mut().set_price(id, zone, kind, list);
        if !self.overlays.is_empty() {
            self.overlay_type(id);
        }
    }

    /// Whether an overlay changes what any offering of the type costs a pool: Karpenter then asks EC2 to go by its own
    /// priorities (core `nodeclaimtemplate.go` `ToNodeClaim`, v1.15.0).
    #[must_use]
    pub fn is_overlaid(&self, pool: PoolId, id: TypeId) -> bool {
        !self.overlays.is_empty()
            && self
                .instance_types()
                .get(id)
                .offerings
                .iter()
                .any(|one| self.overlay_of(pool, id, one).is_some())
    }

    /// The heaviest overlay that selects an offering of a pool: by the pool's name and labels, and by what the type and the
    /// offering are (core `nodeoverlay/controller.go` `getOverlaidOfferings`, v1.15.0).
    fn overlay_of(&self, pool: PoolId, id: TypeId, offering: &Offering) -> Option<PriceOverlay> {
        if self.overlays.is_empty() {
            return None;
        }
        let types = self.instance_types();
        let mut labels = self.pool(pool).overlay_labels.clone();
        labels.add_all(&types.get(id).requirements, self.vocabulary());
        labels.replace(Requirement::is(labels::ZONE, types.zone_label(offering.zone)));
        labels.replace(Requirement::is(
            labels::CAPACITY_TYPE,
            types.capacity_type_label(offering.capacity_type),
        ));
        if let Some(zone_id) = types.zone_id_label(offering.zone) {
            labels.replace(Requirement::is(labels::ZONE_ID, zone_id));
        }
        for label in offering.reservation.iter().flat_map(|one| types.reservation_requirements(*one)) {
            labels.replace(label);
        }
        let selects = |(requirements, _): &&(Requirements, PriceOverlay)| {
            labels.is_compatible(requirements, UndefinedLabels::Deny, self.vocabulary())
        };
        self.overlays.iter().find(selects).map(|(_, price)| *price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjustments_are_amounts_or_shares_with_a_sign_and_never_make_a_price_negative() {
        let dollar = HourlyPrice(1_000_000_000);
        let adjusted = |text| PriceOverlay::parse_adjustment(text).map(|one| one.adjusted(dollar).0);
        assert_eq!(adjusted("+10%"), Some(1_100_000_000));
        assert_eq!(adjusted("-15%"), Some(850_000_000));
        assert_eq!(adjusted("-100%"), Some(0));
        assert_eq!(adjusted("-0.5"), Some(500_000_000));
        assert_eq!(adjusted("-3"), Some(0));
        for wrong in ["10%", "-101%", "+", "+x", "1"] {
            assert_eq!(adjusted(wrong), None, "{wrong}");
        }
    }
}
