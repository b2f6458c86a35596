//! Node counts over time as a picture: every recorded run of a case against the band of its simulated ones.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::fmt::Write;

use super::trajectory::Trajectory;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 50.0;
const RECORDED: [&str; 3] = ["#b3261e", "#e07a1f", "#7b3fa0"];

/// So many simulated runs make the band.
const BAND: usize = 20;

/// How many nodes a run has at an instant.
fn nodes_at(counts: &[(i64, i64)], when: i64) -> f64 {
    let before = counts.partition_point(|(at, _)| *at <= when);
    if before == 0 { 0.0 } else { counts[before - 1].1 as f64 }
}

/// The distance between marks of an axis that is `length` long: at most ten of them.
fn mark_every(length: i64) -> i64 {
    [1, 2, 5, 10, 20, 30, 60, 100, 120].into_iter().find(|every| length / every <= 10).unwrap_or(200)
}

/// The picture, as SVG.
pub fn node_counts(name: &str, runs: &[Trajectory], simulated: &[Trajectory]) -> String {
    let simulated = &simulated[..simulated.len().min(BAND)];
    let last = runs.iter().chain(simulated).map(|run| run.ended).max().unwrap_or(1).max(1);
    let counts: Vec<Vec<(i64, i64)>> = simulated.iter().map(Trajectory::node_count).collect();
    let all = runs.iter().chain(simulated).flat_map(Trajectory::node_count);
    let most = all.map(|(_, nodes)| nodes).max().unwrap_or(1).max(1);
    let x = |at: i64| LEFT + (WIDTH - LEFT - RIGHT) * at as f64 / last as f64;
    let y = |nodes: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * nodes / most as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"DejaVu Sans, sans-serif\" font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n<text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{name}: nodes from launch to the end of their instances</text>\n"
    );
    axes(&mut svg, last, most, &x, &y);
    let (mut upper, mut lower, mut middle) = (String::new(), Vec::new(), String::new());
    for step in 0..=900 {
        let when = last * step / 900;
        let nodes: Vec<f64> = counts.iter().map(|counts| nodes_at(counts, when)).collect();
        let mean = nodes.iter().sum::<f64>() / nodes.len() as f64;
        let least = nodes.iter().copied().fold(f64::INFINITY, f64::min);
        let most = nodes.iter().copied().fold(0.0, f64::max);
        write!(upper, "{:.1},{:.1} ", x(when), y(most)).expect("text");
        lower.push(format!("{:.1},{:.1}", x(when), y(least)));
        write!(middle, "{:.1},{:.1} ", x(when), y(mean)).expect("text");
    }
    lower.reverse();
    writeln!(
        svg,
        "<polygon points=\"{upper}{}\" fill=\"#a8c8ee\" fill-opacity=\"0.7\"/>\n<polyline points=\"{middle}\" fill=\"none\" stroke=\"#1f5fb0\" stroke-width=\"2\" stroke-dasharray=\"6 4\"/>",
        lower.join(" ")
    )
    .expect("text");
    let mut key = vec![
        (format!("{} simulated runs, least to most", simulated.len()), "#a8c8ee"),
        ("their mean".to_owned(), "#1f5fb0"),
    ];
    for (number, run) in runs.iter().enumerate() {
        let color = RECORDED[number % RECORDED.len()];
        let mut points = format!("{:.1},{:.1} ", x(0), y(0.0));
        let mut before = 0.0;
        for (at, nodes) in run.node_count() {
            write!(points, "{:.1},{:.1} {:.1},{:.1} ", x(at), y(before), x(at), y(nodes as f64))
                .expect("text");
            before = nodes as f64;
        }
        writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.6\"/>"
        )
        .expect("text");
        key.push((format!("recorded run {}", number + 1), color));
    }
    let mut at = LEFT;
    for (label, color) in key {
        writeln!(
            svg,
            "<rect x=\"{at:.0}\" y=\"40\" width=\"16\" height=\"10\" fill=\"{color}\"/><text x=\"{:.0}\" y=\"50\">{label}</text>",
            at + 22.0
        )
        .expect("text");
        at += 50.0 + 7.6 * label.len() as f64;
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, last: i64, most: i64, x: &dyn Fn(i64) -> f64, y: &dyn Fn(f64) -> f64) {
    let every = mark_every(most);
    for nodes in (0..=most).step_by(every as usize) {
        let at = y(nodes as f64);
        writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{nodes}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        )
        .expect("text");
    }
    let every = mark_every(last / 1000) * 1000;
    for when in (0..=last).step_by(every as usize) {
        let at = x(when);
        writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#eeeeee\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0,
            when / 1000
        )
        .expect("text");
    }
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">seconds since the start</text>\n<text x=\"14\" y=\"{:.1}\" transform=\"rotate(-90 14 {:.1})\" text-anchor=\"middle\">nodes</text>",
        WIDTH - RIGHT,
        HEIGHT - 12.0,
        HEIGHT / 2.0,
        HEIGHT / 2.0
    )
    .expect("text");
}
