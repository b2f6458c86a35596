//! Keys of Karpenter and the cluster that reach the plan as they are written.

use fleetsim::scenario::resolve;
use fleetsim::simulation::{CapacityPlan, KarpenterPlan, Plan, ScalePlan};
use fleetsim::units::SimTime;

/// The plan of a fleet with one static and one other pool, and these lines.
fn plan(lines: &str) -> Plan {
    let text = format!(
        "[[workload.class]]\nname = \"unit\"\narrivals = {{ per_day = 100 }}\nduration = \"3m\"\n\
         [[node_pool]]\nname = \"ci\"\narch = [\"amd64\"]\ninstance_category = [\"m\"]\n\
         [[node_pool]]\nname = \"standing\"\nreplicas = 3\narch = [\"amd64\"]\ninstance_category = [\"m\"]\n\
         [[runner]]\nname = \"eks\"\n{lines}"
    );
    let mut no_files = |_: &str| Err("there is no such file".to_owned());
    let scenario = resolve(&text, "keys.toml", &mut no_files).expect("a valid scenario");
    scenario.fleets[0].plan.clone()
}

fn karpenter(plan: &Plan) -> &KarpenterPlan {
    match &plan.capacity {
        CapacityPlan::Karpenter(karpenter) => karpenter,
        _ => unreachable!("there are node pools"),
    }
}

#[test]
fn a_runner_says_the_priority_of_its_pods_and_the_zone_of_their_volume() {
    let plan = plan("priority = -10\nvolume_zone = \"us-east-1b\"\n");
    assert_eq!(plan.executor.priority, -10);
    let zone = ("topology.kubernetes.io/zone".to_owned(), "us-east-1b".to_owned());
    assert_eq!(plan.executor.node_selector, [zone]);
}

#[test]
fn karpenter_may_be_as_slow_as_it_is_said_to_be_and_static_pools_are_scaled_by_name() {
    let scale = "[[karpenter.scale]]\nat = \"2h\"\nnode_pool = \"standing\"\nreplicas = 7\n";
    let plan = plan(&format!("[karpenter]\npods_per_second = 12\n{scale}"));
    let karpenter = karpenter(&plan);
    assert_eq!(karpenter.pass.most_tries, Some(720));
    let at = SimTime::from_ms(2 * 3_600_000);
    assert_eq!(karpenter.scales, [ScalePlan { at, pool: 1, replicas: 7 }]);
}
