//! `report.html`: whole, self-contained, and safe whatever names a scenario gives its fleets.

use fleetsim::catalog::{Arch, CapacityType};
use fleetsim::experiment::{Bound, Confidence, ExperimentSummary, Metric, Objective, Units, summarise};
use fleetsim::metrics::{CostKind, JobOutcome, JobRecord, WaitCause, WaitClock};
use fleetsim::metrics::{Recorder, RecorderSettings, RunOutcome, WorkCounters};
use fleetsim::report::{PageFacts, charts, page_html};
use fleetsim::units::{HourlyPrice, SimDuration, SimTime};

const HOUR_MS: u64 = 3_600_000;

fn run(dollars: f64, wait_s: u64, replication: usize) -> RunOutcome {
    let mut recorder = Recorder::new(RecorderSettings::new(SimDuration::from_ms(24 * HOUR_MS)));
    for job in 0..200u64 {
        let pending = SimTime::from_ms(job * 60_000);
        let started = pending + SimDuration::from_ms(1000 * (wait_s + job % 7 + replication as u64));
        let mut record = JobRecord::pending(job as u32, 0, job, Arch::Arm64, pending);
        record.picked_at = pending;
        record.outcome = JobOutcome::Success;
        record.script_started_at = started;
        record.script_ended_at = started + SimDuration::from_ms(60_000);
        record.wait = WaitClock::start(pending, WaitCause::NodeStart).stop(started);
        recorder.job_ended(&record);
    }
    let kind = CostKind::Instance(Arch::Arm64, CapacityType::Spot);
    let price = HourlyPrice::from_dollars(dollars * (1.0 + 0.01 * replication as f64));
    recorder.bill(kind, price, SimTime::ZERO, SimTime::from_ms(24 * HOUR_MS));
    recorder.finish(SimTime::from_ms(24 * HOUR_MS), WorkCounters::default())
}

fn summary(names: &[&str]) -> ExperimentSummary {
    let units = (0..3).flat_map(|replication| {
        (0..names.len()).map(move |fleet| Some(run(1.0 + fleet as f64, 5 + fleet as u64, replication)))
    });
    let runs = Units::from_results(names.len(), units.collect());
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    summarise(&names, &runs, 0, Confidence::default()).expect("every replication is complete")
}

fn page(names: &[&str]) -> String {
    let summary = summary(names);
    let objectives = [Objective { metric: Metric::WaitP95, bound: Bound::AtMost, limit: 60_000.0 }];
    let drawn = charts(&summary, &objectives).unwrap();
    let facts = PageFacts {
        scenario: "small".to_owned(),
        question: "Is it <b>cheap</b>?".to_owned(),
        command: "fleetsim run small.toml --seed 1 --reps 3".to_owned(),
        provenance: vec![("seed".to_owned(), "1".to_owned())],
        classes: vec![vec!["unit & \"integration\"".to_owned()]; names.len()],
        resolved: "name = \"small\"\n".to_owned(),
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
    assert_eq!(first.matches("<svg").count(), 3 + names.len(), "three charts and the levels of each fleet");
    assert_eq!(
        first.matches("role=\"img\"").count(),
        first.matches("<svg").count() + first.matches("class=\"track\"").count()
    );
    assert!(first.matches("numbers behind").count() > 3 + names.len());
    assert!(first.len() < 1_500_000);
    assert_eq!(first, page(&names));
}
