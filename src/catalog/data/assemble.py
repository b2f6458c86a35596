#!/usr/bin/env python3
"""Assembles the embedded catalog files from the collected sources (see the `#` header lines of each file).

Usage: assemble.py <folder with instances.csv, prices.csv, spot.csv, speed_defaults.csv, other_prices.csv, ri_discounts.csv>
Writes instance_types.csv, families.csv, cpu_generations.csv, other_prices.tsv, reserved_discounts.csv and regions/*.csv
next to itself. Not run at build time.
"""
import csv
import pathlib
import statistics
import sys

SOURCE = pathlib.Path(sys.argv[1])
HERE = pathlib.Path(__file__).parent


def rows(name):
    with open(SOURCE / name, newline="") as handle:
        return list(csv.DictReader(handle))


def write(name, header, lines):
    (HERE / name).write_text("".join(f"# {line}\n" for line in header) + "".join(f"{line}\n" for line in lines))


def number(text):
    return f"{float(text):.9f}".rstrip("0").rstrip(".")


# Families without a measured row take the nearest documented sibling (same core, or the predecessor of it).
SIBLING = {
    "intel-skylake-cascadelake": "m5dn r5b r5dn d3 d3en i3en t3",
    "intel-haswell-broadwell": "i3 t2 x1 x1e",
    "intel-c5": "c5n m5zn z1d x2iezn",
    "intel-icelake": "c6in m6in m6idn r6in r6idn i4i x2idn x2iedn hpc6id",
    "intel-sapphirerapids": "r7iz i7i i7ie",
    "intel-graniterapids": "c8ib c8id c8in c8ine m8ib m8id m8idb m8idn m8in m8ine r8ib r8id r8idb r8idn r8in x8i t8i",
    "amd-zen1": "t3a",
    "amd-zen3": "hpc6a",
    "amd-zen4": "hpc7a",
    "amd-zen5": "m8azn x8aedz hpc8a",
    "graviton2": "c6gn i4g im4gn is4gen x2gd",
    "graviton3": "c7gn hpc7g",
    "graviton4": "c8gb c8gn m8gb m8gn r8gb r8gn i8g i8ge x8g",
    "graviton5": "c9g c9gd r9g r9gd",
}
# Spot Instance Advisor data end in 2025-06: later families take savings and rating of the family they succeed.
SPOT_SIBLING = {
    "c8a": "c7a", "m8a": "m7a", "r8a": "r7a", "m8azn": "m7a",
    "c8gn": "c8g", "c8gb": "c8g", "m8gn": "m8g", "m8gb": "m8g", "r8gn": "r8g", "r8gb": "r8g",
    "c9g": "c8g", "c9gd": "c8gd", "m9g": "m8g", "m9gd": "m8gd", "r9g": "r8g", "r9gd": "r8gd",
    "x8g": "x2gd", "x8i": "x2iedn", "i8ge": "i8g",
    **{f"{c}8i{s}": f"{c}7i" for c in "cmr" for s in ("", "b", "d", "n", "ne", "db", "dn")},
    "c8i-flex": "c7i-flex", "m8i-flex": "m7i-flex", "r8i-flex": "m7i-flex",
}
VENDOR = {"intel": "i", "amd": "a", "aws": "g"}

instances = rows("instances.csv")
lines = ["name,arch,vcpus,memory_mib,manufacturer,category,generation,local_nvme_gb,max_enis,ipv4_per_eni,max_pods,network_mbps,network_peak_mbps,threads_per_core,clock_mhz,flags"]
for r in instances:
    flags = "".join(letter for letter, column in (("m", "bare_metal"), ("b", "burstable"), ("f", "flex")) if r[column] == "true")
    flags += "" if r["current_generation"] == "true" else "p"
    flags += "" if r["core"] == "true" else "e"
    mbps = [str(round(float(r[c] or 0) * 1000)) for c in ("network_gbps_baseline", "network_gbps_peak")]
    assert r["instance_type"] == f"{r['family']}.{r['size']}"
    lines.append(",".join([
        r["instance_type"], "x" if r["arch"] == "amd64" else "a", r["vcpus"], r["memory_mib"], VENDOR[r["cpu_vendor"]],
        r["category"], r["generation"], r["local_nvme_gb"], r["max_enis"], r["ipv4_per_eni"], r["max_pods"], *mbps,
        r["threads_per_core"], str(round(float(r["clock_ghz"]) * 1000)), flags]))
body = sorted(lines[1:], key=lambda line: line.split(",")[0])
write("instance_types.csv", [
    "EC2 instance types. Sources: PyPI moto 5.2.5 DescribeInstanceTypes dump (2026-10-27); ENI limits and baseline",
    "bandwidth aws/karpenter-provider-aws@1d927085 (2026-08); max_pods aws/amazon-vpc-cni-k8s@b5218838 (2026-08-11).",
    "Licence of the sources: Apache-2.0 (facts only). GPU, mac, u-*, f* and older generations are left out.",
    "arch x = amd64, a = arm64; manufacturer i = intel, a = amd, g = aws; memory_mib is the advertised size.",
    "flags m = bare metal, b = burstable, f = flex, p = previous generation, e = outside the core families (a1 d hpc i im is x z).",
    lines[0]], body)

