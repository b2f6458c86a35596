//! All Karpenter objects of an import together: pools joined with their node classes, region from their zones.

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;
use super::fragment::{Block, quoted};
use super::node_class::NodeClass;
use super::pool_draft::{Origin, PoolDraft};
use super::reading::{Findings, first_line};
use super::yaml::Node;
use super::{node_class, node_pool, provisioner};
use crate::catalog::{Catalog, known_regions};

const ZONE: &str = "topology.kubernetes.io/zone";
const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
const INSTANCE_FAMILY: &str = "karpenter.k8s.aws/instance-family";

/// Pools and classes, as met.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pools: Vec<PoolDraft>,
    classes: Vec<NodeClass>,
}

impl Objects {
    /// Whether `kind` of `api_version` is one of Karpenter's.
    pub(super) fn takes(api_version: &str, kind: &str) -> bool {
        api_version.starts_with("karpenter")
            && ["NodePool", "EC2NodeClass", "Provisioner", "AWSNodeTemplate"].contains(&kind)
    }

    /// Adds one object.
    pub(super) fn add(&mut self, object: &Node, findings: &mut Findings) {
        let api_version = object.get("apiVersion").and_then(Node::text).unwrap_or_default();
        let kind = object.get("kind").and_then(Node::text).unwrap_or_default();
        match kind {
            "EC2NodeClass" | "AWSNodeTemplate" => {
                self.classes.extend(node_class::read(object, kind, findings));
            }
            "Provisioner" => self.pools.extend(provisioner::read(object, findings)),
            _ => {
                let beta = api_version.ends_with("/v1beta1");
                if !beta && !api_version.ends_with("/v1") {
                    findings.grammar(
                        object,
                        format!("NodePool of unknown version `{api_version}`"),
                        "karpenter.sh/v1 or v1beta1",
                        "",
                    );
                    return;
                }
                self.pools.extend(node_pool::read(object, beta, findings));
            }
        }
    }

    /// The tables of a scenario: `[ec2]`, then the pools.
    pub(super) fn blocks(mut self, findings: &mut Findings) -> Vec<Block> {
        if self.pools.is_empty() && self.classes.is_empty() {
            return Vec::new();
        }
        self.same_names(findings);
        let region = self.region(findings);
        self.fit_catalogue(region.as_ref().map(|(name, _)| name.as_str()), findings);
        let mut blocks = vec![self.ec2(region, findings)];
        blocks.extend(self.pools.iter().map(PoolDraft::block));
        blocks
    }

    /// The cluster has one object of a kind and name: of two in these files the later would replace the other.
    fn same_names(&self, findings: &mut Findings) {
        for (index, pool) in self.pools.iter().enumerate() {
            if let Some(first) = self.pools[..index].iter().find(|own| own.name == pool.name) {
                let text = format!("there are two pools `{}`, the other in {:?}", pool.name, first.span);
                let problem = Diagnostic::new(Code::Duplicate, first_line(&pool.span), text, "the second");
                findings.problems.push(problem.help("import what belongs to one cluster together"));
            }
        }
    }

    /// The region that the zones of the pools are in, and where the first stands.
    fn region(&self, findings: &mut Findings) -> Option<(String, Span)> {
        let mut found: Option<(String, Span)> = None;
        for own in self.pools.iter().flat_map(|pool| &pool.requirements).filter(|own| own.key == ZONE) {
            let Origin::Taken(span) = &own.origin else { continue };
            for zone in &own.values {
                let region = zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
                match &found {
                    None => found = Some((region.to_owned(), span.clone())),
                    Some((first, _)) if first != region => findings.remark(
                        span,
                        format!("zone `{zone}` is not in {first}: one scenario has one region"),
                    ),
                    Some(_) => {}
                }
            }
        }
        found
    }

