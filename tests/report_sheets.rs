//! The pages of comparisons, sweeps, recommendations and the gate: self-contained, and the same numbers as the files beside them.

#[path = "support/command.rs"]
mod command;

use command::{SMALL, bytes_below, differing, said, scenario};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What stands between `from` and `to`, everywhere.
fn between<'p>(page: &'p str, from: &str, to: &str) -> Vec<&'p str> {
    page.split(from).skip(1).filter_map(|rest| rest.split(to).next()).collect()
}

/// Text without markup, entities and no-break spaces.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut is_tag = false;
    for c in text.chars() {
        match c {
            '<' => is_tag = true,
            '>' => is_tag = false,
            c if !is_tag => out.push(c),
            _ => {}
        }
    }
    let out = out.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    out.replace(['\u{a0}', '\n'], " ").trim().to_owned()
}

/// Cells of the rows of the table that is called `name`, its head first.
fn table(page: &str, name: &str) -> Vec<Vec<String>> {
    let label = format!("aria-label=\"{name}\"");
    let (_, rest) = page.split_once(&label).unwrap_or_else(|| panic!("no table `{name}`"));
    let table = rest.split("</table>").next().unwrap();
    let rows = between(table, "<tr", "</tr>").into_iter().map(|row| {
        let row = row.replace("<th", "\u{1}<th").replace("<td", "\u{1}<td");
        let row = row.split_once('>').unwrap().1.to_owned();
        row.split('\u{1}').skip(1).map(plain).collect()
    });
    rows.collect()
}

/// The number of a cell; a minus may be the sign of typography.
fn number(cell: &str) -> f64 {
    let text: String = cell.split('±').next().unwrap().chars().filter(|c| !c.is_whitespace()).collect();
    text.replace('−', "-").parse().unwrap_or_else(|_| panic!("`{cell}` is no number"))
}

/// Whether a cell of three digits or more shows this value.
fn shows(cell: &str, value: f64) -> bool {
    (number(cell) - value).abs() <= 0.006 * value.abs() + 0.000_06
}

fn csv_rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(|row| row.unwrap()).collect()
}

/// What every page keeps.
fn is_self_contained(page: &str, charts: &Path) {
    assert!(
        page.contains(
            "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\""
        )
    );
    let text = page.replace("http://www.w3.org/2000/svg", "");
    for reaching in ["http:", "https:", " src=", " href=", "url(", "@import", "<link", "fetch(", "<iframe"] {
        assert!(!text.contains(reaching), "the page contains {reaching}");
    }
    let svgs = between(page, "<svg", "</svg>");
    assert!(svgs.iter().all(|svg| svg.contains("role=\"img\"") && svg.contains("<title>")));
    let files = fs::read_dir(charts).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "svg")
    });
    assert_eq!(svgs.len(), files.count(), "every chart stands on the page");
    assert_eq!(
        page.matches("The numbers behind the chart: ").count(),
        2 * svgs.len(),
        "a table behind each chart"
    );
    for part in [
        "What is assumed",
        "Not priced",
        "Where the numbers come from",
        "The same page again: <code>fleetsim ",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let regions: Vec<&str> = between(page, "role=\"region\" aria-label=\"", "\"");
    let mut told = regions.clone();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), regions.len(), "regions are told apart: {regions:?}");
}

