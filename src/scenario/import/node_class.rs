//! EC2NodeClass and AWSNodeTemplate: disk, AMI and what else of them decides a cost or a wait.

use super::super::source::Span;
use super::fragment::line_of;
use super::node_pool::object_name;
use super::reading::{Findings, placeholder};
use super::yaml::Node;
use crate::units::Mebibytes;

/// A node class.
#[derive(Clone, Debug)]
pub(super) struct NodeClass {
    /// Name.
    pub name: String,
    /// Where it starts.
    pub span: Span,
    /// Kind and API version.
    pub kind: String,
    /// AMI family or alias, as written; empty if it is not said.
    pub ami: String,
    /// Disks as (device, GiB, remark).
    pub disks: Vec<(String, u32, String, Span)>,
    /// `instanceStorePolicy: RAID0`.
    pub raid0: bool,
    /// The only architecture its AMIs have, if their names say so.
    pub only_arch: Option<&'static str>,
    /// Facts for the comment.
    pub about: Vec<String>,
}

/// Reads one; `template` is the historical AWSNodeTemplate.
pub(super) fn read(object: &Node, kind: &str, findings: &mut Findings) -> Option<NodeClass> {
    let name = object_name(object, findings)?;
    let Some(spec) = object.get("spec") else {
        findings.grammar(object, format!("{kind} `{name}` has no `spec`"), "a `spec`", "");
        return None;
    };
    let version = object.get("apiVersion").and_then(Node::text).unwrap_or_default().to_owned();
    let mut class = NodeClass {
        name,
        span: object.span.clone(),
        kind: format!("{kind} ({version})"),
        ami: String::new(),
        disks: Vec::new(),
        raid0: false,
        only_arch: None,
        about: Vec::new(),
    };
    ami(&mut class, spec, version.ends_with("/v1"), findings);
    disks(&mut class, spec, findings);
    if let Some(policy) = spec.get("instanceStorePolicy")
        && findings.text(policy, "instanceStorePolicy") == Some("RAID0")
    {
        class.raid0 = true;
        class.about.push(format!(
            "instanceStorePolicy RAID0 ({}): on types with local disks these are the ephemeral storage; \
             not modelled",
            line_of(&policy.span)
        ));
    }
    if let Some(hops) = spec.at("metadataOptions.httpPutResponseHopLimit").and_then(Node::text) {
        class.about.push(format!("httpPutResponseHopLimit {hops}: decides nothing here"));
    }
    match spec.peek("kubelet") {
        Some(kubelet) if !kubelet.entries().is_empty() => {
            class.about.push(format!("kubelet settings ({}) are not modelled", line_of(&kubelet.span)));
            findings.remark(&kubelet.span, "kubelet settings are not modelled: allocatable is the default");
        }
        _ => class.about.push("no kubelet settings".to_owned()),
    }
    if let Some(terms) = spec.get("capacityReservationSelectorTerms") {
        terms.use_all();
        let text = "reserved capacity is taken before on-demand; how much there is, is not in the file: [[ec2.capacity_reservation]] says it";
        findings.remark(&terms.span, text);
        class.about.push(text.to_owned());
    }
    Some(class)
}

fn ami(class: &mut NodeClass, spec: &Node, v1: bool, findings: &mut Findings) {
    if let Some(family) = spec.get("amiFamily") {
        findings.text(family, "amiFamily").unwrap_or_default().clone_into(&mut class.ami);
    }
    let Some(terms) = spec.get("amiSelectorTerms") else {
        if v1 {
            let shown = if class.ami.is_empty() { "AL2023" } else { class.ami.as_str() };
            let text = format!(
                "karpenter.k8s.aws/v1 needs amiSelectorTerms, the API refuses this; read as latest {shown}"
            );
            findings.remark(&class.span, text);
        }
        return;
    };
    for term in findings.items(terms, "amiSelectorTerms") {
        if let Some(alias) = term.get("alias").and_then(Node::text) {
            alias.clone_into(&mut class.ami);
        }
        if let Some(id) = term.get("id").and_then(Node::text) {
            if id.starts_with("ami-") {
                class.about.push(format!("AMI {id}"));
            } else {
                findings.remark(&term.span, format!("AMI id `{id}` is a placeholder; ignored"));
            }
        }
        let glob = term.get("name").and_then(Node::text).unwrap_or_default();
        for (word, arch, other) in [("x86_64", "amd64", "arm64"), ("arm64", "arm64", "amd64")] {
            if glob.contains(word) && class.only_arch.is_none() {
                class.only_arch = Some(arch);
                let text =
                    format!("AMI name `{glob}` is for {word} only: {other} types cannot start with it");
                findings.remark(&term.span, text);
            }
        }
        term.use_all();
    }
}

fn disks(class: &mut NodeClass, spec: &Node, findings: &mut Findings) {
    let Some(all) = spec.get("blockDeviceMappings") else { return };
    for item in findings.items(all, "blockDeviceMappings") {
        let device = item.get("deviceName").and_then(Node::text).unwrap_or("?").to_owned();
        let Some(ebs) = item.get("ebs") else { continue };
        let mut facts = Vec::new();
        for (key, shown) in [("volumeType", ""), ("iops", "iops "), ("throughput", "throughput ")] {
            if let Some(value) = ebs.get(key).and_then(Node::text) {
                facts.push(format!("{shown}{value}"));
            }
        }
        if let Some(snapshot) = ebs.peek("snapshotID").and_then(Node::text)
            && (placeholder(snapshot).is_some() || !snapshot.starts_with("snap-"))
        {
            findings.remark(&ebs.span, format!("snapshotID `{snapshot}` is a placeholder; ignored"));
        }
        let Some(size) = ebs.get("volumeSize") else { continue };
        let Some(text) = findings.text(size, "volumeSize") else { continue };
        match text.parse::<Mebibytes>() {
            Ok(mebibytes) if mebibytes.0 >= 1024 => {
                let gib = mebibytes.0.div_ceil(1024);
                class.disks.push((device, gib, facts.join(" "), size.span.clone()));
            }
            _ => findings.grammar(size, format!("`{text}` is not the size of a disk"), "such as 100Gi", ""),
        }
    }
}

impl NodeClass {
    /// Whether the AMI is Bottlerocket.
    pub(super) fn is_bottlerocket(&self) -> bool {
        self.ami.to_lowercase().contains("bottlerocket")
    }

    /// Whether the AMI is Amazon Linux 2023.
    pub(super) fn is_al2023(&self) -> bool {
        self.ami.to_lowercase().starts_with("al2023")
    }

    /// The disk that pods use: on Bottlerocket the second one, `/dev/xvdb` (karpenter-provider-aws, `amifamily`).
    pub(super) fn pod_disk(&self) -> Option<&(String, u32, String, Span)> {
        if self.is_bottlerocket() {
            return self.disks.iter().find(|(device, ..)| device == "/dev/xvdb");
        }
        self.disks.first()
    }

    /// Comment lines: what it says.
    pub(super) fn lines(&self) -> Vec<String> {
        let ami = if self.ami.is_empty() { "AMI family not said" } else { self.ami.as_str() };
        let mut lines = vec![format!("{} `{}` of {}: {ami}", self.kind, self.name, self.span.source.name)];
        for (device, gib, facts, span) in &self.disks {
            lines.push(format!("  disk {device} {gib}Gi {facts} ({})", line_of(span)));
        }
        if self.disks.is_empty() {
            lines.push("  no disk: the family's default root disk, 20Gi".to_owned());
        }
        lines.extend(self.about.iter().map(|line| format!("  {line}")));
        lines
    }
}
