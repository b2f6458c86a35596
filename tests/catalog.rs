//! The embedded catalog against what it was made from: allocatable rows, prices, labels of the recorded types; and custom types.

#![allow(clippy::print_stdout)] // how many recorded types agree

mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use fleetsim::catalog::{
    Arch, CapacityType, Catalog, CustomError, CustomPrice, CustomType, Difference, InterruptionRating,
    PriceBasis, SpeedBasis, SpotBasis, TypeFilter, ZoneId, known_regions,
};
use fleetsim::units::{HourlyPrice, Mebibytes, Ppm};

fn crate_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A file of the collected catalog beside the crate, where there is one.
fn shared(name: &str) -> Option<String> {
    std::fs::read_to_string(crate_path("../shared/catalog").join(name)).ok()
}

fn golden_allocatable() -> String {
    let file = std::fs::File::open(crate_path("tests/golden/catalog_allocatable.csv.gz")).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

fn assert_allocatable(text: &str) {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let mut rows = 0;
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("instance_type")) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields[index].parse::<u32>().unwrap();
        let id = catalog.find(fields[0]).unwrap_or_else(|| panic!("{} is missing", fields[0]));
        let kind = catalog.get(id);
        assert_eq!(kind.vcpus * 1000, number(1), "{}", kind.name);
        assert_eq!(kind.memory.0, number(2), "{}", kind.name);
        assert_eq!(kind.max_pods, number(3), "{}", kind.name);
        let allocatable = kind.allocatable();
        assert_eq!((allocatable.cpu.0, allocatable.memory.0), (number(4), number(5)), "{}", kind.name);
        rows += 1;
    }
    assert_eq!(rows, 1229);
}

#[test]
fn allocatable_follows_the_formula_on_every_published_row() {
    assert_allocatable(&golden_allocatable());
    if let Some(text) = shared("allocatable.csv") {
        assert_allocatable(&text);
    }
}

#[test]
fn every_type_of_the_source_is_embedded_with_its_facts() {
    let Some(text) = shared("instances.csv") else { return };
    let catalog = Catalog::without_prices("us-east-1");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut count = 0;
    for row in reader.deserialize::<BTreeMap<String, String>>() {
        let row = row.unwrap();
        let kind = catalog.get(catalog.find(&row["instance_type"]).unwrap());
        let facts = [
            ("arch", kind.arch.to_string()),
            ("vcpus", kind.vcpus.to_string()),
            ("memory_mib", kind.memory.0.to_string()),
            ("cpu_vendor", kind.cpu_manufacturer.to_string()),
            ("generation", kind.generation.to_string()),
            ("category", kind.category.to_string()),
            ("family", kind.family().to_owned()),
            ("size", kind.size().to_owned()),
            ("local_nvme_gb", kind.local_nvme_gb.to_string()),
            ("bare_metal", kind.bare_metal.to_string()),
            ("burstable", kind.burstable.to_string()),
            ("flex", kind.flex.to_string()),
            ("current_generation", kind.current_generation.to_string()),
            ("core", (!kind.exotic).to_string()),
            ("max_enis", kind.max_enis.to_string()),
            ("ipv4_per_eni", kind.ipv4_per_eni.to_string()),
            ("max_pods", kind.max_pods.to_string()),
            ("threads_per_core", kind.threads_per_core.to_string()),
        ];
        for (column, value) in facts {
            assert_eq!(row[column], value, "{column} of {}", kind.name);
        }
        count += 1;
    }
    assert_eq!(count, catalog.types().len());
}

#[test]
fn every_on_demand_price_and_spot_figure_is_the_source_s() {
    let (Some(prices), Some(spot)) = (shared("prices.csv"), shared("spot.csv")) else { return };
    let mut catalogs: BTreeMap<&str, Catalog> =
        known_regions().into_iter().map(|region| (region, Catalog::builtin(region).unwrap())).collect();
    let mut sold = 0;
    for line in prices.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let catalog = &catalogs[fields[0]];
        let id = catalog.find(fields[1]).unwrap();
        let expected = HourlyPrice::from_dollars(fields[2].parse().unwrap());
        for zone in 0..3 {
            assert_eq!(catalog.price(id, ZoneId(zone), CapacityType::OnDemand), Some(expected), "{line}");
        }
        let basis = match catalog.prices(id).unwrap().basis {
            PriceBasis::Exact => "exact",
            PriceBasis::Listed => "listed",
            PriceBasis::Scaled => "scaled",
            PriceBasis::Sibling => "sibling",
            PriceBasis::BareMetal => "metal",
            PriceBasis::Scenario => "scenario",
        };
        assert_eq!(basis, fields[3], "{line}");
        sold += 1;
    }
    let priced = |catalog: &Catalog| catalog.type_ids().filter(|id| catalog.prices(*id).is_some()).count();
    assert_eq!(sold, catalogs.values().map(priced).sum::<usize>());
    for line in spot.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let catalog = catalogs.get_mut(fields[0]).unwrap();
        let Some(facts) = catalog.find(fields[1]).and_then(|id| catalog.prices(id)) else { continue };
        let advisor = facts.spot.unwrap();
        assert_eq!(advisor.basis, SpotBasis::Advisor, "{line}");
        assert_eq!(advisor.savings_percent.to_string(), fields[2], "{line}");
        assert_eq!(advisor.rating, InterruptionRating::from_bucket(fields[3].parse().unwrap()), "{line}");
        assert_eq!(advisor.rating.label(), fields[4], "{line}");
    }
}

