//! Recorded decisions of Karpenter's disruption methods: budgets, costs, emptiness, consolidation (families a-e and s).

#![allow(clippy::print_stdout)] // says how many recorded cases agree

#[path = "oracle_disruption_world/mod.rs"]
mod oracle_disruption_world;
mod support;

use fleetsim::karpenter::disruption::{
    Answer, Command, Decision, Method, PoolTotals, Reason, Refusal, Skip, UNLIMITED, Version,
    allowed_disruptions, eviction_cost,
};
use oracle_disruption_world::compare::{claim_value, is_close, same};
use oracle_disruption_world::{World, at, budget, list, text, unix_ms};
use serde_json::{Value, json};

fn cases(file: &str) -> Vec<Value> {
    if support::open(file).is_none() {
        return Vec::new();
    }
    support::lines(file).iter().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

/// Prints how many agree and demands all.
fn report(name: &str, total: usize, failures: &[String]) {
    println!("disruption {name}: {} of {total} agree", total - failures.len());
    assert!(failures.is_empty(), "{}", failures.iter().take(8).cloned().collect::<Vec<_>>().join("\n"));
}

#[test]
fn oracle_table_budgets() {
    let cases = cases("disruption/table-budgets.jsonl");
    let mut failures = Vec::new();
    for case in &cases {
        let budgets: Vec<_> = list(case, "budgets").iter().map(budget).collect();
        let (now, nodes) = (unix_ms(text(case, "now")), case["num_nodes"].as_u64().unwrap() as u32);
        for (name, expected) in case["expect_allowed"].as_object().unwrap() {
            let reason = match name.as_str() {
                "Empty" => Reason::Empty,
                "Underutilized" => Reason::Underutilized,
                "Drifted" => Reason::Drifted,
                _ => continue,
            };
            let allowed = allowed_disruptions(&budgets, now, nodes, reason);
            if allowed != expected.as_i64().unwrap_or(UNLIMITED) {
                failures.push(format!("{} {name}: {allowed}, recorded {expected}", case["id"]));
            }
        }
    }
    report("table-budgets", cases.len(), &failures);
}

#[test]
fn oracle_table_eviction_cost() {
    let cases = cases("disruption/table-eviction-cost.jsonl");
    let mut failures = Vec::new();
    for case in &cases {
        let pod = &case["pod"];
        let priority = pod["priority"].as_i64().map(|priority| priority as i32);
        let cost = eviction_cost(
            pod["disruption_cost"].as_str(),
            pod["pod_deletion_cost"].as_str(),
            priority,
            Version::V1_15,
        );
        if !is_close(cost, &case["expect_eviction_cost"]) {
            failures.push(format!("{}: {cost}, recorded {}", case["id"], case["expect_eviction_cost"]));
        }
    }
    report("table-eviction-cost", cases.len(), &failures);
}

#[test]
fn oracle_family_a_emptiness() {
    check_family("a");
}

#[test]
fn oracle_family_b_single_node() {
    check_family("b");
}

#[test]
fn oracle_family_c_multi_node() {
    check_family("c");
}

#[test]
fn oracle_family_d_policies() {
    check_family("d");
}

#[test]
fn oracle_family_e_order() {
    check_family("e");
}

#[test]
fn oracle_family_s_single_rules() {
    check_family("s");
}

fn check_family(family: &str) {
    let cases = cases(&format!("disruption/family-{family}.jsonl"));
    for (key, version) in [("expect", Version::V1_15), ("expect_v1_8", Version::V1_8)] {
        let with_expectation: Vec<&Value> = cases.iter().filter(|case| case[key].is_array()).collect();
        let failures: Vec<String> =
            with_expectation.iter().filter_map(|case| check_case(case, key, version).err()).collect();
        report(&format!("family {family} {version:?}"), with_expectation.len(), &failures);
    }
}

fn check_case(case: &Value, key: &str, version: Version) -> Result<(), String> {
    for expected in list(case, key) {
        let method = match text(expected, "method") {
            "emptiness" => Method::Emptiness,
            "multi" => Method::MultiNode,
            _ => Method::SingleNode,
        };
        let mut world = World::new(case, version, at(0));
        check_method(&mut world, method, expected).map_err(|difference| {
            format!("{} {version:?} {}: {difference}", case["id"], text(expected, "method"))
        })?;
    }
    Ok(())
}

fn check_method(world: &mut World, method: Method, expected: &Value) -> Result<(), String> {
    let (now, reason) = (at(0), method.reason());
    same("budgets", &budgets(world, reason), &expected["budget_remaining"])?;
    let candidates = world.disruption.candidates(reason, now, &world.cluster);
    let ordered: Vec<Value> = candidates
        .iter()
        .map(|candidate| {
            let (node, pool) = (world.node_name(candidate.node), &world.pools[usize::from(candidate.pool.0)]);
            if world.version == Version::V1_8 {
                return json!({"node": node, "node_pool": pool, "price_usd_per_hour": candidate.price,
                    "reschedule_disruption_cost": 0, "savings_ratio": 0, "disruption_cost": candidate.disruption_cost});
            }
            json!({"node": node, "node_pool": pool, "price_usd_per_hour": candidate.price,
                "reschedule_disruption_cost": candidate.reschedule_disruption_cost,
                "savings_ratio": candidate.savings_ratio(), "disruption_cost": candidate.disruption_cost})
        })
        .collect();
    same("candidates", &Value::Array(ordered), &expected["candidates_in_order"])?;
    let refused: Vec<Value> = world
        .disruption
        .refusals(reason, now, &world.cluster)
        .into_iter()
        .map(|(node, refusal)| json!([world.node_name(node), refusal_class(refusal)]))
        .collect();
    let mut recorded: Vec<Value> =
        list(expected, "not_candidates").iter().map(|one| json!([one["node"], one["class"]])).collect();
    recorded.sort_by_key(ToString::to_string);
    same("refusals", &Value::Array(refused), &Value::Array(recorded))?;
    if world.version == Version::V1_15 {
        let totals = world.disruption.pool_totals(now, &world.cluster);
        let of_pool = |(index, totals): (usize, &Option<PoolTotals>)| {
            let PoolTotals { cost, disruption_cost } = (*totals)?;
            Some(
                json!({"node_pool": world.pools[index], "total_cost": cost, "total_disruption_cost": disruption_cost}),
            )
        };
        let totals: Vec<Value> = totals.iter().enumerate().filter_map(of_pool).collect();
        same("pool totals", &Value::Array(totals), &expected["pool_totals"])?;
    }
    let (disruption, mut surroundings) = world.parts();
    let answer = disruption.ask(method, now, &mut surroundings);
    let ours = answer_value(world, &answer);
    let variants = list(expected, "variants");
    let differences: Vec<String> =
        variants.iter().map_while(|variant| same_answer(&ours, variant).err()).collect();
    if differences.len() < variants.len() { Ok(()) } else { Err(differences.join(" | ")) }
}

fn budgets(world: &World, reason: Reason) -> Value {
    let left = world.disruption.remaining_budgets(reason, at(0));
    world
        .pools
        .iter()
        .cloned()
        .zip(left.into_iter().map(Value::from))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn refusal_class(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Uninitialized => "uninitialized",
        Refusal::MarkedForDeletion => "marked_for_deletion",
        Refusal::Nominated => "nominated",
        Refusal::NodeDoNotDisrupt => "node_do_not_disrupt",
        Refusal::PodDoNotDisrupt => "pod_do_not_disrupt",
        Refusal::Pdb => "pdb",
        Refusal::MultiplePdbs => "multiple_pdbs",
        Refusal::ConsolidateAfterNever => "consolidate_after_never",
        Refusal::PolicyWhenEmpty => "policy_when_empty",
    }
}

/// The answer in the recording's terms.
fn answer_value(world: &World, answer: &Answer) -> Value {
    let skipped: Vec<Value> = answer
        .skipped
        .iter()
        .filter_map(|(node, skip)| {
            let (class, n) = skip_class(*skip)?;
            Some(json!({"node": world.node_name(*node), "stage": "evaluated", "class": class, "n": n}))
        })
        .collect();
    let commands: Vec<Value> = answer.command.iter().map(|command| command_value(world, command)).collect();
    let mut value = json!({"commands": commands, "skipped": skipped});
    if answer.has_failed {
        value["error"] = "candidate_offering_missing".into();
    }
    value
}

fn skip_class(skip: Skip) -> Option<(&'static str, u32)> {
    match skip {
        Skip::PodsDoNotFit => Some(("pods_do_not_fit", 0)),
        Skip::UninitializedDestination => Some(("uninitialized_destination", 0)),
        Skip::NeedsSeveralNewNodes(n) => Some(("needs_several_new_nodes", n)),
        Skip::NotCheaper => Some(("not_cheaper", 0)),
        Skip::SpotToSpotGateOff => Some(("spot_to_spot_gate_off", 0)),
        Skip::SpotToSpotNeeds15(n) => Some(("spot_to_spot_needs_15", n)),
        Skip::CandidateOfferingMissing => None,
    }
}

fn command_value(world: &World, command: &Command) -> Value {
    let names: Vec<&str> = command.candidates.iter().map(|one| world.node_name(one.node)).collect();
    let price: f64 = command.candidates.iter().map(|one| one.price).sum();
    let mut moves: Vec<Value> = command
        .placements
        .iter()
        .map(|(pod, node)| json!({"pod": world.pod_name(*pod), "node": world.node_name(*node)}))
        .collect();
    moves.sort_by_key(|one| text(one, "pod").to_owned());
    let replacements: Vec<Value> =
        command.replacements.iter().map(|claim| claim_value(world, claim)).collect();
    let mut value = json!({
        "decision": if command.decision() == Decision::Delete { "delete" } else { "replace" },
        "reason": command.method.reason().to_string(),
        "candidates": names,
        "candidate_price_sum": price,
        "moves_to_existing": moves,
        "replacements": replacements,
    });
    if world.version == Version::V1_15 {
        value["estimated_savings"] = command.estimated_savings.into();
    }
    value
}

fn same_answer(ours: &Value, variant: &Value) -> Result<(), String> {
    same("error", &ours["error"], &variant["error"])?;
    same("skipped", &ours["skipped"], &variant["skipped"])?;
    same("commands", &ours["commands"], &variant["commands"])
}
