//! One timed run of a speed goal, for profilers.
#[path = "../benches/load/mod.rs"]
mod load;
fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let fleet = load::Fleet::ALL.into_iter().find(|f| f.name() == name).unwrap_or(load::Fleet::Fixed130);
    let scenario = load::Load::new(fleet, load::jobs());
    let t = std::time::Instant::now();
    let run = scenario.run();
    let s = t.elapsed().as_secs_f64();
    let jobs = run.outcome.jobs.jobs();
    println!(
        "{} jobs {:.3} s  {:.0} jobs/s  wait mean {:?}",
        jobs,
        s,
        jobs as f64 / s,
        run.outcome.waits.wait
    );
    for (n, c) in run.outcome.work.iter() {
        println!("  {n} {c}  {:.3}/job", c as f64 / jobs as f64);
    }
    println!("cost {}", run.outcome.costs.total().read());
}
