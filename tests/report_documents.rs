//! `report.html`: whole, self-contained, and safe whatever names a scenario gives its fleets.

#[path = "support/made_up.rs"]
mod made_up;

use fleetsim::experiment::{Bound, Metric, Objective};
use fleetsim::report::{ClassFacts, FleetFacts, PageFacts, charts, page_html};
use fleetsim::units::SimTime;
use made_up::{HOUR_MS, summary, summary_at};

fn page(names: &[&str]) -> String {
    let summary = summary(names);
    let objectives = [Objective { metric: Metric::WaitP95, bound: Bound::AtMost, limit: 60_000.0 }];
    let fleets: Vec<FleetFacts> = (0..names.len() as u64)
        .map(|fleet| FleetFacts {
            uses: None,
            slots: 20 + fleet,
            interruptions: vec![SimTime::from_ms(3 * HOUR_MS)],
            settings: (0..fleet).map(|number| format!("key{number} = {number}")).collect(),
        })
        .collect();
    let drawn = charts(&summary, &objectives, &fleets).unwrap();
    let class = ClassFacts {
        name: "unit & \"integration\"".to_owned(),
        team: "shop/<web>".to_owned(),
        core_hours: 3.5,
    };
    let facts = PageFacts {
        scenario: "small".to_owned(),
        question: "Is it <b>cheap</b>?".to_owned(),
        command: "fleetsim run small.toml --seed 1 --reps 3".to_owned(),
        provenance: vec![("seed".to_owned(), "1".to_owned())],
        classes: vec![vec![class]; names.len()],
        fleets,
        resolved: "name = \"small\"\n".to_owned(),
        start: Some("2026-11-02T09:00[Europe/Berlin]".parse().unwrap()),
        ..PageFacts::default()
    };
    page_html(&summary, &objectives, &drawn, &facts).unwrap()
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = page(&["one", "two"]);
    // Names of XML namespaces are no addresses that anybody calls.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for reaching in [
        "http:",
        "https:",
        "src=",
        "href=",
        "url(",
        "@import",
        "<link",
        "fetch(",
        "XMLHttpRequest",
        "<iframe",
    ] {
        assert!(!page.contains(reaching), "the page contains {reaching}");
    }
}

#[test]
fn names_cannot_become_markup() {
    let page = page(&["<script>alert(1)</script>", "a\" onload=\"x & y"]);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("=\"a\" onload"), "a quote does not end an attribute");
    assert!(!page.contains("<b>cheap</b>") && page.contains("&lt;b&gt;cheap"));
    assert!(page.contains("unit &amp; &quot;integration&quot;"));
}

#[test]
fn every_fleet_and_every_chart_with_its_numbers_is_on_the_page_and_the_page_is_the_same_every_time() {
    let names = ["one", "two", "three"];
    let first = page(&names);
    for name in names {
        assert!(first.contains(&format!("<th scope=\"row\">{name}")), "{name} has a row");
    }
    assert_eq!(first.matches("<svg").count(), 5 + names.len(), "five charts and the levels of each fleet");
    assert!(first.contains("Waits and cost by team") && first.contains("&lt;web&gt;"));
    assert!(
        first.contains("concurrent 2") && first.contains("interrupted"),
        "slots and interruptions are drawn"
    );
    assert!(first.contains("; the largest part is "), "between two fleets uses of the money are the steps");
    assert_eq!(
        first.matches("role=\"img\"").count(),
        first.matches("<svg").count() + first.matches("class=\"track\"").count()
    );
    assert!(first.matches("numbers behind").count() > 3 + names.len());
    assert!(first.len() < 1_500_000);
    assert_eq!(first, page(&names));
}

#[test]
fn fleets_on_the_way_to_the_chosen_one_are_the_steps_of_the_waterfall() {
    let summary = summary_at(&["today", "spot", "one-zone", "spot-short-idle"], &[5.0, 2.0, 6.0, 1.0]);
    let settings = [&[][..], &["capacity = spot"], &["zones = 1"], &["capacity = spot", "after = 30s"]];
    let facts = settings.map(|own| FleetFacts {
        settings: own.iter().map(|setting| (*setting).to_owned()).collect(),
        ..FleetFacts::default()
    });
    let drawn = charts(&summary, &[], &facts).unwrap();
    let savings = drawn.iter().find(|chart| chart.name == "savings").unwrap();
    assert!(
        savings.title.starts_with("spot-short-idle costs ")
            && savings.title.contains("; the largest step is spot (−"),
        "{}",
        savings.title
    );
    assert!(!savings.svg.contains("one-zone"), "a fleet with other settings is not on the way");
}
