//! Keys of EC2, prices and speed.

use super::events::pool_keys;
use super::{Key, Kind};

const DOLLARS: Kind = Kind::Number(0.0, 1e6);

/// `[ec2]`.
pub(super) const EC2: &[Key] = &[
    Key::new("region", Kind::Text, "AWS region of the price catalogue.").or("\"eu-central-1\""),
    Key::new(
        "zones",
        Kind::List(&Kind::Text),
        "Availability zones with subnets; default is all of the region.",
    ),
    Key::section("spot", SPOT, "The Spot market."),
    Key::section("capacity", CAPACITY, "How often launches find no capacity."),
    Key::section("startup", STARTUP, "From the launch request to a node that takes pods."),
    Key::section("root_volume", ROOT_VOLUME, "The disk of each node."),
    Key::section("billing", BILLING, "How time is billed."),
    Key::section(
        "traffic",
        TRAFFIC,
        "Traffic of the fleet that you know of, at us-east-1 prices (2026-02 to 2026-05); without volumes it is not priced.",
    ),
    Key::new(
        "prices",
        Kind::Path,
        "A CSV file of own prices: instance_type,capacity_type,usd_per_hour[,zone].",
    ),
    Key::new(
        "instance_type",
        Kind::Named(INSTANCE_TYPE),
        "Own instance types, or own figures for known ones.",
    )
    .or("[]")
    .also(&["instance_types"]),
    Key::new(
        "capacity_reservation",
        Kind::Tables(CAPACITY_RESERVATION),
        "On-Demand Capacity Reservations: paid for whether used or not; node pools with capacity type `reserved` launch into them first.",
    )
    .or("[]")
    .also(&["capacity_reservations"]),
    Key::new("price", Kind::Tables(PRICE), "Own prices of known types.").or("[]"),
    Key::new(
        "price_change",
        Kind::Tables(PRICE_CHANGE),
        "Prices that change during the run: billed at once, believed by Karpenter when it reads the list again.",
    )
    .or("[]")
    .also(&["price_changes"]),
];

const SPOT: &[Key] = &[
    Key::new(
        "hazard_scale",
        Kind::Number(0.0, 4000.0),
        "How many times as often Spot nodes are interrupted as the Spot advisor says; 0 is never.",
    )
    .or("1.0"),
    Key::new("notice", Kind::Duration, "Time between the warning and the end of the instance.").or("\"2m\""),
    Key::new(
        "natural_lifetime",
        Kind::Duration,
        "Mean life of a Spot instance that nobody reclaims, on which the advisor's shares are read.",
    )
    .or("\"24h\""),
    Key::new("diurnal", Kind::Number(0.0, 1.0), "How much the hazard swings over the day around its mean.")
        .or("0.0"),
    Key::new("diurnal_peak", Kind::Duration, "Time of the day, after the start, of most interruptions.")
        .or("\"14h\""),
    Key::new(
        "discount",
        Kind::Number(0.0, 0.95),
        "One discount on all Spot prices, in place of the catalogue's.",
    ),
    Key::new(
        "price_volatility",
        Kind::Number(0.0, 1.0),
        "Standard deviation of a day's step in the logarithm of each pool's price; 0 lets prices stand still.",
    )
    .or("0.0"),
    Key::new("price_persistence", Kind::Number(0.0, 1.0), "Share of a price's deviation that is left after a day.")
        .or("0.9"),
    Key::section("shocks", SHOCKS, "Reclaims that take many instances of a pool at once."),
    Key::new("replay", Kind::Tables(REPLAY), "Recorded availability in place of the model.").or("[]"),
];

const SHOCKS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Boolean,
        "Whether part of the hazard comes in shocks; off strikes every instance singly.",
    )
    .or("false"),
    Key::new("share", Kind::Number(0.0, 1.0), "Share of the hazard that comes from shocks.").or("0.8"),
    Key::new(
        "kill_mean",
        Kind::Number(0.01, 1.0),
        "Mean share of a pool's instances that a shock takes; 0.67 for a scarce pool.",
    )
    .or("0.5"),
    Key::new("across_zones", Kind::Number(0.0, 1.0), "Share of shocks that strike the type in all zones.")
        .or("0.25"),
    Key::new(
        "across_sizes",
        Kind::Number(0.0, 1.0),
        "Share of shocks that strike the whole family in the zone.",
    )
    .or("0.15"),
    Key::new("spread", Kind::Duration, "Mean delay of one instance's notice behind the shock.").or("\"72s\""),
    Key::new("outage", Kind::Distribution, "How long the pool has no capacity after a shock.")
        .or("{ median = \"8m30s\", p95 = \"82m15s\" }"),
];

