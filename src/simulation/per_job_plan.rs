//! What a fleet is made of in which every job gets a machine of its own.

use crate::ec2::Delay;
use crate::metrics::CostKind;
use crate::scaling::{MachineSize, TimeBilled};
use crate::units::{Ppm, Resources};

/// A machine for each job.
#[derive(Clone, Debug)]
pub struct PerJobPlan {
    /// Under what it is on the bill.
    pub kind: CostKind,
    /// Sizes that can be had: every job gets the cheapest that holds it.
    pub sizes: Vec<MachineSize>,
    /// How its time is billed.
    pub billed: TimeBilled,
    /// From the pick of a job until its script starts.
    pub start: Delay,
    /// Requested beside each job: helper and services of a pod.
    pub overhead: Resources,
    /// How many jobs run at once at most.
    pub concurrent: Option<u32>,
    /// Speed of its CPUs, where m5 is one.
    pub speed: Ppm,
}
