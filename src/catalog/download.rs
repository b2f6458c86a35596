//! Prices, types and Spot ratings from files that AWS gives to everybody: the price list, `describe-instance-types`,
//! `describe-spot-price-history`, the Spot advisor. Reads text; knows no file and no scenario.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::units::{HourlyPrice, Mebibytes};

use super::builtin::Catalog;
use super::custom::{CustomPrice, CustomType};
use super::kinds::{Arch, CapacityType};
use super::price::InterruptionRating;
use super::region::ZoneId;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DownloadKind {
    /// `AmazonEC2` of the price list, whole (`index.json`) or from `aws pricing get-products`.
    PriceList,
    /// `aws ec2 describe-instance-types`.
    InstanceTypes,
    /// `aws ec2 describe-spot-price-history`.
    SpotPriceHistory,
    /// The Spot advisor's `spot-advisor-data.json`.
    SpotAdvisor,
}

/// What a file says about a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// What it is.
    pub kind: DownloadKind,
    /// When it was published or the newest of its prices was valid, where it says so.
    pub date: Option<String>,
    /// Prices, by type, zone and capacity type.
    pub prices: Vec<CustomPrice>,
    /// Types, in name order.
    pub types: Vec<CustomType>,
    /// Rows that concern other regions, other systems, or types that the catalogue does not have.
    pub skipped: usize,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error(
        "it is none of AWS's price list, describe-instance-types, describe-spot-price-history and the Spot advisor's data"
    )]
    UnknownKind,
    /// Nothing in it concerns the region.
    #[error("it says nothing about {0}")]
    OtherRegion(String),
}

type PriceKey = (String, Option<String>, CapacityType);

/// Reads a download for the region of `catalog`. Prices of types that the catalogue does not have are counted as skipped.
///
/// # Errors
/// Where the text is none of the known kinds, or says nothing about the region.
pub fn read_download(text: &str, catalog: &Catalog) -> Result<Download, DownloadError> {
    let json: Value =
        serde_json::from_str(text).map_err(|error| DownloadError::NotJson(error.to_string()))?;
    let mut found = if json["products"].is_object() || json["PriceList"].is_array() {
        price_list(&json, catalog)
    } else if json["InstanceTypes"].is_array() {
        instance_types(&json)
    } else if json["SpotPriceHistory"].is_array() {
        spot_history(&json, catalog)
    } else if json["spot_advisor"].is_object() {
        spot_advisor(&json, catalog)
    } else {
        return Err(DownloadError::UnknownKind);
    };
    let before = found.prices.len();
    found.prices.retain(|price| catalog.find(&price.instance_type).is_some());
    found.skipped += before - found.prices.len();
    if found.prices.is_empty() && found.types.is_empty() && before == 0 {
        return Err(DownloadError::OtherRegion(catalog.region().to_owned()));
    }
    Ok(found)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

fn dollars(value: &Value) -> Option<HourlyPrice> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    (number.is_finite() && number > 0.0).then(|| HourlyPrice::from_dollars(number))
}

fn collected(prices: BTreeMap<PriceKey, (HourlyPrice, Option<InterruptionRating>)>) -> Vec<CustomPrice> {
    let of = |((instance_type, zone, capacity_type), (price, rating))| CustomPrice {
        instance_type,
        zone,
        capacity_type,
        price,
        rating,
    };
    prices.into_iter().map(of).collect()
}

/// Shared Linux instances without further software, on demand.
fn price_list(json: &Value, catalog: &Catalog) -> Download {
    let mut prices = BTreeMap::new();
    let mut skipped = 0;
    let mut date = json["publicationDate"].as_str().map(str::to_owned);
    let mut take = |product: &Value, terms: &Value| {
        let own = &product["attributes"];
        let is_wanted = text(own, "regionCode") == catalog.region()
            && text(own, "operatingSystem") == "Linux"
            && text(own, "tenancy") == "Shared"
            && matches!(text(own, "preInstalledSw"), "NA" | "")
            && matches!(text(own, "capacitystatus"), "Used" | "");
        let hourly = terms
            .as_object()
            .into_iter()
            .flat_map(|terms| terms.values())
            .filter_map(|term| term["priceDimensions"].as_object())
            .flat_map(|dimensions| dimensions.values())
            .find_map(|dimension| dollars(&dimension["pricePerUnit"]["USD"]));
        match (is_wanted, hourly) {
            (true, Some(price)) => {
                let key = (text(own, "instanceType").to_owned(), None, CapacityType::OnDemand);
                prices.insert(key, (price, None));
            }
            _ => skipped += 1,
        }
    };
    for (sku, product) in json["products"].as_object().into_iter().flatten() {
        take(product, &json["terms"]["OnDemand"][sku]);
    }
    for item in json["PriceList"].as_array().into_iter().flatten() {
        // `get-products` gives each product as JSON within a string.
        let parsed: Option<Value> = item.as_str().and_then(|inner| serde_json::from_str(inner).ok());
        let item = parsed.as_ref().unwrap_or(item);
        take(&item["product"], &item["terms"]["OnDemand"]);
        date = date.max(item["publicationDate"].as_str().map(str::to_owned));
    }
    Download { kind: DownloadKind::PriceList, date, prices: collected(prices), types: Vec::new(), skipped }
}