const REPLAY: &[Key] = pool_keys![
    Key::new("file", Kind::Path, "CSV of series,target_nodes,start_s,end_s,available_nodes; also as .gz.")
        .required(),
    Key::new("series", Kind::Text, "Which series of the file; default is its first.").or("\"\""),
];

const CAPACITY_POOL: &[Key] = pool_keys![
    Key::new("shortage", Kind::Number(0.0, 1.0), "Share of time in which such a pool is empty.").required(),
    Key::new("capacity_type", Kind::Choice(&["on-demand", "spot"]), "How they are bought; default is both."),
];

const CAPACITY: &[Key] = &[
    Key::new(
        "on_demand_shortage",
        Kind::Number(0.0, 1.0),
        "Share of time in which an on-demand pool is empty.",
    )
    .or("0.0"),
    Key::new("spot_shortage", Kind::Number(0.0, 1.0), "Share of time in which a Spot pool is empty.")
        .or("0.0"),
    Key::new(
        "pool",
        Kind::Tables(CAPACITY_POOL),
        "The share for some pools alone, in place of these; the first that names a pool counts.",
    )
    .or("[]")
    .also(&["pools"]),
    Key::new("shortage_period", Kind::Duration, "How long one such shortage lasts.").or("\"10m\""),
];

const STARTUP: &[Key] = &[
    Key::new(
        "preset",
        Kind::Choice(&["al2023", "bottlerocket", "heavy-custom", "warm-pool", "instant"]),
        "Typical figures for an AMI; the keys below replace single parts.",
    )
    .or("\"al2023\""),
    Key::new("answer", Kind::Distribution, "From the launch request until EC2 answers.").or("\"2s\""),
    Key::new("launch", Kind::Distribution, "From the launch request until the instance runs."),
    Key::new(
        "register",
        Kind::Distribution,
        "From the running instance until its node has joined the cluster.",
    ),
    Key::new("initialize", Kind::Distribution, "From the joined node until it takes pods."),
    Key::new("hang", Kind::Number(0.0, 1.0), "Share of launches that never become a node."),
];

const ROOT_VOLUME: &[Key] = &[
    Key::new("type", Kind::Choice(&["gp3", "gp2"]), "Type of the volume.").or("\"gp3\"").also(&["volume_type"]),
    Key::new("size_gib", Kind::Integer(0, 65_536), "Size in GiB.").or("20").also(&["size"]),
    Key::new("iops", Kind::Integer(3000, 80_000), "IOPS of a gp3 volume; 3,000 are included, more are priced.")
        .or("3000"),
    Key::new(
        "throughput",
        Kind::Integer(125, 2000),
        "MiB/s of a gp3 volume; 125 are included, more are priced. How fast images come is `pull_mb_per_second`.",
    )
    .or("125"),
    Key::new(
        "usd_per_gib_month",
        DOLLARS,
        "Price of a GiB for a month, in place of the list's of us-east-1: 0.08 for gp3 (2021-01), 0.10 for gp2.",
    ),
];

const TRAFFIC: &[Key] = &[
    Key::new(
        "nat_gateways",
        Kind::Integer(0, 100),
        "NAT gateways that stand all the time, at 0.045 dollars an hour.",
    )
    .or("0"),
    Key::new(
        "nat_gb_per_day",
        Kind::Number(0.0, 1e9),
        "GB a day through NAT gateways, at 0.045 dollars each.",
    )
    .or("0.0"),
    Key::new(
        "cross_zone_gb_per_day",
        Kind::Number(0.0, 1e9),
        "GB a day from one zone to another, at 0.01 dollars on either side.",
    )
    .or("0.0"),
    Key::new(
        "internet_gb_per_day",
        Kind::Number(0.0, 1e9),
        "GB a day to the internet, at 0.09 dollars each.",
    )
    .or("0.0"),
];

const BILLING: &[Key] = &[
    Key::new(
        "control_plane",
        Kind::Choice(&["standard", "extended", "none"]),
        "Price of the EKS control plane.",
    )
    .or("\"standard\""),
    Key::new(
        "cloudwatch_usd_per_month",
        DOLLARS,
        "What CloudWatch costs in a month of 730 hours; by default it is not priced.",
    )
    .or("0.0"),
    Key::new("minimum", Kind::Duration, "Shortest time that is billed per instance.").or("\"60s\""),
    Key::new(
        "early_reclaim_free",
        Kind::Boolean,
        "Whether Spot instances reclaimed in their first hour are free.",
    )
    .or("true"),
];