#[test]
fn the_page_of_a_comparison_says_what_its_files_say() {
    let place = tempfile::tempdir().unwrap();
    let more =
        "[fleet.two]\nrunner.eks.concurrent = 2\n[[objective]]\nmetric = \"wait_p95\"\nat_most = \"10m\"\n";
    let small = scenario(place.path(), &format!("{SMALL}{more}"));
    let compare = |out: &str| {
        let out = place.path().join(out).display().to_string();
        let (code, text, errors) = said(&["compare", &small, "--reps", "8", "--out", &out], &[]);
        assert_eq!(code, 0, "{errors}");
        assert!(text.contains("small-compare/report.html"), "the page is named: {text}");
    };
    compare("one");
    compare("other");
    let [one, other] = ["one", "other"].map(|out| bytes_below(&place.path().join(out)));
    assert_eq!(differing(&one, &other), [] as [&Path; 0], "the same command gives the same files");
    let folder = place.path().join("one/small-compare");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    is_self_contained(&page, &folder.join("charts"));
    assert!(page.contains("all 2 intervals hold together with 95\u{a0}% (Bonferroni)"));
    assert!(page.contains("wait p95 ≤ 600\u{a0}s"), "objectives of the scenario are judged");
    let rows = csv_rows(&folder.join("summary.csv"));
    for (title, metric, factor) in [
        ("Cost per 1000 jobs", "cost_per_1000_jobs", 1.0),
        ("Wait mean, s", "wait_mean", 1e-3),
        ("Wait p95, s", "wait_p95", 1e-3),
    ] {
        let table = table(&page, title);
        assert_eq!(table.len(), 4, "a head and three fleets: {table:?}");
        for cells in &table[1..] {
            let row = rows.iter().find(|row| row["fleet"] == cells[0] && row["metric"] == metric).unwrap();
            let value = |column: &str, factor: f64| row[column].parse::<f64>().unwrap() * factor;
            assert!(shows(&cells[1], value("mean", factor)), "{cells:?} {row:?}");
            assert!(shows(&cells[2], value("lower", factor)) && shows(&cells[3], value("upper", factor)));
            assert_eq!(cells[10], row["verdict"]);
            if row["verdict"] != "reference" {
                assert!(shows(&cells[4], value("difference", factor)), "{cells:?} {row:?}");
                assert!(shows(&cells[5], value("difference_lower", factor)), "{cells:?} {row:?}");
                assert!(shows(&cells[9], value("change_upper", 100.0)), "{cells:?} {row:?}");
            }
            let has_survivors = table[0].iter().any(|head| head.starts_with("still waiting"));
            assert_eq!(has_survivors, metric != "cost_per_1000_jobs", "beside each wait, and only there");
        }
    }
    let waits = table(&page, "Wait mean, s");
    for (causes, wait) in table(&page, "What jobs waited for").iter().zip(&waits).skip(1) {
        assert_eq!(causes[0], wait[0]);
        let parts: f64 =
            causes[1..causes.len() - 1].iter().map(|cell| number(cell.split(" s").next().unwrap())).sum();
        assert!(
            (parts - number(&wait[1])).abs() < 0.02 * parts,
            "causes sum to the wait: {causes:?} {wait:?}"
        );
    }
}

#[test]
fn results_of_earlier_runs_have_a_page_and_no_files_are_written_where_none_are_wanted() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    for seed in ["1", "2"] {
        let out = format!("{out}/{seed}");
        assert_eq!(said(&["run", &small, "--out", &out, "--seed", seed, "--reps", "3"], &[]).0, 0);
    }
    let [before, after] = ["1", "2"].map(|seed| format!("{out}/{seed}/small#on-demand"));
    let compare = |more: &[&str]| said(&[&["compare", &before, &after, "--out", &out], more].concat(), &[]);
    let (code, text, _) = compare(&["--no-files"]);
    assert!(code == 0 && !text.contains("report.html") && !Path::new(&out).join("small-compare").exists());
    assert_eq!(compare(&[]).0, 0);
    let page = fs::read_to_string(Path::new(&out).join("small-compare/report.html")).unwrap();
    is_self_contained(&page, &Path::new(&out).join("small-compare/charts"));
    assert!(page.contains("seed 1") && page.contains("seed 2"), "both results say their seed");
    let in_the_way = place.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    let (code, _, errors) = said(&["compare", &small, "--out", &in_the_way.display().to_string()], &[]);
    assert!(code == 1 && errors.contains("is a file"), "{code} {errors}");
}

