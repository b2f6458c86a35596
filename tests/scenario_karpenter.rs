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

#[test]
fn jobs_and_runners_say_where_their_pods_go_in_the_words_of_a_pod_specification() {
    let lines = "pod_labels = { team = \"a\" }\npod_anti_affinity = [{ topology_key = \"hostname\", weight = 5 }]\n\
        [[workload.class]]\nname = \"near\"\narrivals = { per_day = 1 }\nduration = \"3m\"\nhostPort = [80, 443]\n\
        topologySpreadConstraints = [{ topologyKey = \"zone\", maxSkew = 2, minDomains = 3 }]\n\
        pod_affinity = [{ key = \"kubernetes.io/hostname\", match_labels = { class = \"unit\" } }]\n\
        preferred_node_affinity = [{ weight = 7, match_expressions = [\
        { key = \"karpenter.k8s.aws/instance-generation\", operator = \"Gt\", values = [\"6\"] }] }]\n";
    let plan = plan(lines);
    let of_runner = &plan.executor.placement;
    assert_eq!(of_runner.labels, [("team".to_owned(), "a".to_owned())]);
    assert_eq!(
        (of_runner.anti_affinity[0].key.as_str(), of_runner.anti_affinity[0].weight),
        ("kubernetes.io/hostname", Some(5))
    );
    let [near] = &plan.kubernetes.placements[..] else { panic!("one class says something") };
    let own = &near.placement;
    assert_eq!((near.class.as_str(), &own.host_ports[..]), ("near", &[80, 443][..]));
    let spread = &own.spread[0];
    assert_eq!(
        (spread.key.as_str(), spread.max_skew, spread.min_domains),
        ("topology.kubernetes.io/zone", 2, Some(3))
    );
    assert_eq!(own.affinity[0].match_labels, [("class".to_owned(), "unit".to_owned())]);
    assert_eq!((own.preferred_nodes[0].weight, own.preferred_nodes[0].requirements.len()), (7, 1));
}
