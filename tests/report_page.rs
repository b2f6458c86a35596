//! `report.html` of a real run: it asks nobody for anything and can be read by everyone, checked on its text always and in a
//! browser where one is installed (`FLEETSIM_BROWSER` names another one). axe-core is taken from `FLEETSIM_AXE` or from
//! `node_modules` (`npm install --no-save axe-core`).

// Tests say what they skip.
#![allow(clippy::print_stdout)]

#[path = "support/command.rs"]
mod command;

use command::fleetsim;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The page of the scenario in `tests/explain/`.
fn page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
        let out = place.path().display().to_string();
        fleetsim().current_dir(folder).args(["run", "small.toml", "--out", &out]).assert().success();
        fs::read_to_string(place.path().join("small/report.html")).unwrap()
    })
}

/// What a sweep varies.
const VARIED: &str = "node_pool.ci.disruption.consolidate_after=1m,10m";

/// The pages that other commands write of the same scenario, with what they are called.
fn other_pages() -> Vec<(&'static str, String)> {
    let place = tempfile::tempdir().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
    let out = place.path().display().to_string();
    let sweep = ["sweep", "small.toml", "--vary", VARIED, "--design", "one-at-a-time"];
    let commands: [(&str, &[&str]); 4] = [
        ("compare", &["compare", "small.toml"]),
        ("sweep", &sweep),
        ("check", &["check", "small.toml"]),
        ("recommend", &["recommend", "small.toml", "--vary", VARIED, "--max-reps", "10"]),
    ];
    let mut pages = Vec::new();
    for (name, arguments) in commands {
        // Gates and selections may end with another exit code than 0 and still have their page.
        let _ = fleetsim().current_dir(&folder).args(arguments).args(["--out", &out]).output().unwrap();
        let page = place.path().join(format!("small-{name}/report.html"));
        pages.push((name, fs::read_to_string(page).unwrap_or_else(|error| panic!("{name}: {error}"))));
    }
    pages
}

/// What stands between `from` and `to`, everywhere.
fn between<'p>(page: &'p str, from: &str, to: &str) -> Vec<&'p str> {
    page.split(from).skip(1).filter_map(|rest| rest.split(to).next()).collect()
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    between(tag, &format!(" {name}=\""), "\"").first().copied()
}

#[test]
fn the_page_forbids_every_request_and_makes_none() {
    let page = page();
    assert!(page.contains(
        "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\""
    ));
    let text = page.replace("http://www.w3.org/2000/svg", "");
    for reaching in [
        "http:",
        "https:",
        " src=",
        " href=",
        "url(",
        "@import",
        "<link",
        "fetch(",
        "XMLHttpRequest",
        "<iframe",
        "WebSocket",
    ] {
        assert!(!text.contains(reaching), "the page contains {reaching}");
    }
}

#[test]
fn the_text_of_the_page_follows_the_rules_of_accessible_pages() {
    let page = page();
    assert!(page.contains("<html lang=\"en\">") && page.contains("<title>"));
    assert_eq!(between(page, "<h1", "</h1>").len(), 1, "one main heading");
    assert_eq!(page.matches("<main").count(), 1);
    let svgs = between(page, "<svg", "</svg>");
    for svg in &svgs {
        assert!(
            svg.contains("role=\"img\"") && svg.contains("<title>"),
            "a chart says what it shows: {svg:.200}"
        );
    }
    assert!(svgs.len() >= 6, "{} charts", svgs.len());
    for table in between(page, "<table", "</table>") {
        let head = table.split("</thead>").next().unwrap();
        assert!(
            head.matches("<th").count() == head.matches("scope=\"col\"").count() + 1,
            "heads of columns: {head:.200}"
        );
        for row in between(table.split("</thead>").nth(1).unwrap(), "<tr", "</tr>") {
            assert!(row.contains("<th scope=\"row\">"), "every row has a head: {row:.200}");
        }
    }
    let ids: Vec<&str> = between(page, " id=\"", "\"");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique: {ids:?}");
    let regions: Vec<&str> = between(page, "role=\"region\"", ">")
        .into_iter()
        .filter_map(|tag| attribute(tag, "aria-label"))
        .collect();
    assert_eq!(
        regions.iter().collect::<BTreeSet<_>>().len(),
        regions.len(),
        "regions are told apart: {regions:?}"
    );
    for part in between(page, "class=\"track\"", ">") {
        assert!(
            attribute(part, "aria-label").is_some_and(|label| label.contains(": ")),
            "bars say their numbers"
        );
    }
}

