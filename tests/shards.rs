//! Shards as machines run them: any number of parts, lost and repeated ones included, gives the bytes of one run.

#[path = "support/command.rs"]
mod command;

use command::{SMALL, bytes_below, differing, said, scenario};
use std::fs;
use std::path::Path;

fn run_shard(scenario: &str, out: &str, index: usize, total: usize) {
    let shard = format!("{index}/{total}");
    let (code, _, errors) = said(&["run", scenario, "--out", out, "--shard", &shard], &[]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn any_number_of_shards_with_a_lost_and_a_repeated_part_gives_the_bytes_of_one_run() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let at = |name: &str| place.path().join(name).display().to_string();
    assert_eq!(said(&["run", &small, "--out", &at("whole")], &[]).0, 0);
    let whole = bytes_below(&place.path().join("whole/small"));
    assert!(whole.contains_key(Path::new("jobs.csv")) && whole.contains_key(Path::new("report.html")));
    for total in [1, 2, 7, 50] {
        let out = at(&format!("of-{total}"));
        for index in 1..=total {
            run_shard(&small, &out, index, total);
        }
        let parts = Path::new(&out).join("small.parts");
        let part = |index: usize| parts.join(format!("part-{index:05}-of-{total:05}.jsonl"));
        // A repeated part is no gap and no contradiction; a lost one is named with the command that makes it.
        fs::copy(part(1), parts.join("again.jsonl")).unwrap();
        let lost = total.min(12);
        fs::remove_file(part(lost)).unwrap();
        let merge = ["merge", &parts.display().to_string(), "--out", &out];
        if total > 1 {
            let (code, _, errors) = said(&merge, &[]);
            assert_eq!(code, 4, "{errors}");
            let command = format!("fleetsim run {small} --shard {lost}/{total}");
            assert!(errors.contains(&command), "{errors}");
            assert!(!Path::new(&out).join("small").exists());
        }
        run_shard(&small, &out, lost, total);
        let (code, answer, errors) = said(&merge, &[]);
        assert_eq!(code, 0, "{errors}");
        assert!(answer.contains("report.html"));
        let differing = differing(&whole, &bytes_below(&Path::new(&out).join("small")));
        assert!(differing.is_empty(), "{total} shards: {differing:?}");
    }
}

#[test]
fn parts_of_different_numbers_of_shards_fit_together() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    for (index, total) in [(1, 2), (2, 4), (4, 4)] {
        run_shard(&small, &out, index, total);
    }
    let parts = place.path().join("out/small.parts").display().to_string();
    let (code, _, errors) = said(&["merge", &parts, "--out", &out, "--no-files"], &[]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    let part = |name: &str| place.path().join(name).display().to_string();
    let run = |name: &str, more: &[&str]| {
        let part = part(name);
        let arguments = [&["run", small.as_str(), "--out", &out, "--part", &part][..], more].concat();
        let (code, _, errors) = said(&arguments, &[]);
        assert_eq!(code, 0, "{errors}");
    };
    run("a", &["--shard", "1/2"]);
    run("b", &["--shard", "2/2"]);
    run("seed", &["--shard", "2/2", "--seed", "9"]);
    run("other", &["--shard", "2/2", "--set", "runner.eks.concurrent=3"]);
    run("bare", &["--shard", "2/2", "--no-detail"]);
    let merge = |files: &[&str]| {
        let files: Vec<String> = files.iter().map(|name| part(name)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let (code, _, errors) = said(&[&["merge", "--no-files"][..], &files].concat(), &[]);
        (code, errors)
    };
    assert_eq!(merge(&["a", "b"]).0, 0);
    for (other, why) in [("seed", "hash"), ("other", "hash"), ("bare", "command")] {
        let (code, errors) = merge(&["a", other]);
        assert!(code == 4 && errors.contains(why), "{other}: {errors}");
    }
    // A part that says something else of the same run, one that was cut off, and what is no part at all.
    let text = fs::read_to_string(part("b")).unwrap();
    fs::write(part("forged"), text.replacen("\"retried\":[0", "\"retried\":[1", 1)).unwrap();
    let (code, errors) = merge(&["a", "b", "forged"]);
    assert!(code == 4 && errors.contains("differs"), "{errors}");
    fs::write(part("cut"), &text[..text.len() - 10]).unwrap();
    let (code, errors) = merge(&["a", "cut"]);
    assert!(code == 4 && errors.contains("1 of 12 units are missing"), "{errors}");
    assert_eq!(merge(&["a", "b", "cut"]).0, 0);
    fs::write(part("none"), "hello\n").unwrap();
    assert_eq!(merge(&["a", "none"]).0, 4);
    // The scenario has changed since.
    fs::write(&small, SMALL.replace("concurrent = 20", "concurrent = 19")).unwrap();
    let (code, errors) = merge(&["a", "b"]);
    assert!(code == 4 && errors.contains("is not the scenario of the parts"), "{errors}");
}

#[test]
fn the_share_is_read_from_the_variables_of_every_engine() {
    let place = tempfile::tempdir().unwrap();
    let small = scenario(place.path(), SMALL);
    let out = place.path().join("out").display().to_string();
    type Variables = Vec<(&'static str, &'static str)>;
    let engines: [(&str, Variables); 5] = [
        ("00002-of-00003", vec![("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")]),
        ("00001-of-00005", vec![("JOB_COMPLETION_INDEX", "0"), ("FLEETSIM_SHARDS", "5")]),
        ("00010-of-00010", vec![("AWS_BATCH_JOB_ARRAY_INDEX", "9"), ("AWS_BATCH_JOB_ARRAY_SIZE", "10")]),
        (
            "00003-of-00004",
            vec![
                ("SLURM_ARRAY_TASK_ID", "3"),
                ("SLURM_ARRAY_TASK_MIN", "1"),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
                ("SLURM_ARRAY_TASK_STEP", "1"),
            ],
        ),
        ("00006-of-00006", vec![("FLEETSIM_JOB_INDEX", "5"), ("FLEETSIM_JOB_TOTAL", "6")]),
    ];
    for (part, variables) in engines {
        let (code, _, errors) = said(&["run", &small, "--out", &out, "--shard", "auto"], &variables);
        assert_eq!(code, 0, "{errors}");
        let path = place.path().join(format!("out/small.parts/part-{part}.jsonl"));
        assert!(path.is_file(), "{part}: {errors}");
    }
    let (code, _, errors) = said(&["run", &small, "--out", &out, "--shard", "auto"], &[]);
    assert!(code == 2 && errors.contains("--shard 3/10"), "{errors}");
}