#[test]
fn labels_capacity_and_offerings_of_the_recorded_types_are_karpenter_s_own() {
    if support::open("provisioning/types-us-east-1.json").is_none() {
        return;
    }
    let recorded: serde_json::Value =
        serde_json::from_str(&support::read("provisioning/types-us-east-1.json")).unwrap();
    let catalog = Catalog::builtin("us-east-1").unwrap();
    // The recording's EC2 double knew nothing about encryption: it says "false" even where EC2 says "true".
    const UNKNOWN: [&str; 1] = ["karpenter.k8s.aws/instance-encryption-in-transit-supported"];
    let (mut types, mut labels) = (0, 0);
    for expected in recorded["types"].as_array().unwrap() {
        let name = expected["name"].as_str().unwrap();
        let id = catalog.find(name).unwrap();
        let kind = catalog.get(id);
        let number = |value: &serde_json::Value| value.as_u64().unwrap() as u32;
        assert_eq!(kind.capacity().memory.0, number(&expected["capacity"]["memory_mib"]), "{name}");
        assert_eq!(kind.allocatable().memory.0, number(&expected["allocatable"]["memory_mib"]), "{name}");
        assert_eq!(kind.allocatable().cpu.0, number(&expected["allocatable"]["cpu_milli"]), "{name}");
        assert_eq!(kind.max_pods, number(&expected["allocatable"]["pods"]), "{name}");
        let ours: BTreeMap<&str, Vec<String>> = catalog
            .labels(id)
            .into_iter()
            .map(|label| (label.key, label.values.iter().map(ToString::to_string).collect()))
            .collect();
        let theirs: BTreeMap<&str, Vec<String>> = expected["labels"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| !UNKNOWN.contains(&key.as_str()))
            .map(|(key, values)| {
                let values =
                    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned());
                (key.as_str(), values.collect())
            })
            .collect();
        assert_eq!(ours, theirs, "{name}");
        labels += ours.len();
        for offering in expected["offerings"].as_array().unwrap() {
            let zone = catalog.zone(offering["zone"].as_str().unwrap()).unwrap();
            let price = offering["price"].as_f64().unwrap();
            if offering["capacity_type"] == "on-demand" {
                let ours = catalog.price(id, zone, CapacityType::OnDemand).unwrap();
                assert_eq!(ours, HourlyPrice::from_dollars(price), "{name}");
            } else {
                // Both are the same list price times a factor in [0.94, 1.06], to four decimals.
                let list = catalog.prices(id).unwrap().spot_list_price().unwrap().as_dollars();
                assert!((price - list).abs() <= list * 0.06 + 1.1e-4, "{name}: {price} against {list}");
                let ours = catalog.price(id, zone, CapacityType::Spot).unwrap().as_dollars();
                assert!((ours - list).abs() <= list * 0.06 + 1.1e-4, "{name}: {ours} against {list}");
            }
        }
        types += 1;
    }
    println!("{types} of 407 recorded types agree in {labels} labels");
    assert_eq!(types, 407);
}

#[test]
fn every_family_has_a_speed_that_is_measured_or_marked_as_a_sibling_s() {
    let catalog = Catalog::builtin("eu-central-1").unwrap();
    let measured = catalog.families().iter().filter(|family| family.basis == SpeedBasis::Measured).count();
    assert_eq!((catalog.families().len(), measured), (135, 65));
    for kind in catalog.types() {
        let family = catalog.families().iter().find(|family| family.family == kind.family()).unwrap();
        assert_eq!(family.generation, kind.cpu_generation, "{}", kind.name);
        let generation = &catalog.generations()[kind.cpu_generation.index()];
        assert_eq!(generation.arch, kind.arch, "{}", kind.name);
        assert_eq!(
            generation.name.starts_with("graviton"),
            kind.cpu_manufacturer.label() == "aws",
            "{}",
            kind.name
        );
        let speed = generation.single_thread;
        assert!(generation.single_thread_low <= speed && speed <= generation.single_thread_high);
    }
}

