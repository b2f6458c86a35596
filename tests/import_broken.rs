//! Broken files for every importer, and what becomes of each: an error with its file, line and column and a hint, or drops
//! that are counted and explained. Nothing is guessed without saying so.
#![expect(
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "the test says what was tried; its tables are long"
)]

use std::collections::BTreeMap;
use std::io::Cursor;

use fleetsim::report::import_account_text;
use fleetsim::scenario::import::{Input, import};
use fleetsim::scenario::import_problem;
use fleetsim::workload::{BadRows, ImportOptions, JobMap, import_jobs};

/// What a broken file is answered with.
enum Outcome {
    /// Refused: place (`line:column`), a part of the message, and a part of what the person should do or write.
    Refused(&'static str, &'static str, &'static str),
    /// Read, with a remark at this place that says what was lost.
    Said(&'static str, &'static str),
    /// With `--bad-rows drop` one record is kept and the others are dropped for this reason, the first in this line; without
    /// it the file is refused there (`line:column`), with a part of the hint.
    Dropped(&'static str, &'static str, &'static str),
    /// Kept or dropped in any case, with this in the account.
    Counted(u64, &'static str),
}
use Outcome::{Counted, Dropped, Refused, Said};

type Case = (&'static str, &'static str, String, Outcome);

const POOL: &str = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\nspec:\n";
const CLASS: &str = "apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\nmetadata: {name: a}\nspec:\n";
const OLD: &str = "apiVersion: karpenter.sh/v1alpha5\nkind: Provisioner\nmetadata: {name: a}\nspec:\n";
const RELEASE: &str = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec:\n  \
                       chart: {spec: {chart: gitlab-runner}}\n";

fn karpenter() -> Vec<Case> {
    let pool = |rest: &str| format!("{POOL}{rest}");
    vec![
        ("NodePool", "tabs", pool("\tweight: 1\n"), Refused("5:2", "tabs disallowed", "never with tabs")),
        (
            "NodePool",
            "an anchor within itself",
            pool("  template: &t\n    spec: *t\n"),
            Refused("6:11", "stands inside the value of its own anchor", "cannot contain itself"),
        ),
        ("NodePool", "truncated", pool("  limits: {cpu: 1,\n"), Refused("5:19", "not YAML", "brackets")),
        (
            "NodePool",
            "a list for a map",
            pool("  limits: [1]\n"),
            Refused("5:11", "`limits` is a list", "expected a map of keys"),
        ),
        (
            "NodePool",
            "a huge number",
            pool("  weight: 99999999999999999999\n"),
            Refused("5:11", "`weight` is `99999999999999999999`", "from 0 to 100"),
        ),
        (
            "NodePool",
            "a negative quantity",
            pool("  limits: {memory: -1Gi}\n"),
            Refused("5:20", "`-1Gi` is negative", "zero or more"),
        ),
        (
            "NodePool",
            "a negative time",
            pool("  disruption: {consolidateAfter: -5m}\n"),
            Refused("5:34", "`-5m` is negative", "zero or more"),
        ),
        (
            "NodePool",
            "a template",
            format!("{{{{- range .Values.pools }}}}\n{POOL}"),
            Refused("1:1", "Helm template directive", "render it first"),
        ),
        (
            "NodePool",
            "two of one name",
            format!("{POOL}  weight: 1\n---\n{POOL}  weight: 2\n"),
            Refused("7:1", "there are two pools `a`", "one cluster"),
        ),
        (
            "NodePool",
            "a key twice",
            pool("  weight: 1\n  weight: 2\n"),
            Said("5:3", "`weight` stands twice in one map: the last counts"),
        ),
        (
            "EC2NodeClass",
            "a map for a list",
            format!("{CLASS}  blockDeviceMappings: {{deviceName: x}}\n"),
            Refused("5:24", "`blockDeviceMappings` is a map", "expected a list"),
        ),
        (
            "EC2NodeClass",
            "a huge disk",
            format!(
                "{CLASS}  blockDeviceMappings:\n    - deviceName: /dev/xvda\n      ebs: {{volumeSize: 99999999999999999999Gi}}\n"
            ),
            Refused("7:25", "is not the size of a disk", "100Gi"),
        ),
        (
            "Provisioner",
            "a negative time",
            format!("{OLD}  ttlSecondsAfterEmpty: -30\n"),
            Refused("5:25", "`ttlSecondsAfterEmpty` is `-30`", "from 0 to"),
        ),
    ]
}

fn runners() -> Vec<Case> {
    let (toml, values, release) = ("config.toml", "Helm values", "HelmRelease");
    let quotes = "quantities stand in quotes";
    vec![
        (
            toml,
            "truncated",
            "concurrent = 4\n[[runners]]\n  name = \"a\n".into(),
            Refused("3:3", "basic string", quotes),
        ),
        (
            toml,
            "a number for a text",
            "concurrent = 4\n[[runners]]\n  name = \"a\"\n  [runners.kubernetes]\n    cpu_request = 2\n"
                .into(),
            Refused("5:5", "`cpu_request` must be a string", quotes),
        ),
        (toml, "a key twice", "concurrent = 1\nconcurrent = 2\n".into(), Refused("2:1", "duplicate key", "")),
        (
            toml,
            "a huge number",
            "concurrent = 99999999999999999999\n[[runners]]\nname = \"a\"\n".into(),
            Refused("1:1", "does not fit into 64 bits", ""),
        ),
        (
            toml,
            "a negative number",
            "concurrent = -4\n[[runners]]\nname = \"a\"\n".into(),
            Refused(
                "1:1",
                "`concurrent` is `-4`: the runner process ends at start",
                "number of jobs at once",
            ),
        ),
        (
            toml,
            "a unit of no quantity",
            "[[runners]]\n[runners.kubernetes]\nmemory_request = \"2GB\"\n".into(),
            Refused("3:1", "`2GB` is not a Kubernetes quantity", "\"4Gi\""),
        ),
        (
            toml,
            "a template",
            "concurrent = ${concurrent}\n[[runners]]\nname = \"a\"\n".into(),
            Refused("1:14", "placeholder `${concurrent}`", "render it first"),
        ),
        (
            values,
            "broken TOML within",
            "gitlabUrl: x\nrunners:\n  config: |\n    [[runners]]\n      limit = = 3\n".into(),
            Refused("5:7", "extra `=`", ""),
        ),
        (
            values,
            "a template",
            "gitlabUrl: x\nconcurrent: ${concurrent}\nrunners: {tags: a}\n".into(),
            Refused("2:13", "`${concurrent}` must be replaced", "render the template first"),
        ),
        (
            values,
            "a list for a number",
            "gitlabUrl: x\nconcurrent: [4]\nrunners: {tags: a}\n".into(),
            Refused("2:13", "`concurrent` is a list", "expected text"),
        ),
        (
            values,
            "tabs",
            "gitlabUrl: x\nrunners:\n\ttags: a\n".into(),
            Refused("3:2", "tabs disallowed", "blanks"),
        ),
        (
            release,
            "a template within",
            format!(
                "{RELEASE}  values:\n    gitlabUrl: x\n    runners:\n      config: |\n        {{{{- if .Values.x }}}}\n        [[runners]]\n"
            ),
            Refused("10:9", "`{{- if .Values.x }}`", "render it first"),
        ),
        (
            release,
            "a list for a map",
            format!("{RELEASE}  values: [1]\n"),
            Refused("6:11", "`values` is a list", "expected a map of keys"),
        ),
    ]
}

fn pipelines() -> Vec<Case> {
    let ci = ".gitlab-ci.yml";
    let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
        format!("{text}a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1)
    });
    vec![
        (
            ci,
            "a circle of extends",
            "a: {extends: b}\nb: {extends: a}\n".into(),
            Refused("1:14", "`extends` of `a` is a circle: a -> b -> a", "at most 11 levels"),
        ),
        (
            ci,
            "a circle of references",
            "a: {script: !reference [b, script]}\nb: {script: !reference [a, script]}\n".into(),
            Refused("1:13", "leads back to itself", "expected a value without this reference"),
        ),
        (
            ci,
            "an anchor within itself",
            "job: &x\n  script: [*x]\n".into(),
            Refused("2:12", "its own anchor", "cannot contain itself"),
        ),
        (ci, "aliases of aliases", bomb, Refused("16:6", "more than 500000 values", "fewer aliases")),
        (
            ci,
            "a word for a time",
            "a: {script: x, timeout: soon}\n".into(),
            Refused("1:25", "`soon` is not a timeout", "\"90 minutes\""),
        ),
        (
            ci,
            "a negative time",
            "a: {script: x, timeout: -5m}\n".into(),
            Refused("1:25", "`-5m` is not a timeout", "\"90 minutes\""),
        ),
        (
            ci,
            "a number without its unit",
            "a: {script: x, timeout: 1h30}\n".into(),
            Refused("1:25", "`1h30` is not a timeout", "\"1h 30m\""),
        ),
        (
            ci,
            "too many copies",
            "a: {script: x, parallel: 500}\n".into(),
            Refused("1:26", "`parallel` is `500`", "from 1 to 200"),
        ),
        (
            ci,
            "a map for a name",
            "a: {script: x, needs: [[{b: c}]]}\n".into(),
            Refused("1:25", "`needs` is a map", "expected the name of a job"),
        ),
        (
            ci,
            "a key twice",
            "a:\n  script: x\n  tags: [one]\n  tags: [two]\n".into(),
            Said("3:3", "`tags` stands twice in one map"),
        ),
    ]
}

const GITLAB: &str = r#"{"id":2,"name":"unit","stage":"test","status":"success","created_at":"2026-03-09T08:00:00Z","started_at":"2026-03-09T09:00:00Z","finished_at":"2026-03-09T10:00:00Z","queued_duration":5,"tag_list":[],"pipeline":{"id":1}}"#;
const GITHUB: &str = r#"{"id":2,"run_id":7,"status":"completed","conclusion":"success","created_at":"2026-03-09T08:59:00Z","started_at":"2026-03-09T09:00:00Z","completed_at":"2026-03-09T09:02:00Z","labels":["x"]}"#;
const STEP: &str = r#"{"id":"j2","type":"script","name":"a","state":"passed","created_at":"2026-03-09T08:59:00Z","runnable_at":"2026-03-09T09:00:00Z","started_at":"2026-03-09T09:01:00Z","finished_at":"2026-03-09T09:02:00Z"}"#;
const PODS: &str = r#"{"kind":"Pod","metadata":{"name":"p","uid":"u2","creationTimestamp":"2026-03-09T08:00:00Z"},"spec":{"containers":[{"resources":{"requests":{"cpu":"500m","memory":"1Gi"}}}]},"status":{"phase":"Succeeded","containerStatuses":[{"state":{"terminated":{"startedAt":"2026-03-09T08:00:40Z","finishedAt":"2026-03-09T08:10:00Z"}}}]}}"#;
const LOG: &str = "; UnixStartTime: 1000000000\n1 10 5 83 4 -1 2048 -1 -1 -1 1 3 1 7 2 -1 -1 -1\n";
const TABLE: &str = "job_id,submitted_s,duration_s\n1,0,60\n";

/// `good`, and in the next line the same with another id and `from` replaced by `to`.
fn and(good: &str, (id, other): (&str, &str), (from, to): (&str, &str)) -> String {
    let second = good.replacen(id, other, 1);
    assert!(second.contains(from), "{from}");
    format!("{good}\n{}\n", second.replacen(from, to, 1))
}

fn gitlab_exports() -> Vec<Case> {
    let gitlab = |from, to| and(GITLAB, ("\"id\":2", "\"id\":3"), (from, to));
    let own = "gitlab-jobs";
    let before_start = gitlab("2026-03-09T10:00:00Z", "2026-03-09T08:30:00Z");
    let twice = format!("{GITLAB}\n{GITLAB}\n{}\n", GITLAB.replace("T09:00:00Z", "T09:30:00Z"));
    let other = GITLAB.replace("\"id\":2", "\"id\":3").replace("T09:00:00Z", "T11:00:00+02:00");
    let zones = format!("{GITLAB}\n{other}\n");
    vec![
        (
            own,
            "truncated",
            format!("[{GITLAB},\n{}", &GITLAB[..60]),
            Refused("2:1", "ends inside the record", "cut off"),
        ),
        (
            own,
            "a number for a time",
            gitlab("\"started_at\":\"2026-03-09T09:00:00Z\"", "\"started_at\":17"),
            Dropped("2:107", "a value is of another type", "--kind"),
        ),
        (
            own,
            "a huge number",
            gitlab("\"queued_duration\":5", "\"queued_duration\":1e300"),
            Dropped("2:166", "a number is too large", "a smaller number"),
        ),
        (
            own,
            "an id beyond every number",
            gitlab("\"id\":3", "\"id\":99999999999999999999999"),
            Dropped("2:29", "a value is of another type", "--kind"),
        ),
        (
            own,
            "a negative time",
            gitlab("\"queued_duration\":5", "\"queued_duration\":-5"),
            Dropped("2:166", "a number is negative", "zero or more"),
        ),
        (
            own,
            "finished before started",
            before_start,
            Dropped("2:129", "the order of its times is impossible", "in this order"),
        ),
        (own, "duplicate ids", twice, Counted(1, "dropped    1: the same id with other content")),
        (own, "mixed time zones", zones, Counted(2, "kept       2 jobs in 1 pipelines")),
        (
            own,
            "a time without its zone",
            gitlab("T09:00:00Z", "T11:00:00"),
            Dropped("2:93", "a time cannot be read", "a time with its offset"),
        ),
    ]
}

fn other_exports() -> Vec<Case> {
    let github = |from, to| and(GITHUB, ("\"id\":2", "\"id\":3"), (from, to));
    let step = |from: &str, to: &str| {
        let bad = STEP.replace("j2", "j3").replacen(from, to, 1);
        format!("[{{\"id\":\"b\",\"jobs\":[{STEP}]}},\n{{\"id\":\"c\",\"jobs\":[{bad}]}}]")
    };
    let pods = |from, to| and(PODS, ("u2", "u3"), (from, to));
    vec![
        (
            "github-jobs",
            "truncated",
            format!("{{\"total_count\":2,\"jobs\":[{GITHUB},"),
            Refused("1:215", "ends inside a list, after 1 records", "cut off"),
        ),
        (
            "github-jobs",
            "a text for a list",
            github("[\"x\"]", "\"x\""),
            Dropped("2:185", "a value is of another type", "--kind"),
        ),
        (
            "github-jobs",
            "finished before started",
            github("T09:02:00Z", "T08:00:00Z"),
            Dropped("2:136", "the order of its times is impossible", "in this order"),
        ),
        (
            "github-jobs",
            "created after it started",
            GITHUB.replace("T08:59:00Z", "T09:01:00Z"),
            Counted(1, "note       1 created after their start: the wait is unknown"),
        ),
        (
            "github-jobs",
            "the API's error instead of jobs",
            "{\"message\":\"API rate limit exceeded\"}".into(),
            Refused("1:1", "no known job export", "an error message of the API has no jobs"),
        ),
        (
            "buildkite",
            "finished before started",
            step("T09:02:00Z", "T09:00:30Z"),
            Dropped("2:183", "the order of its times is impossible", "in this order"),
        ),
        (
            "buildkite",
            "runnable after it started",
            step("T09:00:00Z", "T09:05:00Z"),
            Dropped("2:147", "the order of its times is impossible", "in this order"),
        ),
        (
            "buildkite",
            "a comma too many",
            "[{\"id\":\"b\",\"graphql_id\":\"x\",\"state\":\"passed\",\"jobs\":[{\"id\":\"j\",}]}]".into(),
            Refused("1:64", "a comma before the closing `}`", "not JSON from here on"),
        ),
        (
            "k8s-pods",
            "a word for a quantity",
            pods("\"500m\"", "\"two\""),
            Dropped("2:141", "a number cannot be read", "number"),
        ),
        (
            "k8s-pods",
            "a negative quantity",
            pods("\"1Gi\"", "\"-1Gi\""),
            Dropped("2:154", "negative", "zero or more"),
        ),
        (
            "k8s-pods",
            "finished before started",
            pods("T08:10:00Z", "T07:00:00Z"),
            Dropped("2:284", "the order of its times is impossible", "in this order"),
        ),
        (
            "swf",
            "a word for a number",
            format!("{LOG}2 twenty 5 83 4 -1 2048 -1 -1 -1 1 3 1 7 2 -1 -1 -1\n"),
            Dropped("3:3", "a number cannot be read", "a number such as"),
        ),
        ("swf", "truncated", format!("{LOG}2 20 5\n"), Dropped("3:1", "too few fields", "18 numbers")),
        (
            "swf",
            "a huge number",
            format!("{LOG}2 20 5 99999999999999999999 4 -1 2048 -1 -1 -1 1 3 1 7 2 -1 -1 -1\n"),
            Dropped("3:8", "a number is too large", "a smaller number"),
        ),
        ("csv", "a negative time", format!("{TABLE}2,5,-60\n"), Dropped("3:5", "negative", "zero or more")),
        (
            "csv",
            "a word for a time",
            format!("{TABLE}2,soon,60\n"),
            Dropped("3:3", "a time cannot be read", "offset"),
        ),
        ("csv", "truncated", format!("{TABLE}2,5\n"), Dropped("3:1", "too few fields", "as the header")),
        ("csv", "duplicate ids", format!("{TABLE}1,5,60\n"), Counted(1, "the same id with other content")),
        (
            "csv",
            "other columns",
            "job,from,to\n1,0,60\n".into(),
            Refused("1:1", "no columns `submitted_s`", "job_id"),
        ),
    ]
}

fn maps() -> Vec<Case> {
    vec![
        (
            "map.toml",
            "a number for a text",
            "[[rule]]\njob = 5\n".into(),
            Refused("2:7", "expected a string", "[[rule]]"),
        ),
        (
            "map.toml",
            "an unknown key",
            "[[rule]]\njobs = \"a*\"\n".into(),
            Refused("2:1", "unknown field `jobs`", "[[rule]]"),
        ),
        (
            "map.toml",
            "a unit of no quantity",
            "[[rule]]\njob = \"a*\"\nmemory = \"2GB\"\n".into(),
            Refused("3:10", "`2GB` is not a Kubernetes quantity", "\"4Gi\""),
        ),
    ]
}

/// What is wrong with the answer to a broken configuration, if anything.
fn configuration(text: &str, outcome: &Outcome) -> Result<(), String> {
    let answer = import(&[Input { name: "broken", text }], None);
    match (answer, outcome) {
        (Err(problems), Refused(place, message, hint)) => {
            let first = &problems[0];
            let whole = format!("{} {}", first.label, first.help.clone().unwrap_or_default());
            let place = format!("broken:{place}: ");
            (first.to_string().starts_with(&place) && first.message.contains(message) && whole.contains(hint))
                .then_some(())
                .ok_or_else(|| format!("{first}: {} {:?}", first.label, first.help))
        }
        (Ok(imported), Said(place, message)) => {
            let place = format!("broken:{place}");
            let said = |remark: &fleetsim::scenario::import::Remark| {
                format!("{:?}", remark.span) == place && remark.text.contains(message)
            };
            imported.remarks.iter().any(said).then_some(()).ok_or_else(|| format!("{:?}", imported.remarks))
        }
        (Ok(imported), _) => Err(format!("accepted: {}", imported.toml)),
        (Err(problems), _) => Err(format!("refused: {}", problems[0])),
    }
}

/// The same for a job export.
fn export(text: &str, outcome: &Outcome) -> Result<(), String> {
    let read = |bad_rows| {
        let options = ImportOptions { bad_rows, ..ImportOptions::default() };
        import_jobs([("broken", Ok(Cursor::new(text.as_bytes())))], &options)
            .map(|(_, account)| (account.jobs, import_account_text(&account)))
            .map_err(|error| import_problem(&error))
    };
    let refused = |place: &str, message: &str, hint: &str, bad_rows| match read(bad_rows) {
        Ok((_, account)) => Err(format!("accepted: {account}")),
        Err(problem) => {
            let help = problem.help.clone().unwrap_or_default();
            let holds = problem.to_string().starts_with(&format!("broken:{place}: "))
                && problem.message.contains(message)
                && help.contains(hint);
            holds.then_some(()).ok_or_else(|| format!("{problem}: {help}"))
        }
    };
    match outcome {
        Refused(place, message, hint) => {
            refused(place, message, hint, BadRows::Refuse)?;
            refused(place, message, hint, BadRows::Drop)
        }
        Dropped(place, reason, hint) => {
            refused(place, "", hint, BadRows::Refuse)?;
            let (jobs, account) = read(BadRows::Drop).map_err(|problem| problem.to_string())?;
            let line = place.split(':').next().unwrap_or_default();
            let counted = account.lines().any(|own| {
                own.starts_with("dropped    1: ")
                    && own.contains(reason)
                    && own.ends_with(&format!("(first in broken:{line})"))
            });
            let example = account.contains(&format!("broken:{place}: "));
            (jobs == 1 && counted && example).then_some(()).ok_or(account)
        }
        Counted(jobs, line) => {
            let (kept, account) = read(BadRows::Refuse).map_err(|problem| problem.to_string())?;
            (kept == *jobs && account.contains(line)).then_some(()).ok_or(account)
        }
        Said(..) => Err("exports have an account, no remarks".to_owned()),
    }
}

/// The same for a map.
fn map(text: &str, outcome: &Outcome) -> Result<(), String> {
    let Refused(place, message, hint) = outcome else { return Err("a map is refused".to_owned()) };
    match JobMap::parse(text, "broken") {
        Ok(_) => Err("accepted".to_owned()),
        Err(error) => {
            let problem = import_problem(&error);
            let help = problem.help.clone().unwrap_or_default();
            let holds = problem.to_string().starts_with(&format!("broken:{place}: "))
                && problem.message.contains(message)
                && help.contains(hint);
            holds.then_some(()).ok_or_else(|| format!("{problem}: {help}"))
        }
    }
}

#[test]
fn every_broken_file_is_answered_with_its_place_and_reason_or_with_counted_drops() {
    let configurations = [karpenter(), runners(), pipelines()].into_iter().flatten().collect();
    let exports = gitlab_exports().into_iter().chain(other_exports()).collect();
    let mut by_importer: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    type Check = fn(&str, &Outcome) -> Result<(), String>;
    let groups: [(Vec<Case>, Check); 3] = [(configurations, configuration), (exports, export), (maps(), map)];
    for (cases, check) in groups {
        for (importer, what, text, outcome) in cases {
            *by_importer.entry(importer).or_default() += 1;
            if let Err(found) = check(&text, &outcome) {
                wrong.push(format!("{importer}, {what}: {found}"));
            }
        }
    }
    let all: usize = by_importer.values().sum();
    println!("{all} broken files: {by_importer:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(all, 67);
    assert_eq!(by_importer.len(), 14, "{by_importer:?}");
}