#[test]
fn the_page_of_a_sweep_has_its_points_charts_and_what_flips_the_recommendation() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    let sweep = |design: &str| {
        let vary = ["runner.eks.concurrent=2,20", "node_pool.ci.disruption.consolidate_after=30s,10m"];
        let arguments = ["sweep", &small, "--vary", vary[0], "--vary", vary[1], "--design", design];
        let (code, text, errors) = said(&[&arguments[..], &["--reps", "3", "--out", &out]].concat(), &[]);
        assert!(code == 0 && text.contains("small-sweep/report.html"), "{errors}{text}");
        let folder = Path::new(&out).join("small-sweep");
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        is_self_contained(&page, &folder.join("charts"));
        (page, csv_rows(&folder.join("points.csv")))
    };
    let (page, points) = sweep("grid");
    let table = table(&page, "The points, the best first");
    assert_eq!(table.len(), points.len() + 1);
    for cells in &table[1..] {
        let point = points.iter().find(|point| point["point"] == cells[0]).unwrap();
        let said = [
            "runner.eks.concurrent",
            "node_pool.ci.disruption.consolidate_after",
            "recommended_fleet",
            "objectives",
        ];
        assert_eq!(cells[1..5], said.map(|column| point[column].clone()));
        for (cell, column, factor) in [
            (5, "cost_per_1000_jobs_usd", 1.0),
            (6, "cost_lower", 1.0),
            (8, "wait_p95_ms", 1e-3),
            (10, "wait_upper", 1e-3),
        ] {
            assert!(
                shows(&cells[cell], point[column].parse::<f64>().unwrap() * factor),
                "{cells:?} {point:?}"
            );
        }
    }
    assert_eq!(page.matches("<svg").count(), 2, "the trade-off and the only pair of keys");
    let (page, points) = sweep("one-at-a-time");
    assert_eq!(points.len(), 5, "as it is, and four single changes");
    assert!(page.contains("runner.eks.concurrent: ") && page.contains("the recommendation"));
    assert_eq!(page.matches("<svg").count(), 3, "the trade-off and two tornados");
}

/// The verdict that a test of the gate has on the terminal: `pass`, `FAIL` or `inconclusive`.
fn verdicts(text: &str) -> Vec<&str> {
    let known = |line: &&str| ["pass ", "FAIL ", "inconclusive "].iter().any(|word| line.starts_with(word));
    text.lines().filter(known).map(|line| line.split(' ').next().unwrap()).collect()
}