const INSTANCE_TYPE: &[Key] = &[
    Key::new("name", Kind::Text, "Name such as m7i.large.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("arch", Kind::Choice(&["amd64", "arm64"]), "CPU architecture.").required(),
    Key::new("vcpus", Kind::Integer(1, 2048), "vCPUs.").required(),
    Key::new("memory", Kind::Memory, "Memory.").required(),
    Key::new("on_demand", DOLLARS, "On-demand price in US dollars per hour.").required(),
    Key::new("spot", DOLLARS, "Spot price in US dollars per hour; without it there is no Spot capacity."),
    Key::new("cpu_generation", Kind::Text, "CPU generation whose speed it has."),
    Key::new("max_pods", Kind::Integer(1, 1000), "Most pods per node."),
];

const CAPACITY_RESERVATION: &[Key] = &[
    Key::new("id", Kind::Text, "Its id; default is cr- and its number."),
    Key::new("instance_type", Kind::Text, "The type.").required(),
    Key::new("zone", Kind::Text, "The zone.").required(),
    Key::new("count", Kind::Integer(1, 100_000), "How many instances it reserves.").required(),
    Key::new(
        "ends",
        Kind::Duration,
        "When it ends, after the start; its nodes are on demand from then on. Default is after the run.",
    ),
    Key::new(
        "node_pools",
        Kind::List(&Kind::Text),
        "NodePools whose EC2NodeClass selects it (`capacityReservationSelectorTerms`); default is all.",
    )
    .also(&["node_pool"]),
];

const PRICE: &[Key] = &[
    Key::new("instance_type", Kind::Text, "The type.").required(),
    Key::new("on_demand", DOLLARS, "On-demand price in US dollars per hour."),
    Key::new("spot", DOLLARS, "Spot price in US dollars per hour."),
    Key::new("zone", Kind::Text, "Only in this zone."),
];

const PRICE_CHANGE: &[Key] = &[
    Key::new("at", Kind::Duration, "When it changes, after the start.").required(),
    Key::new("instance_type", Kind::Text, "The type.").required(),
    Key::new("on_demand", DOLLARS, "On-demand price in US dollars per hour."),
    Key::new("spot", DOLLARS, "Spot price in US dollars per hour."),
    Key::new("zone", Kind::Text, "Only in this zone."),
];

/// `[speed]`.
pub(super) const SPEED: &[Key] = &[
    Key::new(
        "cpu_bound",
        Kind::Number(0.0, 1.0),
        "Share of the work that gets faster with the CPU, where a class does not say.",
    )
    .or("0.7"),
    Key::new(
        "overrides",
        Kind::Map(&Kind::Number(0.01, 100.0)),
        "Measured speeds relative to m5: by architecture, family (m7g) or type (m7g.large).",
    )
    .or("{}"),
    Key::new(
        "emulation",
        Kind::Map(&Kind::Number(1.0, 100.0)),
        "How many times longer the CPU-bound part takes under emulation, by `speed_class`.",
    )
    .or("{}"),
    Key::new(
        "busy_nodes",
        Kind::Boolean,
        "Whether speeds are those of fully busy nodes, where neighbours share a core's two threads.",
    )
    .or("true"),
    Key::new(
        "follow_load",
        Kind::Boolean,
        "Whether each script speeds up and slows down with the number of busy vCPUs on its node; `busy_nodes` then says whether durations were measured on fully busy nodes or on idle ones.",
    )
    .or("false"),
    Key::new("instance_noise", Kind::Boolean, "Whether instances of one type differ in speed.").or("false"),
];

/// `[fixed]`.
pub(super) const FIXED: &[Key] =
    &[Key::new("nodes", Kind::Tables(FIXED_NODES), "Groups of equal nodes that always run.")
        .or("[]")
        .also(&["node"])];

const FIXED_NODES: &[Key] = &[
    Key::new("name", Kind::Name, "Name of the group.").or("\"\""),
    Key::new("instance_type", Kind::Text, "Instance type.").required(),
    Key::new("count", Kind::Integer(1, 100_000), "How many.").required(),
    Key::new("capacity_type", Kind::Choice(&["on-demand", "spot"]), "How they are bought.")
        .or("\"on-demand\""),
    Key::new("savings_plan", Kind::Number(0.0, 0.9), "Discount of a Savings Plan on the on-demand price.")
        .or("0.0"),
    Key::new("zones", Kind::List(&Kind::Text), "Zones, used in turn; default is those of [ec2]."),
    Key::new("labels", Kind::Map(&Kind::Text), "Labels of the nodes.").or("{}"),
];