    /// Leaves out zones and switches off pools that the price catalogue cannot serve.
    fn fit_catalogue(&mut self, region: Option<&str>, findings: &mut Findings) {
        let known = region.is_none_or(|region| known_regions().contains(&region));
        let catalog = Catalog::builtin(region.filter(|_| known).unwrap_or("eu-central-1")).ok();
        for pool in &mut self.pools {
            let span = pool.span.clone();
            let mut left_out = Vec::new();
            pool.requirements.retain(|own| {
                let zones = catalog.as_ref().filter(|_| known);
                let keep =
                    own.key != ZONE || zones.is_some_and(|own_catalog| has_zone(own_catalog, &own.values));
                if !keep {
                    left_out.push(own.values.join(", "));
                }
                keep
            });
            for zones in left_out {
                let text =
                    format!("zones {zones} are not in the price catalogue: the requirement is left out");
                findings.remark(&span, &text);
                pool.not_modelled.push(text);
            }
            let Some(catalog) = &catalog else { continue };
            let missing = pool
                .requirements
                .iter()
                .any(|own| own.operator == "In" && !served(catalog, &own.key, &own.values));
            if missing && pool.disabled.is_none() {
                let text = format!("the catalogue has no price in {} for any of its types", catalog.region());
                findings.remark(&span, format!("pool `{}` is switched off: {text}", pool.name));
                pool.disabled = Some(text);
            }
        }
    }

    fn ec2(&self, region: Option<(String, Span)>, findings: &mut Findings) -> Block {
        let mut block = Block::new("[ec2]");
        for line in self.classes.iter().flat_map(NodeClass::lines) {
            block.about(line);
        }
        match region {
            Some((name, span)) if known_regions().contains(&name.as_str()) => {
                let remark = format!("from the zones, line {}", line(&span));
                block.noted_at("region", quoted(&name), remark, Some(&span));
            }
            Some((name, span)) => {
                let text = format!(
                    "region {name} is not in the price catalogue ({}): eu-central-1 is taken",
                    known_regions().join(", ")
                );
                findings.remark(&span, &text);
                block.about(text);
                block.defaulted("region", quoted("eu-central-1"), "the files' region has no prices");
            }
            None => block.defaulted("region", quoted("eu-central-1"), "the files name no zone"),
        }
        let Some(class) = self.class_of_pools(findings) else { return block };
        match class.pod_disk() {
            Some((device, gib, _, span)) => {
                let remark = format!("line {}: {device} of `{}`", line(span), class.name);
                block.noted_at("root_volume.size_gib", gib.to_string(), remark, Some(span));
            }
            None => block.defaulted("root_volume.size_gib", "20", "default disk of the AMI family"),
        }
        if class.is_bottlerocket() {
            let remark = format!("AMI of `{}`", class.name);
            block.noted_at("startup.preset", quoted("bottlerocket"), remark, Some(&class.span));
        } else if class.is_al2023() {
            let remark = format!("AMI of `{}`", class.name);
            block.noted_at("startup.preset", quoted("al2023"), remark, Some(&class.span));
        } else {
            let shown = if class.ami.is_empty() { "an unnamed AMI" } else { class.ami.as_str() };
            block.defaulted("startup.preset", quoted("al2023"), &format!("no figures for {shown}"));
        }
        block
    }

    /// The class of the first pool that has one; a scenario has one kind of node disk and start.
    fn class_of_pools(&self, findings: &mut Findings) -> Option<&NodeClass> {
        let mut found: Option<&NodeClass> = None;
        for pool in &self.pools {
            let class = self.classes.iter().find(|class| class.name == pool.node_class);
            let Some(class) = class else {
                if !pool.node_class.is_empty() {
                    let text = format!("node class `{}` is not in these files", pool.node_class);
                    findings.remark(&pool.span, text);
                }
                continue;
            };
            match found {
                None => found = Some(class),
                Some(first) if first.name != class.name => findings.remark(
                    &pool.span,
                    format!(
                        "pool `{}` has node class `{}`, another than `{}`: disk and start-up are those of \
                         the latter",
                        pool.name, class.name, first.name
                    ),
                ),
                Some(_) => {}
            }
        }
        found.or_else(|| self.classes.first())
    }
}

fn line(span: &Span) -> usize {
    span.line_and_column().0
}

fn has_zone(catalog: &Catalog, zones: &[String]) -> bool {
    zones.iter().any(|zone| catalog.zone(zone).is_some())
}

/// Whether the catalogue has a price for at least one of the types or families.
fn served(catalog: &Catalog, key: &str, values: &[String]) -> bool {
    if key != INSTANCE_TYPE && key != INSTANCE_FAMILY {
        return true;
    }
    let priced: Vec<&str> = catalog
        .type_ids()
        .filter(|id| catalog.prices(*id).is_some())
        .map(|id| catalog.get(id).name.as_ref())
        .collect();
    values.iter().any(|value| {
        priced.iter().any(|name| match key {
            INSTANCE_TYPE => name == value,
            _ => name.split('.').next() == Some(value),
        })
    })
}