#[test]
fn the_gate_leaves_files_for_ci_and_a_page_with_its_verdict() {
    let place = tempfile::tempdir().unwrap();
    let objectives = "[[objective]]\nmetric = \"wait_p95\"\nat_most = \"10m\"\n[[objective]]\nmetric = \"cost_per_1000_jobs\"\nat_most = \"0.01 USD\"\n";
    let small = scenario(place.path(), &format!("{SMALL}{objectives}"));
    let baseline = place.path().join("baseline.csv").display().to_string();
    assert_eq!(said(&["baseline", "save", &small, "--out", &baseline], &[]).0, 0);
    let out = place.path().join("out").display().to_string();
    let ci = place.path().join("ci").display().to_string();
    let all = format!("all={ci}");
    let arguments = ["check", &small, "--baseline", &baseline, "--emit", &all, "--out", &out];
    let (code, text, errors) = said(&arguments, &[]);
    assert!(code == 10 && text.contains("small-check/report.html"), "{code} {errors}{text}");
    let verdicts = verdicts(&text);
    let count = |word: &str| verdicts.iter().filter(|verdict| **verdict == word).count();
    let file = |name: &str| fs::read_to_string(Path::new(&ci).join(name)).unwrap();
    let junit = file("junit.xml");
    assert_eq!(junit.matches("<testcase").count(), verdicts.len(), "a case per test: {junit}");
    assert_eq!(junit.matches("<failure>").count(), count("FAIL"));
    assert_eq!(junit.matches("<skipped>").count(), count("inconclusive"));
    assert!(
        junit.contains("name=\"slo wait p95 &lt;= 600 s\"") && junit.contains("name=\"baseline wait p95\"")
    );
    let mut names: Vec<&str> = between(&junit, "<testcase ", " file=");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), verdicts.len(), "GitLab drops cases of the same name");
    let quality: Vec<serde_json::Value> = serde_json::from_str(&file("codequality.json")).unwrap();
    assert_eq!(quality.len(), verdicts.len() - count("pass"));
    let env = file("fleetsim.env");
    assert!(
        env.contains(&format!("FLEETSIM_GATE=failed\nFLEETSIM_GATE_FAILED={}\n", count("FAIL"))),
        "{env}"
    );
    assert!(env.lines().count() <= 20 && env.len() < 5_000);
    let note = file("note.md");
    assert!(note.starts_with("<!-- fleetsim:check:small -->\n**The gate failed: of 10 tests "), "{note}");
    assert!(
        note.len() < 60_000
            && note.matches("**FAIL**").count() == count("FAIL")
            && note.contains("xychart-beta")
    );
    assert!(file("metrics.txt").ends_with("# EOF\n") && file("annotations.json").contains("fleetsim"));
    let folder = Path::new(&out).join("small-check");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    is_self_contained(&page, &folder.join("charts"));
    let tests = table(&page, "What was judged");
    let shown: Vec<&str> = tests[1..].iter().map(|row| row[1].as_str()).collect();
    assert_eq!(shown, verdicts, "the page has the verdicts of the terminal, in their order");
    // Nothing is left where nothing is asked for.
    let folder = place.path().join("nowhere");
    fs::create_dir(&folder).unwrap();
    let mut command = command::fleetsim();
    command.current_dir(&folder).args(["check", &small]).assert().code(10);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn several_scenarios_share_the_files_of_one_gate() {
    let place = tempfile::tempdir().unwrap();
    let text = format!("{SMALL}[[objective]]\nmetric = \"wait_p95\"\nat_most = \"10m\"\n");
    let [one, two] = ["one", "two"].map(|name| {
        let path = place.path().join(format!("{name}.toml"));
        fs::write(&path, &text).unwrap();
        path.display().to_string()
    });
    let emit = format!("all={}", place.path().join("ci").display());
    let out = place.path().join("out").display().to_string();
    let (code, text, errors) = said(&["check", &one, &two, "--emit", &emit, "--out", &out], &[]);
    assert_eq!(code, 0, "{errors}{text}");
    let file = |name: &str| fs::read_to_string(place.path().join("ci").join(name)).unwrap();
    let junit = file("junit.xml");
    assert!(junit.contains("classname=\"one.spot\"") && junit.contains("classname=\"two.spot\""), "{junit}");
    let metrics = file("metrics.txt");
    assert_eq!(
        metrics.matches("# TYPE fleetsim_wait_p95_seconds").count(),
        1,
        "a family stands together: {metrics}"
    );
    let mut samples: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    samples.iter_mut().for_each(|line| *line = line.split(' ').next().unwrap());
    let all = samples.len();
    samples.sort_unstable();
    samples.dedup();
    assert!(samples.len() == all && all > 0, "no sample is there twice: {metrics}");
    assert!(
        file("note.md").contains("The gate passed: all 4 tests do")
            && file("fleetsim.env").contains("FLEETSIM_GATE=passed")
    );
    let page = fs::read_to_string(Path::new(&out).join("one-two-check/report.html")).unwrap();
    assert!(page.contains("one#spot") && page.contains("two#spot"));
}

#[test]
fn the_page_of_a_recommendation_has_the_pick_and_every_candidate() {
    let place = tempfile::tempdir().unwrap();
    let text = format!("{SMALL}[[objective]]\nmetric = \"wait_p95\"\nat_most = \"10m\"\n");
    let small = scenario(place.path(), &text);
    let out = place.path().join("out").display().to_string();
    let vary = "node_pool.ci.disruption.consolidate_after=30s,10m";
    let (code, text, errors) =
        said(&["recommend", &small, "--vary", vary, "--max-reps", "20", "--out", &out], &[]);
    assert!(matches!(code, 0 | 12) && text.contains("small-recommend/report.html"), "{code} {errors}{text}");
    let folder = Path::new(&out).join("small-recommend");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    is_self_contained(&page, &folder.join("charts"));
    let candidates = csv_rows(&folder.join("candidates.csv"));
    let table = table(&page, "Every candidate");
    assert_eq!(table.len(), candidates.len() + 1);
    let picked = candidates.iter().find(|row| row["fate"] == "recommended").unwrap();
    assert_eq!(table[1][1], "recommended", "the pick comes first");
    assert!(shows(&table[1][3], picked["goal_mean"].parse().unwrap()), "{:?} {picked:?}", table[1]);
    let (headline, pick) =
        (between(&page, "<h1>", "</h1>")[0], &picked["node_pool.ci.disruption.consolidate_after"]);
    assert!(headline.contains("Recommended: ") && headline.contains(pick.as_str()), "{headline} {pick}");
}