#[test]
fn an_unknown_region_is_refused_with_the_known_ones() {
    let error = Catalog::builtin("eu-north-1").unwrap_err().to_string();
    assert!(error.contains("eu-north-1") && error.contains("eu-central-1"), "{error}");
    assert_eq!(known_regions().len(), 7);
}

#[test]
fn a_misspelt_type_is_answered_with_its_neighbours() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    assert_eq!(catalog.find("m7g.2xlrage"), None);
    assert_eq!(catalog.similar_names("m7g.2xlrage").first(), Some(&"m7g.2xlarge"));
    assert!(catalog.similar_names("completely-different").is_empty());
}

#[test]
fn spot_is_never_dearer_than_on_demand_and_is_offered_wherever_the_type_is() {
    for region in known_regions() {
        let catalog = Catalog::builtin(region).unwrap();
        for id in catalog.type_ids().filter(|id| catalog.prices(*id).is_some()) {
            let offerings: Vec<_> = catalog.offerings(id).collect();
            assert_eq!(offerings.len(), 6, "{region} {}", catalog.get(id).name);
            for pair in offerings.chunks_exact(2) {
                assert!(pair[1].price <= pair[0].price && pair[1].price.0 > 0, "{}", catalog.get(id).name);
            }
        }
    }
}

#[test]
fn the_usual_list_leaves_out_bare_metal_and_exotic_families_unless_asked() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let usual = catalog.list(&TypeFilter::default());
    assert!(usual.iter().all(|row| !catalog.get(row.id).bare_metal && !catalog.get(row.id).exotic));
    let all = catalog.list(&TypeFilter { all: true, ..TypeFilter::default() });
    assert!(all.len() > usual.len() + 200 && usual.len() > 800, "{} {}", usual.len(), all.len());
    let arm = catalog.list(&TypeFilter {
        arch: Some(Arch::Arm64),
        families: vec!["m7g".into(), "m7i".into()],
        max_vcpus: 8,
        min_vcpus: 4,
        ..TypeFilter::default()
    });
    let names: Vec<&str> = arm.iter().map(|row| &*row.name).collect();
    assert_eq!(names, ["m7g.2xlarge", "m7g.xlarge"]);
    assert_eq!(arm[1].on_demand, HourlyPrice::from_dollars(0.1632));
    assert!(arm[1].spot.unwrap() < arm[1].on_demand);
}

fn own_type(name: &str) -> CustomType {
    CustomType {
        name: name.into(),
        arch: Arch::Arm64,
        vcpus: 12,
        memory: Mebibytes(24_576),
        cpu_generation: None,
        max_pods: None,
        local_nvme_gb: 0,
        network_mbps: 0,
    }
}

fn own_price(name: &str, zone: Option<&str>, capacity_type: CapacityType, dollars: f64) -> CustomPrice {
    CustomPrice {
        instance_type: name.into(),
        zone: zone.map(Into::into),
        capacity_type,
        price: HourlyPrice::from_dollars(dollars),
        rating: None,
    }
}

#[test]
fn a_scenario_s_own_type_stands_among_the_others() {
    let catalog = Catalog::builtin("us-east-1").unwrap();
    let before: Vec<_> =
        catalog.type_ids().map(|id| catalog.offerings(id).collect::<Vec<_>>().len()).collect();
    let own = catalog
        .clone()
        .with_custom(
            &[own_type("m8g.3xlarge"), own_type("lab7.huge")],
            &[
                own_price("m8g.3xlarge", None, CapacityType::OnDemand, 0.5),
                own_price("m8g.3xlarge", None, CapacityType::Spot, 0.2),
                own_price("lab7.huge", Some("us-east-1b"), CapacityType::OnDemand, 0.1),
                own_price("c7g.large", Some("us-east-1c"), CapacityType::Spot, 0.011),
            ],
        )
        .unwrap();
    assert_eq!(own.types().len(), before.len() + 2);
    assert!(own.types().is_sorted_by(|a, b| a.name < b.name));
    let id = own.find("m8g.3xlarge").unwrap();
    assert_eq!(own.offerings(id).count(), 6);
    assert_eq!(own.generations()[own.get(id).cpu_generation.index()].name, "graviton4");
    assert_eq!(own.prices(id).unwrap().spot.unwrap().savings_percent, 60);
    assert_eq!((own.get(id).family(), own.get(id).generation, &*own.get(id).category), ("m8g", 8, "m"));
    let lab = own.find("lab7.huge").unwrap();
    assert_eq!(own.offerings(lab).map(|offering| offering.zone).collect::<Vec<_>>(), [ZoneId(1)]);
    assert_eq!(own.generations()[own.get(lab).cpu_generation.index()].name, "graviton2");
    let small = own.find("c7g.large").unwrap();
    assert_eq!(own.price(small, ZoneId(2), CapacityType::Spot), Some(HourlyPrice(11_000_000)));
    // Everything else is untouched.
    for (old, kind) in catalog.type_ids().zip(catalog.types()) {
        if kind.name != "c7g.large" {
            let new = own.find(&kind.name).unwrap();
            for zone in (0..3).map(ZoneId) {
                for capacity_type in [CapacityType::OnDemand, CapacityType::Spot] {
                    let price = catalog.price(old, zone, capacity_type);
                    assert_eq!(own.price(new, zone, capacity_type), price, "{}", kind.name);
                }
            }
        }
    }
}

