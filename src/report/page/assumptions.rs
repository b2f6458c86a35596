//! What a reader has to know before believing the page: definitions, what is not modelled, what is not priced.

/// A name and what it means.
pub(super) type Entry = (&'static str, &'static str);

/// Definitions of the columns and categories.
pub(super) const DEFINITIONS: [Entry; 14] = [
    (
        "wait",
        "from the moment a job could have run (pending) until its script starts, earlier attempts that the fleet lost included",
    ),
    (
        "p50, p95, p99",
        "the wait that 50, 95, 99 % of the jobs do not exceed; only jobs whose script started, so read it beside lost and timed out",
    ),
    (
        "lost",
        "share of jobs without a result because of the fleet: interrupted without another attempt, pod too late, dropped, runner failure",
    ),
    ("$/month", "the cost after the warm-up, projected to a month of 730 hours"),
    ("useful work", "CPU requested by jobs whose work counted"),
    ("lost work", "CPU requested by jobs whose work was lost and had to be done again"),
    ("start up", "from launch until the node was ready"),
    ("idle", "ready, without a job's pod"),
    ("fragmentation", "allocatable CPU that nobody requested while pods were on the node"),
    ("reserved", "CPU kept back for the kubelet, the system and daemon sets while pods were on the node"),
    ("gitlab queue", "pending in GitLab: no free slot of a runner manager, or it had not asked yet"),
    (
        "pod unschedulable",
        "the pod fitted on no node and no node was on its way: batch window, limits, no capacity",
    ),
    ("node start", "a node was on its way for the pod, until the pod was bound"),
    (
        "± and differences",
        "95 % intervals over replications; differences to the baseline are paired, since all fleets meet the same jobs and the same market",
    ),
];

/// What no fleet's cost contains.
pub(super) const NOT_PRICED: [Entry; 10] = [
    (
        "data transfer",
        "traffic between zones, through NAT gateways and to the internet, beyond the volumes given under [ec2.traffic]; load balancers and VPC endpoints",
    ),
    ("public IPv4 addresses", "0.005 dollars an hour each"),
    (
        "logs and metrics",
        "CloudWatch, unless ec2.billing.cloudwatch_usd_per_month gives it; Prometheus or whatever else watches the fleet",
    ),
    ("other volumes", "EBS snapshots, volumes of jobs, ephemeral storage of Fargate beyond 20 GB"),
    ("burst credits", "CPU credits of t3 and t4g nodes above their baseline"),
    ("queues and keys", "the interruption queue (SQS, EventBridge), secrets and keys"),
    ("caches and registries", "S3, ECR and the artifacts that jobs leave"),
    ("GitLab", "licences, and GitLab's own machines"),
    ("support and tax", "AWS support plans, private discounts, value-added tax"),
    ("people", "time of those who wait and of those who run the fleet"),
];

/// What is assumed, where it is most likely to be wrong, and how to check it.
pub(super) const ASSUMPTIONS: [Entry; 9] = [
    (
        "work",
        "jobs have the durations of the workload or trace, changed by CPU generation and by how full the node is; network and disk of the jobs are not modelled",
    ),
    (
        "Spot",
        "interruptions follow the Spot advisor's shares of 2025-06, spread over pools and drawn at random; they come in no wider waves than the scenario says",
    ),
    (
        "Spot prices",
        "list discounts of 2025-06 and, for newer families, a sibling's: the size of a Spot saving is less certain than its sign",
    ),
    ("capacity", "on-demand capacity is always to be had, unless the scenario says otherwise"),
    ("start-up", "boot times are typical figures of the chosen image, alike in all zones: measure your own"),
    (
        "images",
        "nodes pull at one rate whatever the registry does; layers that images share are pulled again",
    ),
    ("GitLab", "answers in the given latencies however many jobs are pending; its database is never slow"),
    ("Karpenter", "version 1.15 or 1.8 as recorded, without other controllers that change nodes or pods"),
    (
        "fit to your own fleet",
        "fleetsim calibrate compares simulated with observed waits; without it the waits are those of the model",
    ),
];
