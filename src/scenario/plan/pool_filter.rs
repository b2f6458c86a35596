//! Which capacity pools a table names, and availability that is replayed in them.

use std::io::Read;
use std::sync::Arc;

use super::super::check::Problems;
use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Table;
use super::super::keys::nearest_word;
use super::super::layers::FileProvider;
use super::ec2::unknown_type;
use super::workload::unreadable;
use crate::catalog::{Catalog, TypeId};
use crate::ec2::{AvailabilityReplay, AvailabilitySeries, PoolFilter};

/// The pools of `families`, `instance_types` and `zones`.
pub(super) fn read(table: &Table, catalog: &Catalog, problems: &mut Problems) -> PoolFilter {
    let mut types: Vec<TypeId> = Vec::new();
    for family in table.texts("families") {
        let of_family = catalog.type_ids().filter(|id| catalog.get(*id).family() == family);
        let before = types.len();
        types.extend(of_family);
        if types.len() == before {
            let known = catalog.types().iter().map(crate::catalog::InstanceType::family);
            let message = format!("there is no instance family `{family}`");
            let at = table.span("families");
            let diagnostic = Diagnostic::new(Code::Catalog, at, message, "expected families such as m7g");
            problems.push(match nearest_word(known, family) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
        }
    }
    for name in table.texts("instance_types") {
        match catalog.find(name) {
            Some(id) => types.push(id),
            None => problems.push(unknown_type(name, table.span("instance_types"), catalog)),
        }
    }
    let mut zones = Vec::new();
    for name in table.texts("zones") {
        match catalog.zone(name) {
            Some(zone) => zones.push(zone),
            None => {
                let known: Vec<&str> = catalog.zones().iter().map(|zone| &*zone.name).collect();
                let message = format!("{} has no zone `{name}`", catalog.region());
                let at = table.span("zones");
                problems.push(
                    Diagnostic::new(Code::Catalog, at, message, "expected zones of the region")
                        .help(format!("zones are {}", known.join(", "))),
                );
            }
        }
    }
    let are_all = table.list("families").is_empty() && table.list("instance_types").is_empty();
    let pools = PoolFilter::default().zones(zones);
    if are_all { pools } else { pools.types(types) }
}

/// `[[ec2.spot.replay]]`.
pub(super) fn replays(
    spot: &Table,
    catalog: &Catalog,
    files: &mut dyn FileProvider,
    problems: &mut Problems,
) -> Vec<AvailabilityReplay> {
    let mut replays = Vec::new();
    for (table, _) in spot.tables("replay") {
        let pools = read(table, catalog, problems);
        let (path, span) = (table.text("file"), table.span("file"));
        let text = match files.read(path).and_then(|bytes| unpacked(&bytes)) {
            Ok(text) => text,
            Err(reason) => {
                problems.push(unreadable(path, &reason, span));
                continue;
            }
        };
        match AvailabilitySeries::parse(&text, table.text("series")) {
            Ok(series) => replays.push(AvailabilityReplay { pools, series: Arc::new(series) }),
            Err(error) => problems.push(Diagnostic::new(
                Code::Row,
                span,
                format!("`{path}` cannot be replayed: {error}"),
                "expected series,target_nodes,start_s,end_s,available_nodes",
            )),
        }
    }
    replays
}

/// The text of a file that may be packed with gzip.
fn unpacked(bytes: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let read = if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text)
    } else {
        let mut plain = bytes;
        plain.read_to_string(&mut text)
    };
    read.map(|_| text).map_err(|error| error.to_string())
}
