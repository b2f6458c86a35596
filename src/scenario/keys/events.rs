//! Keys of what happens on a schedule, and of which capacity pools something concerns.

use super::{Key, Kind};

/// Which capacity pools something concerns. A macro because a constant table cannot include another.
macro_rules! pool_keys {
    ($($more:expr),* $(,)?) => {
        &[
            $($more,)*
            Key::new("families", Kind::List(&Kind::Text), "Only these instance families, such as m7g; default is all."),
            Key::new("instance_types", Kind::List(&Kind::Text), "Only these instance types."),
            Key::new("zones", Kind::List(&Kind::Text), "Only these zones; default is all."),
        ]
    };
}
pub(super) use pool_keys;

/// `[[event]]`.
pub(super) const EVENT: &[Key] = pool_keys![
    Key::new(
        "kind",
        Kind::Choice(&[
            "spot-outage",
            "price-rise",
            "on-demand-shortage",
            "launch-throttling",
            "launch-failure",
            "slow-boot",
            "load-spike",
            "drain",
            "gitlab-outage",
        ]),
        "What happens.",
    )
    .required(),
    Key::new("name", Kind::Name, "Name by which overlays address it.").required(),
    Key::new("enabled", Kind::Boolean, "Whether it takes part; overlays switch elements off with it.")
        .or("true"),
    Key::new("at", Kind::Duration, "When it begins, after the start.").required(),
    Key::new("for", Kind::Duration, "How long it lasts; a drain is over at once.").also(&["lasts"]),
    Key::new(
        "capacity_type",
        Kind::Choice(&["on-demand", "spot"]),
        "What becomes dearer in a price rise; default is both.",
    ),
    Key::new(
        "share",
        Kind::Number(0.0, 1.0),
        "Share of the running Spot instances that a Spot outage takes."
    )
    .or("1.0"),
    Key::new(
        "spread",
        Kind::Duration,
        "Mean delay of one instance's notice behind the beginning of a Spot outage."
    )
    .or("\"72s\""),
    Key::new(
        "factor",
        Kind::Number(0.01, 1000.0),
        "How many times as dear, as slow to boot, or as many arrivals.",
    ),
    Key::new(
        "per_minute",
        Kind::Number(0.01, 1e6),
        "Launch requests that a throttled API takes up in a minute."
    ),
    Key::new(
        "pools",
        Kind::List(&Kind::Text),
        "NodePools or groups of fixed nodes that are drained; default is all.",
    ),
];
