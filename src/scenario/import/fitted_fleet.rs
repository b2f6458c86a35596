//! A fleet to begin with for a fitted workload: one runner and one node pool per architecture, sized by the load. Fits
//! nothing.

use crate::units::Mebibytes;
use crate::workload::{ArchChoice, TraceFit};
use std::fmt::Write;

/// vCPUs of instances that a node pool may take.
const SIZES: [u32; 9] = [4, 8, 16, 32, 48, 64, 96, 128, 192];
/// Sizes in a pool.
const SIZES_TAKEN: usize = 3;
/// Of the load in the busiest hour of an average week: bursts and chance come on top.
const HEADROOM: f64 = 3.0;

/// Adds runner, node pools and region.
pub(super) fn fleet(out: &mut String, fit: &TraceFit) {
    let at_work = fit.peak_jobs_at_work();
    let largest = fit.shapes.iter().map(|shape| shape.jobs.iter().map(|(_, count)| *count).sum::<u32>());
    let largest = f64::from(largest.max().unwrap_or(1));
    let concurrent = ((at_work * HEADROOM).max(largest).max(10.0) / 10.0).ceil() * 10.0;
    let _ = writeln!(
        out,
        "\n# A fleet to begin with. {at_work:.1} jobs are at work in the busiest hour of an average week; the largest pipeline has \
         {largest}.\n[[runner]]\nname = \"eks\"\nconcurrent = {concurrent}\nrequest_concurrency = 10\npoll_timeout = \"10m\"\nhost = \
         {{ kind = \"instance\", instance_type = \"t4g.micro\" }}"
    );
    let only_arm = |arch| arch == Some(ArchChoice::Arm64);
    let arm = fit.classes.iter().any(|class| only_arm(class.arch));
    let amd = fit.classes.iter().any(|class| !only_arm(class.arch));
    let sizes = sizes(fit);
    for (arch, _) in [("amd64", amd), ("arm64", arm)].into_iter().filter(|(_, wanted)| *wanted) {
        let _ = writeln!(
            out,
            "\n[[node_pool]]\nname = \"{arch}\"\narch = [\"{arch}\"]\ncapacity_type = [\"on-demand\"]\ninstance_category = [\"c\", \
             \"m\", \"r\"]\nrequirements = [\n  {{ key = \"karpenter.k8s.aws/instance-generation\", operator = \"Gt\", values = \
             [\"5\"] }},\n  {{ key = \"karpenter.k8s.aws/instance-cpu\", operator = \"In\", values = [{sizes}] }},\n]\ndisruption = {{ \
             consolidation_policy = \"WhenEmpty\", consolidate_after = \"1m\", budgets = [{{ nodes = \"100%\" }}] }}"
        );
    }
    out.push_str("\n[ec2]\nregion = \"eu-central-1\"\n");
}

/// Sizes that hold the largest job with a sixth to spare for DaemonSets and the kubelet; `r` instances have 8 GiB per vCPU.
fn sizes(fit: &TraceFit) -> String {
    let needed = |class: &crate::workload::ClassFit| {
        let cpu = f64::from(class.cpu.map_or(1000, |cpu| cpu.0)) / 1e3;
        let memory = f64::from(class.memory.map_or(2048, |Mebibytes(memory)| memory)) / 1024.0;
        (cpu * 1.15 + 0.5).max(memory * 1.15 / 8.0)
    };
    let needed = fit.classes.iter().map(needed).fold(0.0, f64::max);
    let first = SIZES.iter().position(|size| f64::from(*size) >= needed).unwrap_or(SIZES.len() - 1);
    let last = (first + SIZES_TAKEN).min(SIZES.len());
    let sizes: Vec<String> = SIZES[first..last].iter().map(|size| format!("\"{size}\"")).collect();
    sizes.join(", ")
}