#[test]
fn one_spot_discount_replaces_all_spot_prices() {
    let catalog = Catalog::builtin("eu-west-1").unwrap().with_spot_discount(Ppm(600_000));
    for id in catalog.type_ids() {
        for pair in catalog.offerings(id).collect::<Vec<_>>().chunks_exact(2) {
            let expected = pair[0].price.as_dollars() * 0.4;
            assert!((pair[1].price.as_dollars() - expected).abs() <= 5.1e-5, "{}", catalog.get(id).name);
        }
    }
}

#[test]
fn differences_name_what_a_scenario_changed_and_nothing_else() {
    let before = Catalog::builtin("us-east-1").unwrap();
    assert_eq!(before.differences(&before), []);
    let after = before
        .clone()
        .with_custom(
            &[own_type("m8g.3xlarge")],
            &[
                own_price("m8g.3xlarge", None, CapacityType::OnDemand, 0.5),
                own_price("c7g.large", Some("us-east-1c"), CapacityType::OnDemand, 0.01),
            ],
        )
        .unwrap();
    let price = Difference::Price {
        name: "c7g.large".into(),
        zone: "us-east-1c".into(),
        capacity_type: CapacityType::OnDemand,
        before: Some(HourlyPrice::from_dollars(0.0725)),
        after: Some(HourlyPrice::from_dollars(0.01)),
    };
    assert_eq!(before.differences(&after), [price, Difference::Added("m8g.3xlarge".into())]);
    assert_eq!(after.differences(&before).last(), Some(&Difference::Removed("m8g.3xlarge".into())));
}

#[test]
fn slips_in_own_prices_raise_doubts_and_the_embedded_catalogs_raise_none() {
    for region in known_regions() {
        assert_eq!(Catalog::builtin(region).unwrap().doubts(), [], "{region}");
    }
    let slips = Catalog::builtin("us-east-1")
        .unwrap()
        .with_custom(
            &[CustomType { vcpus: 1, memory: Mebibytes(512), ..own_type("own.tiny") }],
            &[
                own_price("own.tiny", None, CapacityType::OnDemand, 0.01),
                own_price("m7g.xlarge", None, CapacityType::OnDemand, 1.632),
                own_price("m7i.xlarge", Some("us-east-1b"), CapacityType::Spot, 0.9),
            ],
        )
        .unwrap();
    let texts: Vec<String> = slips.doubts().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "`m7g.xlarge` costs 1000 % of what its family costs per vCPU",
            "`m7i.xlarge` in us-east-1b: Spot costs more than on-demand",
            "`own.tiny` has no memory left for pods",
        ]
    );
}

#[test]
fn custom_types_that_cannot_be_are_refused_with_the_reason() {
    let try_it = |types: &[CustomType], prices: &[CustomPrice]| {
        Catalog::builtin("us-east-1").unwrap().with_custom(types, prices).map(|_| ()).unwrap_err()
    };
    let priced = own_price("a.b", None, CapacityType::OnDemand, 1.0);
    assert_eq!(try_it(&[own_type("a.b")], &[]), CustomError::NoPrice("a.b".into()));
    assert_eq!(
        try_it(&[CustomType { vcpus: 0, ..own_type("a.b") }], std::slice::from_ref(&priced)),
        CustomError::Empty("a.b".into())
    );
    assert_eq!(
        try_it(&[own_type("a.b"), own_type("a.b")], std::slice::from_ref(&priced)),
        CustomError::Duplicate("a.b".into())
    );
    let wrong = CustomType { cpu_generation: Some("amd-zen5".into()), ..own_type("a.b") };
    assert!(try_it(&[wrong], std::slice::from_ref(&priced)).to_string().contains("arm64"));
    let unknown = CustomType { cpu_generation: Some("z80".into()), ..own_type("a.b") };
    assert!(try_it(&[unknown], std::slice::from_ref(&priced)).to_string().contains("graviton3"));
    assert_eq!(try_it(&[], &[priced]), CustomError::UnknownType("a.b".into()));
    let zone = own_price("m7g.large", Some("us-east-1z"), CapacityType::Spot, 1.0);
    assert!(try_it(&[], &[zone]).to_string().contains("us-east-1z"));
}