speed = rows("speed_defaults.csv")
measured = {family: r["cpu_gen"] for r in speed for family in r["families"].split()}
sibling = {family: gen for gen, families in SIBLING.items() for family in families.split()}
families = sorted({r["family"] for r in instances})
write("families.csv", [
    "CPU generation of every instance family. Basis m = speed measured on this family (Spare Cores, see cpu_generations.csv),",
    "s = nearest documented sibling (same or closest CPU core), an assumption.",
    "family,cpu_generation,basis"],
    [f"{f},{measured[f]},m" if f in measured else f"{f},{sibling[f]},s" for f in families])
SIGMA = {"intel-sapphirerapids": 70, "intel-sapphirerapids-flex": 70}
write("cpu_generations.csv", [
    "Speed of CPU generations, relative to one busy thread of m5 (Skylake/Cascade Lake) = 1.0.",
    "Rounded factors derived from Spare Cores benchmark data: https://sparecores.com, GitHub SpareCores/sc-inspector-data",
    "@804d3c7 (2026-08-22), CC BY-SA 4.0; this table is shared under the same licence. Cross-checked with the OpenSSL build",
    "sweep of aws/aws-graviton-getting-started@83d74f4 (2026-07). graviton5: Graviton4 x 1.20, no Geekbench run exists.",
    "s1 = one busy thread (geomean of Geekbench 6 Clang, text processing, compression), low/high its range over metrics",
    "and types; eta = throughput per vCPU with all vCPUs busy / s1; noise_permille = sigma of the instance-to-instance lognormal.",
    "name,arch,threads_per_core,s1,s1_low,s1_high,eta,noise_permille,measured_on"],
    [",".join([r["cpu_gen"], "a" if r["arch"] == "arm64" else "x", r["threads_per_core"], r["s1_default"], r["s1_low"],
               r["s1_high"], r["eta_all_core"], str(SIGMA.get(r["cpu_gen"], 30)), r["families"]]) for r in speed])

known = {r["instance_type"]: r for r in instances}
spot = {}
for r in rows("spot.csv"):
    spot.setdefault(r["region"], {})[r["instance_type"]] = (int(r["savings_percent_vs_on_demand"]), int(r["interruption_bucket"]))
prices = {}
for r in rows("prices.csv"):
    prices.setdefault(r["region"], {})[r["instance_type"]] = (number(r["on_demand_usd_per_hour"]), r["basis"])
BASIS = {"exact": "e", "listed": "l", "scaled": "c", "sibling": "s", "metal": "m"}
for region, table in prices.items():
    advisor = spot[region]
    typical = (round(statistics.median(s for s, _ in advisor.values())), 2)
    lines = []
    for name in sorted(table):
        price, basis = table[name]
        family, size = name.split(".")
        if name in advisor:
            (savings, rating), how = advisor[name], "a"
        else:
            (savings, rating), how = typical, "t"
            cousin = SPOT_SIBLING.get(family, family)
            in_family = {n: v for n, v in advisor.items() if n.split(".")[0] == cousin}
            if in_family:
                vcpus = int(known[name]["vcpus"])
                nearest = min(in_family, key=lambda n: (abs(int(known[n]["vcpus"]) - vcpus), n))
                (savings, rating), how = in_family[nearest], "s"
        lines.append(f"{name},{price},{BASIS[basis]},{savings},{rating},{how}")
    write(f"regions/{region}.csv", [
        f"Prices of {region}, Linux, shared tenancy, USD per hour. On-demand: us-east-1 from aws/karpenter-provider-aws@1d927085",
        "(2026-07-20); other regions recovered from apache/libcloud pricing data (2022-05 .. 2025-03) and us-east-1. Apache-2.0.",
        "basis e = published table, l = listed, c = scaled from us-east-1 by the family's regional factor, s = factor of a sibling family,",
        "m = bare metal (Karpenter's table asks for dedicated tenancy: up to 10 % too high).",
        "Spot: AWS Spot Instance Advisor of 2025-06-28 (alexei-led/spotinfo@05e93313, Apache-2.0): savings in percent of on-demand,",
        "rating 0 = <5 %, 1 = 5-10 %, 2 = 10-15 %, 3 = 15-20 %, 4 = >20 % interrupted in a month; spot_basis a = Advisor,",
        "s = nearest size of this or the preceding family, t = median savings of the region and rating 2 (no figure exists). +-8 points.",
        "name,on_demand_usd,basis,spot_savings_percent,spot_rating,spot_basis"], lines)

write("other_prices.tsv", [
    "Prices and discounts other than instances, as collected 2026-11-24; every row with its own source, date and confidence.",
    "confidence: vendor-text > computed > secondary > approximate > conflicting > unsourced.",
    "item\tunit\tvalue\tsource\tdate\tconfidence"],
    ["\t".join(r[c] for c in ("item", "unit", "usd", "source", "date", "confidence")) for r in rows("other_prices.csv")])
write("reserved_discounts.csv", [
    "Median discount of 1-year all-upfront Standard Reserved Instances per family, us-east-1. Source: ec2instances.info via",
    "LeanerCloud/ec2-instances-info@32acf84f, data of 2023-08-30 (facts).",
    "family,discount"],
    [f"{r['family']},{r['ri_standard_1yr_all_upfront_discount_median']}" for r in rows("ri_discounts.csv")])