fn instance_types(json: &Value) -> Download {
    let mut types = Vec::new();
    let mut skipped = 0;
    for one in json["InstanceTypes"].as_array().into_iter().flatten() {
        let archs = &one["ProcessorInfo"]["SupportedArchitectures"];
        let has = |name: &str| archs.as_array().is_some_and(|list| list.iter().any(|arch| arch == name));
        let arch = if has("x86_64") { Some(Arch::Amd64) } else { has("arm64").then_some(Arch::Arm64) };
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let vcpus = number(&one["VCpuInfo"]["DefaultVCpus"]);
        let memory = number(&one["MemoryInfo"]["SizeInMiB"]);
        let (Some(arch), Some(vcpus), Some(memory)) = (arch, vcpus, memory) else {
            skipped += 1;
            continue;
        };
        let network = &one["NetworkInfo"];
        let enis = number(&network["MaximumNetworkInterfaces"]);
        let addresses = number(&network["Ipv4AddressesPerInterface"]);
        types.push(CustomType {
            name: text(one, "InstanceType").to_owned(),
            arch,
            vcpus,
            memory: Mebibytes(memory),
            cpu_generation: None,
            // The VPC CNI's limit (amazon-vpc-cni-k8s): an address per pod beside each interface's own, and two pods on the host's.
            max_pods: enis.zip(addresses).map(|(enis, addresses)| enis * addresses.saturating_sub(1) + 2),
            local_nvme_gb: number(&one["InstanceStorageInfo"]["TotalSizeInGB"]).unwrap_or(0),
            network_mbps: 0,
        });
    }
    types.sort_by(|a, b| a.name.cmp(&b.name));
    Download { kind: DownloadKind::InstanceTypes, date: None, prices: Vec::new(), types, skipped }
}

/// The newest price of each type and zone.
fn spot_history(json: &Value, catalog: &Catalog) -> Download {
    let mut newest: BTreeMap<PriceKey, (&str, HourlyPrice)> = BTreeMap::new();
    let (mut skipped, mut date) = (0, None);
    for one in json["SpotPriceHistory"].as_array().into_iter().flatten() {
        let zone = text(one, "AvailabilityZone");
        let is_linux = text(one, "ProductDescription").starts_with("Linux/UNIX");
        let price = dollars(&one["SpotPrice"]).filter(|_| is_linux && catalog.zone(zone).is_some());
        let Some(price) = price else {
            skipped += 1;
            continue;
        };
        let at = text(one, "Timestamp");
        date = date.max(Some(at.to_owned()));
        let key = (text(one, "InstanceType").to_owned(), Some(zone.to_owned()), CapacityType::Spot);
        let known = newest.entry(key).or_insert((at, price));
        if at > known.0 {
            *known = (at, price);
        }
    }
    let prices = newest.into_iter().map(|(key, (_, price))| (key, (price, None))).collect();
    Download {
        kind: DownloadKind::SpotPriceHistory,
        date,
        prices: collected(prices),
        types: Vec::new(),
        skipped,
    }
}

/// Ratings, and Spot prices by the savings on the catalogue's on-demand prices.
fn spot_advisor(json: &Value, catalog: &Catalog) -> Download {
    let mut prices = BTreeMap::new();
    let mut skipped = 0;
    let rows = json["spot_advisor"][catalog.region()]["Linux"].as_object();
    for (name, row) in rows.into_iter().flatten() {
        let rating = row["r"].as_u64().and_then(|band| InterruptionRating::ALL.get(band as usize)).copied();
        let savings = row["s"].as_u64().filter(|share| *share <= 100);
        let on_demand = catalog.find(name).and_then(|id| {
            let zones = 0..catalog.zones().len() as u8;
            zones.map(ZoneId).find_map(|zone| catalog.price(id, zone, CapacityType::OnDemand))
        });
        let (Some(savings), Some(on_demand)) = (savings, on_demand) else {
            skipped += 1;
            continue;
        };
        let price = HourlyPrice(on_demand.0 * (100 - savings) / 100);
        prices.insert((name.clone(), None, CapacityType::Spot), (price, rating));
    }
    Download {
        kind: DownloadKind::SpotAdvisor,
        date: None,
        prices: collected(prices),
        types: Vec::new(),
        skipped,
    }
}