#[test]
fn everything_is_said_without_scripts() {
    let page = page();
    let (before, _) = page.split_once("<script>").unwrap();
    for heading in [
        "The fleets side by side",
        "What the instances were paid for",
        "What jobs waited for",
        "What the slowest 5\u{a0}% of the jobs waited for",
        "When waits are long",
        "The slowest jobs of",
        "Waits by job class",
        "What is assumed",
        "Not priced",
        "Where the numbers come from",
    ] {
        assert!(before.contains(heading), "{heading}");
    }
    assert!(before.contains("vCPU for 95\u{a0}% of the time"), "the load-duration curve states its finding");
}

fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("FLEETSIM_BROWSER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)));
    named.into_iter().chain(found.collect::<Vec<_>>()).find(|candidate| candidate.is_file())
}

/// What a browser makes of `html` once its scripts have run; none where it does not come to an end.
fn rendered(browser: &Path, html: &str) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("page.html");
    fs::write(&file, html).unwrap();
    let profile = format!("--user-data-dir={}", place.path().join("profile").display());
    let out = fs::File::create(place.path().join("dom")).unwrap();
    let mut child = process::Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=60000",
            "--dump-dom",
            &profile,
        ])
        .arg(format!("file://{}", file.display()))
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut waited = 0;
    while child.try_wait().ok()?.is_none() {
        if waited > 1800 {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
        waited += 1;
    }
    fs::read_to_string(place.path().join("dom")).ok()
}

/// The JSON that a script left in the element with the id `found`.
fn left(dom: &str) -> serde_json::Value {
    let text = between(dom, "<pre id=\"found\">", "</pre>").first().copied().unwrap_or("null");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).unwrap()
}

const LEAVE: &str = "const leave = (found) => { const pre = document.createElement('pre'); pre.id = 'found'; \
                     pre.textContent = JSON.stringify(found); document.body.append(pre); };";

#[test]
fn no_request_leaves_the_page_in_a_browser_whatever_is_pressed() {
    let Some(browser) = browser() else {
        println!("skipped: no browser is installed");
        return;
    };
    let script = format!(
        "<script>{LEAVE} let refused = 0; document.addEventListener('securitypolicyviolation', () => refused++); \
         document.querySelectorAll('details').forEach((part) => part.open = true); \
         document.querySelectorAll('button, input').forEach((part) => part.click()); \
         setTimeout(() => leave({{ refused, asked: performance.getEntriesByType('resource').map((one) => one.name), \
         pressed: document.querySelectorAll('button, input').length }}), 1000);</script></body>"
    );
    for (name, page) in [("run", page().to_owned())].into_iter().chain(other_pages()) {
        let Some(dom) = rendered(&browser, &page.replace("</body>", &script)) else {
            println!("skipped: {} does not start here", browser.display());
            return;
        };
        let found = left(&dom);
        assert_eq!(found["asked"], serde_json::json!([]), "{name}");
        assert_eq!(found["refused"], 0, "{name}");
        assert!(found["pressed"].as_u64().unwrap() > 10, "{name}: {found}");
    }
}

#[test]
fn axe_finds_no_fault_on_the_page() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/axe-core/axe.min.js");
    let axe = std::env::var_os("FLEETSIM_AXE").map_or(beside, PathBuf::from);
    let (Some(browser), Ok(axe)) = (browser(), fs::read_to_string(&axe)) else {
        println!("skipped: needs a browser, and axe-core in FLEETSIM_AXE or node_modules");
        return;
    };
    let script = format!(
        "<script>{axe}</script><script>{LEAVE} document.querySelectorAll('details').forEach((part) => part.open = true); \
         axe.run().then((result) => leave(result.violations.map((one) => [one.impact, one.id, one.nodes[0].html])));</script></body>"
    );
    for (name, page) in [("run", page().to_owned())].into_iter().chain(other_pages()) {
        let Some(dom) = rendered(&browser, &page.replace("</body>", &script)) else {
            println!("skipped: {} does not start here", browser.display());
            return;
        };
        assert_eq!(left(&dom), serde_json::json!([]), "{name}");
    }
}
