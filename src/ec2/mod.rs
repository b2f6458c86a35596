//! EC2 as the fleet meets it: the choice of CreateFleet, missing capacity, the Spot market, start-up delays, the billing meter.
//!
//! Plain functions and small state without events of their own: the loop asks when a node is launched, and once more
//! when it ends. Every random answer depends on (seed, replication, ordinal or pool) alone, never on the order of asking.

mod availability;
mod billing;
mod capacity;
mod create_fleet;
mod delay;
mod fargate;
mod launch_stress;
mod pool_filter;
mod reservation;
mod sharing;
mod shocks;
mod speed;
mod spot_market;
mod spot_price;
mod standing;
mod startup;

pub use availability::{AvailabilityError, AvailabilityReplay, AvailabilitySeries};
pub use billing::{BillingRules, EndReason, InstanceBill, InstanceMeter, RootVolume, VolumeKind, gp3_hourly};
pub use capacity::{CapacityLimits, CapacityPool, Outage};
pub use create_fleet::{AllocationStrategy, Chosen, LaunchOverride, LaunchRequest, Market, PoolWeights};
pub use delay::Delay;
pub use fargate::{FargatePrices, FargateSize};
pub use launch_stress::{LaunchQueue, LaunchStress, SlowBoot, Throttle};
pub use pool_filter::PoolFilter;
pub use reservation::{CapacityReservation, UnusedMeter};
pub use sharing::{SharedCores, busy_cpu};
pub use shocks::ShockParameters;
pub use speed::{
    Emulation, NodeSpeed, Occupancy, PhaseKind, SpeedClass, SpeedClassId, SpeedModel, WorkParts,
    break_even_speed, generation_speed, instance_slowdown,
};
pub use spot_market::{Diurnal, Interruption, SpotMarket, SpotParameters, Strike, hourly_hazard};
pub use spot_price::SpotPriceProcess;
pub use standing::{StandingCost, TrafficVolumes, control_plane, discounted, manager, traffic};
pub use startup::{AmiPreset, NodeStartup, Startup, StartupModel};
