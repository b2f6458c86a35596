//! Region, types, prices, start-up, Spot market: the EC2 room's settings.

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::{Table, Value};
use super::super::keys::nearest_word;
use super::super::layers::FileProvider;
use super::spread::delay;
use super::{pool_filter, prices};
use crate::catalog::{Arch, CapacityType, Catalog, CustomPrice, CustomType, TypeId, ZoneId, known_regions};
use crate::ec2::{
    AmiPreset, BillingRules, CapacityLimits, Delay, Diurnal, Emulation, RootVolume, ShockParameters,
    SpotParameters, SpotPriceProcess, StartupModel, VolumeKind,
};
use crate::units::{HourlyPrice, Ppm, SimDuration};

/// The catalogue of the fleet's region with the scenario's own types and prices.
pub(super) fn catalog(ec2: &Table, files: &mut dyn FileProvider, problems: &mut Problems) -> Option<Catalog> {
    let region = ec2.text("region");
    let builtin = match Catalog::builtin(region) {
        Ok(catalog) => catalog,
        Err(_) => {
            let known = known_regions();
            let help = nearest_word(known.iter().copied(), region).map_or_else(
                || format!("regions are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("the catalogue has no region `{region}`");
            problems.push(
                Diagnostic::new(
                    Code::Catalog,
                    ec2.span("region"),
                    message,
                    "expected an AWS region of the catalogue",
                )
                .help(help),
            );
            return None;
        }
    };
    check_zones(ec2, &builtin, problems);
    let types: Vec<CustomType> = ec2.tables("instance_type").map(|(table, _)| own_type(table)).collect();
    let mut own_prices = own_type_prices(ec2);
    if let Some(discount) = ec2.section("spot").number_if("discount") {
        own_prices.extend(discounted(&builtin, discount));
    }
    own_prices.extend(prices::from_table(ec2, &builtin, problems));
    if let Some(path) = ec2.text_if("prices") {
        own_prices.extend(prices::from_file(path, &ec2.span("prices"), &builtin, files, problems));
    }
    match builtin.with_custom(&types, &own_prices) {
        Ok(catalog) => Some(catalog),
        Err(error) => {
            let text = error.to_string();
            let (message, hint) = text.split_once("; ").unwrap_or((&text, ""));
            let at = ec2
                .tables("instance_type")
                .find(|(table, _)| text.contains(&format!("`{}`", table.text("name"))))
                .map_or_else(|| ec2.span("instance_type"), |(table, _)| table.span("name"));
            let diagnostic = Diagnostic::new(Code::Catalog, at, message, "in this definition");
            problems.push(if hint.is_empty() { diagnostic } else { diagnostic.help(hint) });
            None
        }
    }
}

/// The catalogue of the fleet's region with the scenario's own types, but the list prices of all others: what Karpenter
/// reads, which knows of no own price and no discount. `None` where the scenario's own types cannot be read.
pub(super) fn list_catalog(ec2: &Table) -> Option<Catalog> {
    let types: Vec<CustomType> = ec2.tables("instance_type").map(|(table, _)| own_type(table)).collect();
    Catalog::builtin(ec2.text("region")).ok()?.with_custom(&types, &own_type_prices(ec2)).ok()
}

fn check_zones(ec2: &Table, catalog: &Catalog, problems: &mut Problems) {
    for item in ec2.list("zones") {
        if let Value::Text(name) = &item.value
            && catalog.zone(name).is_none()
        {
            let known: Vec<&str> = catalog.zones().iter().map(|zone| &*zone.name).collect();
            let message = format!("{} has no zone `{name}`", catalog.region());
            problems.push(
                Diagnostic::new(Code::Catalog, item.span.clone(), message, "expected a zone of the region")
                    .help(format!("zones are {}", known.join(", "))),
            );
        }
    }
}

fn own_type(table: &Table) -> CustomType {
    CustomType {
        name: table.text("name").to_owned(),
        arch: if table.text("arch") == "arm64" { Arch::Arm64 } else { Arch::Amd64 },
        vcpus: table.integer("vcpus") as u32,
        memory: table.memory_if("memory").unwrap_or_default(),
        cpu_generation: table.text_if("cpu_generation").map(str::to_owned),
        max_pods: table.integer_if("max_pods").map(|pods| pods as u32),
        local_nvme_gb: 0,
        network_mbps: 0,
    }
}

fn own_type_prices(ec2: &Table) -> Vec<CustomPrice> {
    let mut prices = Vec::new();
    for (table, _) in ec2.tables("instance_type") {
        for (key, capacity_type) in [("on_demand", CapacityType::OnDemand), ("spot", CapacityType::Spot)] {
            if let Some(dollars) = table.number_if(key) {
                prices.push(CustomPrice {
                    instance_type: table.text("name").to_owned(),
                    zone: None,
                    capacity_type,
                    price: HourlyPrice::from_dollars(dollars),
                    rating: None,
                });
            }
        }
    }
    prices
}

/// One discount on all Spot prices.
fn discounted(catalog: &Catalog, discount: f64) -> Vec<CustomPrice> {
    let spot_types = catalog.type_ids().filter_map(|id| {
        let facts = catalog.prices(id)?;
        facts.spot?;
        Some(CustomPrice {
            instance_type: catalog.get(id).name.to_string(),
            zone: None,
            capacity_type: CapacityType::Spot,
            price: HourlyPrice(Ppm::from_f64(1.0 - discount).of(facts.on_demand.0)),
            rating: None,
        })
    });
    spot_types.collect()
}

/// The type called by the text at `key`, or a complaint with similar names.
pub(super) fn type_at(
    table: &Table,
    key: &str,
    catalog: &Catalog,
    problems: &mut Problems,
) -> Option<TypeId> {
    let name = table.text(key);
    let found = catalog.find(name).filter(|id| catalog.prices(*id).is_some());
    if found.is_none() {
        problems.push(unknown_type(name, table.span(key), catalog));
    }
    found
}

/// "There is no such type".
pub(super) fn unknown_type(name: &str, span: super::super::source::Span, catalog: &Catalog) -> Diagnostic {
    let near = catalog.similar_names(name);
    let sold = if catalog.find(name).is_some() { "is not sold in" } else { "is not an instance type of" };
    let message = format!("`{name}` {sold} {}", catalog.region());
    let diagnostic =
        Diagnostic::new(Code::Catalog, span, message, "expected an instance type of the catalogue");
    if near.is_empty() {
        diagnostic.help("`fleetsim catalog list` shows them; [[ec2.instance_type]] defines one")
    } else {
        diagnostic.help(format!("similar names: {}", near.join(", ")))
    }
}

/// The zones that nodes may be in.
pub(super) fn zones(ec2: &Table, catalog: &Catalog) -> Vec<ZoneId> {
    let named: Vec<ZoneId> = ec2.texts("zones").filter_map(|name| catalog.zone(name)).collect();
    if named.is_empty() { (0..catalog.zones().len() as u8).map(ZoneId).collect() } else { named }
}

/// The start-up of nodes.
pub(super) fn startup(ec2: &Table) -> StartupModel {
    let table = ec2.section("startup");
    let nothing = || Delay::Constant(SimDuration::ZERO);
    let mut model = match table.text("preset") {
        "bottlerocket" => StartupModel::preset(AmiPreset::Bottlerocket),
        "heavy-custom" => StartupModel::preset(AmiPreset::HeavyCustom),
        "warm-pool" => StartupModel::preset(AmiPreset::WarmPool),
        "instant" => StartupModel {
            request_to_running: nothing(),
            running_to_registered: nothing(),
            registered_to_ready: nothing(),
            hang: Ppm::ZERO,
        },
        _ => StartupModel::preset(AmiPreset::Al2023),
    };
    if let Some(delay) = delay(table, "launch") {
        model.request_to_running = delay;
    }
    if let Some(delay) = delay(table, "register") {
        model.running_to_registered = delay;
    }
    if let Some(delay) = delay(table, "initialize") {
        model.registered_to_ready = delay;
    }
    if let Some(share) = table.number_if("hang") {
        model.hang = Ppm::from_f64(share);
    }
    model
}

/// From the launch request until EC2 answers.
pub(super) fn answer(ec2: &Table) -> Delay {
    delay(ec2.section("startup"), "answer").unwrap_or(Delay::Constant(SimDuration::ZERO))
}

/// The Spot market.
pub(super) fn spot(
    ec2: &Table,
    catalog: &Catalog,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> SpotParameters {
    let table = ec2.section("spot");
    let amplitude = Ppm::from_f64(table.number("diurnal"));
    let peak = table.duration("diurnal_peak");
    SpotParameters {
        natural_lifetime: table.duration("natural_lifetime"),
        scale: Ppm::from_f64(table.number("hazard_scale")),
        diurnal: (amplitude > Ppm::ZERO).then_some(Diurnal { amplitude, peak }),
        notice: table.duration("notice"),
        shocks: table.section("shocks").flag("enabled").then(|| shocks(table.section("shocks"))),
        replays: pool_filter::replays(table, catalog, files, problems),
        ..SpotParameters::default()
    }
}

fn shocks(table: &Table) -> ShockParameters {
    let share = |key| Ppm::from_f64(table.number(key));
    ShockParameters {
        share: share("share"),
        kill_mean: share("kill_mean"),
        across_zones: share("across_zones"),
        across_sizes: share("across_sizes"),
        spread: table.duration("spread"),
        outage: delay(table, "outage").unwrap_or_else(|| ShockParameters::default().outage),
    }
}

/// How Spot prices wander, if they do.
pub(super) fn spot_prices(ec2: &Table) -> Option<SpotPriceProcess> {
    let table = ec2.section("spot");
    let volatility = Ppm::from_f64(table.number("price_volatility"));
    let persistence = Ppm::from_f64(table.number("price_persistence"));
    (volatility > Ppm::ZERO).then_some(SpotPriceProcess { volatility, persistence })
}

/// How often launches find no capacity.
pub(super) fn capacity(ec2: &Table, catalog: &Catalog, problems: &mut Problems) -> CapacityLimits {
    let table = ec2.section("capacity");
    let pool = |(own, _): (&Table, _)| {
        let pools = pool_filter::read(own, catalog, problems);
        let pools = match own.text_if("capacity_type") {
            Some("spot") => pools.bought(CapacityType::Spot),
            Some(_) => pools.bought(CapacityType::OnDemand),
            None => pools,
        };
        (pools, Ppm::from_f64(own.number("shortage")))
    };
    CapacityLimits {
        pool_shortages: table.tables("pool").map(pool).collect(),
        outages: Vec::new(),
        on_demand_shortage: Ppm::from_f64(table.number("on_demand_shortage")),
        spot_shortage: Ppm::from_f64(table.number("spot_shortage")),
        shortage_period: table.duration("shortage_period"),
    }
}

/// How instances are billed.
pub(super) fn billing(ec2: &Table) -> BillingRules {
    let table = ec2.section("billing");
    BillingRules { minimum: table.duration("minimum"), early_reclaim_free: table.flag("early_reclaim_free") }
}

/// The root volume of every node.
pub(super) fn root_volume(table: &Table, problems: &mut Problems) -> RootVolume {
    let usual = RootVolume::default();
    let kind = if table.text("type") == "gp2" { VolumeKind::Gp2 } else { VolumeKind::Gp3 };
    let (iops, throughput_mibs) = (table.integer("iops") as u32, table.integer("throughput") as u32);
    if kind == VolumeKind::Gp2 && (iops, throughput_mibs) != (usual.iops, usual.throughput_mibs) {
        let key = if iops == usual.iops { "throughput" } else { "iops" };
        let message = format!("a gp2 volume has no `{key}` of its own");
        let label = "expected type = \"gp3\"";
        let problem = Diagnostic::new(Code::Conflict, table.span(key), message, label);
        problems.push(problem.help("its speed comes with its size: 3 IOPS per GiB"));
    }
    let own = table.number_if("usd_per_gib_month").map(|dollars| HourlyPrice::from_dollars(dollars).0);
    RootVolume {
        kind,
        gib: table.integer("size_gib") as u32,
        iops,
        throughput_mibs,
        nanos_per_gib_month: own,
    }
}

/// Slow-down by emulation.
pub(super) fn emulation(speed: &Table, problems: &mut Problems) -> Emulation {
    let mut emulation = Emulation::default();
    let Some(Value::Table(given)) = speed.get("emulation").map(|item| &item.value) else { return emulation };
    for entry in &given.entries {
        let Value::Float(factor) = entry.item.value else { continue };
        let place = match entry.key.as_str() {
            "compile" => &mut emulation.compile,
            "mixed" => &mut emulation.mixed,
            "network" => &mut emulation.network,
            other => {
                let message = format!("`{other}` is not a speed class");
                problems.push(
                    Diagnostic::new(
                        Code::Choice,
                        entry.key_span.clone(),
                        message,
                        "expected `compile`, `mixed` or `network`",
                    )
                    .help("for example emulation = { compile = 10.0, mixed = 3.0 }"),
                );
                continue;
            }
        };
        *place = Ppm::from_f64(factor);
    }
    emulation
}
