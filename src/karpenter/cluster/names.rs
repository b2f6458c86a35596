//! Names of claims and nodes. Karpenter tries nodes in name order, which in reality is random: here it is drawn.

use rand::Rng;

use super::Cluster;
use crate::engine::Purpose;
use crate::karpenter::node_pools::PoolId;

const NAMES: Purpose = Purpose::named("karpenter node names");

/// The letters of Kubernetes' generated names (`apimachinery/pkg/util/rand`, v1.37).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Cluster {
    /// The name of the claim numbered `serial`, as `generateName` makes it: pool name and five letters.
    pub(super) fn claim_name(&self, pool: PoolId, serial: u64) -> Box<str> {
        let mut rng = self.streams.entity(NAMES, serial);
        let mut name = format!("{}-", self.pool(pool).spec.name);
        for _ in 0..5 {
            let index = rng.next_u64() % LETTERS.len() as u64;
            name.push(char::from(LETTERS[index as usize]));
        }
        name.into()
    }

    /// The name of the node that the claim numbered `serial` becomes: EC2's name by private address.
    pub(super) fn node_name(&self, serial: u64) -> Box<str> {
        let mut rng = self.streams.entity(NAMES, serial ^ 1 << 63);
        let [a, b, c, ..] = rng.next_u64().to_le_bytes();
        format!("ip-10-{a}-{b}-{c}.ec2.internal").into()
    }
}