/// The prices as a file for `ec2.prices`.
#[must_use]
pub fn prices_csv(prices: &[CustomPrice]) -> String {
    let mut csv = "instance_type,capacity_type,usd_per_hour,zone,interruptions\n".to_owned();
    for price in prices {
        let zone = price.zone.as_deref().unwrap_or("");
        let rating = price.rating.map_or("", InterruptionRating::label);
        let dollars = price.price.as_dollars();
        csv +=
            &format!("{},{},{dollars},{zone},{rating}\n", price.instance_type, price.capacity_type.label());
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::builtin("eu-central-1").unwrap()
    }

    fn read(text: &str) -> Download {
        read_download(text, &catalog()).unwrap()
    }

    fn product(kind: &str, region: &str, system: &str) -> String {
        format!(
            r#"{{"attributes": {{"instanceType": "{kind}", "regionCode": "{region}", "operatingSystem": "{system}",
               "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}}}}"#
        )
    }

    const TERM: &str =
        r#"{"X": {"priceDimensions": {"Y": {"unit": "Hrs", "pricePerUnit": {"USD": "0.1234000000"}}}}}"#;

    #[test]
    fn the_price_list_gives_shared_linux_prices_of_the_region_whole_or_by_product() {
        let (own, other) =
            (product("m7i.large", "eu-central-1", "Linux"), product("m7i.large", "us-east-1", "Linux"));
        let windows = product("m7g.large", "eu-central-1", "Windows");
        let whole = read(&format!(
            r#"{{"offerCode": "AmazonEC2", "publicationDate": "2026-11-20T00:00:00Z",
               "products": {{"A": {own}, "B": {other}, "C": {windows}}},
               "terms": {{"OnDemand": {{"A": {TERM}, "B": {TERM}, "C": {TERM}}}}}}}"#
        ));
        assert_eq!((whole.kind, whole.skipped), (DownloadKind::PriceList, 2));
        assert_eq!(whole.date.as_deref(), Some("2026-11-20T00:00:00Z"));
        assert_eq!(prices_csv(&whole.prices).lines().nth(1), Some("m7i.large,on-demand,0.1234,,"));
        let inner = format!(
            r#"{{"product": {own}, "terms": {{"OnDemand": {TERM}}}, "publicationDate": "2026-11-21"}}"#
        );
        let listed = read(&serde_json::json!({ "PriceList": [inner] }).to_string());
        assert_eq!((listed.prices, listed.date.as_deref()), (whole.prices, Some("2026-11-21")));
    }

    #[test]
    fn the_newest_spot_price_of_each_zone_counts() {
        let row = |zone: &str, price: &str, at: &str, what: &str| {
            format!(
                r#"{{"AvailabilityZone": "{zone}", "InstanceType": "m7i.large", "ProductDescription": "{what}",
                   "SpotPrice": "{price}", "Timestamp": "{at}"}}"#
            )
        };
        let rows = [
            row("eu-central-1a", "0.0410", "2026-11-20T01:00:00+00:00", "Linux/UNIX"),
            row("eu-central-1a", "0.0400", "2026-11-20T05:00:00+00:00", "Linux/UNIX"),
            row("eu-central-1b", "0.0500", "2026-11-19T05:00:00+00:00", "Linux/UNIX"),
            row("eu-central-1b", "0.9000", "2026-11-20T05:00:00+00:00", "Windows"),
            row("us-east-1a", "0.9000", "2026-11-20T05:00:00+00:00", "Linux/UNIX"),
        ];
        let found = read(&format!(r#"{{"SpotPriceHistory": [{}]}}"#, rows.join(",")));
        let csv = prices_csv(&found.prices);
        assert_eq!(
            csv.lines().skip(1).collect::<Vec<_>>(),
            ["m7i.large,spot,0.04,eu-central-1a,", "m7i.large,spot,0.05,eu-central-1b,"]
        );
        assert_eq!((found.skipped, found.date.as_deref()), (2, Some("2026-11-20T05:00:00+00:00")));
    }

    #[test]
    fn the_spot_advisor_gives_ratings_and_prices_by_savings() {
        let found = read(
            r#"{"ranges": [], "spot_advisor": {"eu-central-1": {"Linux": {"m7i.large": {"r": 3, "s": 60}, "zz9.large": {"r": 0, "s": 1}}}}}"#,
        );
        let catalog = catalog();
        let id = catalog.find("m7i.large").unwrap();
        let on_demand = catalog.price(id, ZoneId(0), CapacityType::OnDemand).unwrap();
        assert_eq!(found.prices[0].price, HourlyPrice(on_demand.0 * 40 / 100));
        assert_eq!((found.prices[0].rating, found.skipped), (Some(InterruptionRating::From15To20), 1));
    }

    #[test]
    fn instance_types_come_with_their_pod_limit() {
        let found = read(
            r#"{"InstanceTypes": [{"InstanceType": "m7i.large", "VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 8192},
                "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
                "NetworkInfo": {"MaximumNetworkInterfaces": 3, "Ipv4AddressesPerInterface": 10}}, {"InstanceType": "odd"}]}"#,
        );
        let kind = &found.types[0];
        assert_eq!(
            (kind.vcpus, kind.memory, kind.max_pods, found.skipped),
            (2, Mebibytes(8192), Some(29), 1)
        );
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let catalog = catalog();
        assert!(matches!(read_download("{", &catalog), Err(DownloadError::NotJson(_))));
        assert_eq!(read_download("{}", &catalog), Err(DownloadError::UnknownKind));
        let elsewhere = r#"{"spot_advisor": {"us-east-1": {"Linux": {"m7i.large": {"r": 0, "s": 1}}}}}"#;
        assert_eq!(
            read_download(elsewhere, &catalog),
            Err(DownloadError::OtherRegion("eu-central-1".to_owned()))
        );
    }
}
