//! Karpenter objects of all versions.

use crate::facts::{Row, check};

#[test]
fn node_pools_of_v1_and_v1beta1_come_out_as_their_apis_mean_them() {
    check("NodePool", V1);
}

#[test]
fn provisioners_keep_the_rules_of_v1alpha5() {
    check("Provisioner", PROVISIONERS);
}

#[test]
fn node_classes_give_the_disk_and_the_start() {
    check("EC2NodeClass", CLASSES);
}

const V1: &[Row] = &[
    (
        "Goutham-Annem-eks-cost-optimization-playbook/karpenter/nodepool-spot.yaml",
        &[
            ("node_pool|spot-general|weight", "10"),
            ("node_pool|spot-general|req:karpenter.sh/capacity-type", "In spot"),
            ("node_pool|spot-general|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|spot-general|req:kubernetes.io/os", "In linux"),
            ("node_pool|spot-general|req:node.kubernetes.io/instance-type", "In 14 values"),
            ("node_pool|spot-general|limits|cpu", "500"),
            ("node_pool|spot-general|limits|memory", "2000Gi"),
            ("node_pool|spot-general|disruption|budgets", "nodes=20%"),
            ("node_pool|spot-general|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|spot-general|disruption|consolidate_after", "30s"),
            ("node_pool|spot-general|labels|billing-team", "platform"),
            ("node_pool|spot-general|labels|capacity-type", "spot"),
            ("?", "WhenUnderutilized is v1beta1: karpenter.sh/v1 refuses it"),
            ("?", "nodeClassRef has `apiVersion`"),
            ("?", "node class `default`"),
        ],
    ),
    (
        "eranrh86-Karpenter-CI/karpenter/nodepool.yaml",
        &[
            ("node_pool|default|req:karpenter.sh/capacity-type", "In spot,on-demand"),
            (
                "node_pool|default|req:node.kubernetes.io/instance-type",
                "In t3.medium,t3.large,t3.xlarge,m5.large,m5.xlarge",
            ),
            ("node_pool|default|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|default|limits|cpu", "100"),
            ("node_pool|default|limits|memory", "200Gi"),
            ("node_pool|default|weight", "-"),
            ("node_pool|default|disruption|budgets", "nodes=10%"),
            ("node_pool|default|disruption|consolidate_after", "30s"),
            ("?", "WhenUnderutilized is v1beta1"),
            ("?", "nodeClassRef has `apiVersion`"),
        ],
    ),
    (
        "aws-karpenter-provider-aws/examples/v1/min-values-multiple-keys.yaml",
        &[
            ("node_pool|spot|req:karpenter.sh/capacity-type", "In spot"),
            ("node_pool|spot|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|spot|req:kubernetes.io/os", "In linux"),
            ("node_pool|spot|req:karpenter.k8s.aws/instance-generation", "Gt 2"),
            ("node_pool|spot|req:karpenter.k8s.aws/instance-category", "In c,m,r min 2"),
            ("node_pool|spot|req:karpenter.k8s.aws/instance-family", "Exists min 5"),
            ("node_pool|spot|req:node.kubernetes.io/instance-type", "Exists min 2"),
            ("node_pool|spot|limits", "-"),
            ("node_pool|spot|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|spot|disruption|consolidate_after", "0s"),
            ("node_pool|spot|expire_after", "720h"),
            ("?", "al2023@v20240625"),
        ],
    ),
    (
        "aws-karpenter-provider-aws/examples/v1beta1/large-instances.yaml",
        &[
            ("node_pool|large-instances|req:karpenter.k8s.aws/instance-cpu", "Gt 3"),
            ("node_pool|large-instances|req:karpenter.k8s.aws/instance-memory", "Gt 8191"),
            ("node_pool|large-instances|req:karpenter.sh/capacity-type", "-"),
            ("node_pool|large-instances|req:kubernetes.io/arch", "-"),
            ("node_pool|large-instances|expire_after", "720h"),
            ("node_pool|large-instances|disruption|consolidate_after", "0s"),
            ("!?", "nodeClassRef has"),
            ("?", "AL2"),
        ],
    ),
    (
        "aws-samples-karpenter-blueprints/blueprints/disruption-budgets/disruption-budgets.yaml",
        &[
            ("node_pool|0|limits|cpu", "100"),
            ("node_pool|0|limits|memory", "100Gi"),
            ("node_pool|0|req:karpenter.sh/capacity-type", "In on-demand"),
            ("node_pool|0|req:karpenter.k8s.aws/instance-category", "In c,m,r"),
            ("node_pool|0|req:karpenter.k8s.aws/instance-size", "NotIn nano,micro,small,medium"),
            ("node_pool|0|req:karpenter.k8s.aws/instance-hypervisor", "In nitro"),
            ("node_pool|0|disruption|budgets|0|nodes", "0"),
            ("node_pool|0|disruption|budgets|0|schedule", "0 0 * * *"),
            ("node_pool|0|disruption|budgets|0|duration", "24h"),
            ("node_pool|0|expire_after", "720h"),
            ("node_pool|0|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|0|disruption|consolidate_after", "1m"),
            ("ec2|startup|preset", "bottlerocket"),
            ("node_pool|0|labels|intent", "disruption-budget"),
            ("node_pool|0|req:kubernetes.io/arch", "-"),
        ],
    ),
    (
        "aws-samples-karpenter-blueprints/blueprints/od-spot-split/od-spot.yaml",
        &[
            ("node_pool|node-od|limits|cpu", "1000"),
            ("node_pool|node-spot|limits|cpu", "1000"),
            ("node_pool|node-od|limits|memory", "500Gi"),
            ("node_pool|node-spot|limits|memory", "500Gi"),
            ("node_pool|node-od|expire_after", "168h0m0s"),
            ("node_pool|node-od|req:capacity-spread", "In 1"),
            ("node_pool|node-spot|req:capacity-spread", "In 2,3,4,5"),
            ("node_pool|node-od|taints", "effect=NoSchedule;key=intent;value=workload-split"),
            ("node_pool|node-spot|taints", "effect=NoSchedule;key=intent;value=workload-split"),
            ("node_pool|node-od|req:karpenter.k8s.aws/instance-generation", "Gt 2"),
        ],
    ),
    (
        "aws-samples-karpenter-blueprints/blueprints/static-nodepool/static-nodepool.yaml",
        &[
            ("node_pool|gpu-static|replicas", "1"),
            ("?", ": a static pool"),
            ("node_pool|gpu-static|limits|nodes", "2"),
            ("node_pool|gpu-static|limits|cpu", "-"),
            ("node_pool|gpu-static|enabled", "false"),
            ("node_pool|gpu-static|req:node.kubernetes.io/instance-type", "In g6e.8xlarge"),
            ("node_pool|gpu-static|req:karpenter.sh/capacity-type", "In spot,on-demand"),
            ("node_pool|gpu-static|expire_after", "Never"),
            ("node_pool|gpu-static|taints", "effect=NoSchedule;key=nvidia.com/gpu;value="),
        ],
    ),
    (
        "aws-samples-karpenter-blueprints/blueprints/reserved-capacity/odcr.yaml",
        &[
            ("node_pool|odcr-priority|req:karpenter.sh/capacity-type", "In on-demand"),
            ("?", "reserved capacity is taken before on-demand"),
            ("node_pool|odcr-priority|req:node.kubernetes.io/instance-type", "In t3.small"),
            ("?", "odcr.yaml:55:11: `<<AZ>>` must be replaced"),
            ("node_pool|odcr-priority|expire_after", "168h0m0s"),
            ("node_pool|odcr-priority|disruption|consolidate_after", "1m"),
            ("node_pool|odcr-priority|limits", "-"),
        ],
    ),
    (
        "aleck31-eks-karpenter-deployment/karpenter/nodepool-arm64.yaml",
        &[
            ("node_pool|0|weight", "100"),
            ("node_pool|0|req:kubernetes.io/arch", "In arm64"),
            ("node_pool|0|req:karpenter.sh/capacity-type", "In spot,on-demand"),
            ("node_pool|0|req:node.kubernetes.io/instance-type", "In 36 values"),
            (
                "node_pool|0|req:topology.kubernetes.io/zone",
                "In ap-northeast-1a,ap-northeast-1c,ap-northeast-1d",
            ),
            ("ec2|region", "ap-northeast-1"),
            ("node_pool|0|limits|cpu", "1000"),
            ("node_pool|0|limits|memory", "1000Gi"),
            ("node_pool|0|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|0|disruption|consolidate_after", "30s"),
            ("?", "node class `nodeclass-arm64`"),
            ("?", "al2023@latest"),
            ("?", "RAID0"),
            ("ec2|root_volume|size_gib", "100"),
        ],
    ),
    (
        "junghoon2-k8s-class/karpenter/NodePool/nodepool-platform.yaml",
        &[
            ("node_pool|platform|req:karpenter.sh/capacity-type", "In spot"),
            ("node_pool|platform|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|platform|req:karpenter.k8s.aws/instance-category", "In c,m,r"),
            ("node_pool|platform|req:karpenter.k8s.aws/instance-generation", "Gt 5"),
            ("?", "zones ap-northeast-2a are not in the price catalogue"),
            ("node_pool|platform|limits|cpu", "1000"),
            ("node_pool|platform|limits|memory", "1000Gi"),
            ("node_pool|platform|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|platform|disruption|consolidate_after", "0s"),
            ("node_pool|platform|expire_after", "720h"),
            ("node_pool|platform|labels|node", "platform"),
        ],
    ),
    (
        "isItObservable-karpenter/karpenter/node-pool.yaml",
        &[
            ("node_pool|#", "2"),
            ("?", "EC2NodeClass (karpenter.k8s.aws/v1) `default`"),
            ("node_pool|default|req:karpenter.sh/capacity-type", "In on-demand"),
            ("node_pool|default|req:karpenter.k8s.aws/instance-family", "In m5,m5d,c5,c5d,c4,r4 min 1"),
            ("node_pool|default|req:karpenter.k8s.aws/instance-cpu", "In 16,32"),
            ("node_pool|default|limits|cpu", "1000"),
            ("node_pool|default|expire_after", "72h"),
            ("node_pool|application|req:karpenter.sh/capacity-type", "In spot"),
            ("node_pool|application|req:karpenter.k8s.aws/instance-cpu", "In 8,16,32"),
            ("node_pool|default|disruption|budgets", "nodes=20%;reasons=Empty,Drifted,Underutilized"),
            ("node_pool|application|disruption|budgets|#", "2"),
            ("node_pool|application|disruption|budgets|0|nodes", "20%"),
            (
                "node_pool|application|disruption|budgets|1",
                "duration=10m;nodes=0;reasons=Underutilized;schedule=@daily",
            ),
            ("node_pool|default|req:user.defined.label/type", "Exists"),
            ("?", "pods must choose a value of `user.defined.label/type`"),
            ("?", "AMI id `ARM_AMI_ID_TO_REPLACE` is a placeholder"),
            ("?", "`default` of isItObservable-karpenter/karpenter/node-pool.yaml: AL2"),
        ],
    ),
    (
        "vdornellascw-gitops-teste-fl-vd/karpenter/nodepool.yaml vdornellascw-gitops-teste-fl-vd/karpenter/nodeclass.yaml",
        &[
            ("node_pool|default-amd|req:karpenter.sh/capacity-type", "In spot"),
            (
                "node_pool|default-amd|req:node.kubernetes.io/instance-type",
                "In m5.large,m5.2xlarge,c5.large,c5.2xlarge",
            ),
            ("node_pool|default-amd|req:karpenter.k8s.aws/instance-hypervisor", "In nitro"),
            ("node_pool|default-amd|req:topology.kubernetes.io/zone", "In us-east-1a,us-east-1b"),
            ("ec2|region", "us-east-1"),
            ("node_pool|default-amd|limits|cpu", "1000"),
            ("node_pool|default-amd|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|default-amd|disruption|consolidate_after", "10m"),
            ("node_pool|default-amd|expire_after", "720h"),
            ("?", "AMI ami-"),
            ("ec2|root_volume|size_gib", "50"),
            ("?", "gp3"),
        ],
    ),
    (
        "gd03champ-inference-infra/karpenter/nodepools.yaml",
        &[
            ("node_pool|#", "3"),
            ("node_pool|system|limits|cpu", "100"),
            ("node_pool|system|limits|memory", "200Gi"),
            ("node_pool|system|req:karpenter.k8s.aws/instance-category", "In c,m"),
            ("node_pool|system|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|system|req:karpenter.sh/capacity-type", "In on-demand"),
            ("node_pool|system|disruption|consolidate_after", "5m"),
            ("node_pool|prefill|limits|cpu", "64"),
            ("node_pool|prefill|limits|memory", "256Gi"),
            ("node_pool|decode|limits|cpu", "64"),
            ("?", "a limit on `nvidia.com/gpu` is not modelled"),
            ("node_pool|prefill|disruption|consolidate_after", "1m"),
            ("node_pool|prefill|req:karpenter.sh/capacity-type", "In spot,on-demand"),
            ("node_pool|decode|req:karpenter.sh/capacity-type", "In on-demand"),
            (
                "node_pool|prefill|req:node.kubernetes.io/instance-type",
                "In g5.xlarge,g5.2xlarge,g6.xlarge,g6.2xlarge",
            ),
            ("node_pool|prefill|taints", "effect=NoSchedule;key=llm-d.ai/role;value=prefill"),
            ("node_pool|decode|taints", "effect=NoSchedule;key=llm-d.ai/role;value=decode"),
            ("node_pool|system|expire_after", "720h"),
            ("node_pool|prefill|expire_after", "720h"),
            ("node_pool|decode|expire_after", "720h"),
        ],
    ),
    (
        "JimCronqvist-helm-charts/karpenter/templates/nodepool.yaml",
        &[("refused", "render it first"), ("refused", "nodepool.yaml:1:1")],
    ),
    (
        "JimCronqvist-helm-charts/karpenter/templates/nodeclass.yaml",
        &[("refused", "render it first"), ("refused", "nodeclass.yaml:1:1")],
    ),
];

const PROVISIONERS: &[Row] = &[
    (
        "aws-karpenter-provider-aws/examples/provisioner/node-ttls.yaml",
        &[
            ("node_pool|0|expire_after", "168h"),
            ("node_pool|0|disruption|consolidation_policy", "WhenEmpty"),
            ("node_pool|0|disruption|consolidate_after", "60s"),
            ("node_pool|0|req:karpenter.sh/capacity-type", "In on-demand"),
            ("node_pool|0|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|0|req:kubernetes.io/os", "In linux"),
            ("node_pool|0|req:karpenter.k8s.aws/instance-category", "In c,m,r"),
            ("node_pool|0|req:karpenter.k8s.aws/instance-generation", "Gt 2"),
            ("?", "node class `my-provider`"),
            ("?", "AWSNodeTemplate (karpenter.k8s.aws/v1alpha1) `my-provider`"),
            ("node_pool|0|limits", "-"),
        ],
    ),
    (
        "junghoon2-k8s-class/karpenter/legacy/provisioner.yaml junghoon2-k8s-class/karpenter/legacy/awsNodeTemplate.yaml",
        &[
            ("node_pool|spot|req:karpenter.k8s.aws/instance-category", "In c,m"),
            ("node_pool|spot|req:karpenter.sh/capacity-type", "In spot"),
            ("?", "zones ap-northeast-2a are not in the price catalogue"),
            ("node_pool|spot|labels|env", "test"),
            ("node_pool|spot|limits|cpu", "100"),
            ("node_pool|spot|limits|memory", "200Gi"),
            ("node_pool|spot|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|spot|disruption|consolidate_after", "0s"),
            ("node_pool|spot|expire_after", "Never"),
            ("node_pool|spot|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|spot|req:node.kubernetes.io/instance-type", "-"),
            ("!?", "node class `default` is not in these files"),
            ("ec2|root_volume|size_gib", "100"),
        ],
    ),
    (
        "build-on-aws-run-kubernetes-clusters-for-less-with-amazon-ec2-spot-and-karpenter/karpenter/default-provisioner.yaml",
        &[
            ("node_pool|default|req:karpenter.sh/capacity-type", "In spot,on-demand"),
            ("node_pool|default|req:karpenter.k8s.aws/instance-category", "In c,m,r"),
            ("node_pool|default|req:karpenter.k8s.aws/instance-cpu", "Gt 1"),
            ("node_pool|default|req:karpenter.k8s.aws/instance-memory", "Gt 2047"),
            ("node_pool|default|limits|cpu", "100"),
            ("node_pool|default|limits|memory", "200Gi"),
            ("node_pool|default|disruption|consolidation_policy", "WhenEmptyOrUnderutilized"),
            ("node_pool|default|disruption|consolidate_after", "0s"),
            ("node_pool|default|expire_after", "168h"),
            ("node_pool|default|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|default|labels|intent", "apps"),
            ("!?", "must be replaced"),
        ],
    ),
    (
        "smart-devops-org-aws-infra/karpenter/provisioner.yaml",
        &[
            ("node_pool|0|req:node.kubernetes.io/instance-type", "In t3.medium"),
            ("node_pool|0|req:karpenter.sh/capacity-type", "In spot"),
            ("node_pool|0|limits|cpu", "1000"),
            ("node_pool|0|disruption|consolidation_policy", "WhenEmpty"),
            ("node_pool|0|disruption|consolidate_after", "30s"),
            ("node_pool|0|expire_after", "Never"),
            ("ec2|root_volume|size_gib", "20"),
            ("?", "20Gi gp2"),
        ],
    ),
    (
        "hitsub2-simulation-on-eks/karpenter/provisioner.yaml",
        &[
            ("node_pool|0|req:node.kubernetes.io/instance-type", "In t3.large,t3.xlarge"),
            ("node_pool|0|req:karpenter.sh/capacity-type", "In on-demand"),
            ("node_pool|0|req:kubernetes.io/arch", "In amd64"),
            ("node_pool|0|req:karpenter.k8s.aws/instance-category", "-"),
            ("node_pool|0|limits|cpu", "1000"),
            ("node_pool|0|disruption|consolidation_policy", "WhenEmpty"),
            ("node_pool|0|disruption|consolidate_after", "30s"),
            ("node_pool|0|expire_after", "Never"),
            ("node_pool|0|labels|billing-team", "simulation-team"),
        ],
    ),
    (
        "hitsub2-simulation-on-eks/karpenter/provisioner-bottlerocket.yaml",
        &[
            ("node_pool|0|req:node.kubernetes.io/instance-type", "In t3.large,t3.small,m5.large"),
            ("ec2|startup|preset", "bottlerocket"),
            ("ec2|root_volume|size_gib", "80"),
            ("?", "/dev/xvda 2Gi"),
            ("?", "is a placeholder; ignored"),
        ],
    ),
];

const CLASSES: &[Row] = &[
    (
        "Goutham-Annem-eks-cost-optimization-playbook/karpenter/ec2nodeclass.yaml",
        &[
            (
                "?",
                "`default` of Goutham-Annem-eks-cost-optimization-playbook/karpenter/ec2nodeclass.yaml: al2023@latest",
            ),
            ("?", "disk /dev/xvda 50Gi gp3 iops 3000 throughput 125"),
            ("ec2|root_volume|size_gib", "50"),
            ("?", "instanceStorePolicy RAID0"),
            ("?", "httpPutResponseHopLimit 1"),
            ("?", "no kubelet settings"),
        ],
    ),
    (
        "eranrh86-Karpenter-CI/karpenter/ec2nodeclass.yaml",
        &[
            ("?", "needs amiSelectorTerms, the API refuses this; read as latest AL2023"),
            ("ec2|root_volume|size_gib", "20"),
            ("ec2|startup|preset", "al2023"),
            ("?", "no kubelet settings"),
        ],
    ),
    (
        "junghoon2-k8s-class/karpenter/EC2NodeClass/EC2NodeClass.yaml",
        &[
            ("?", "x86_64 only: arm64 types cannot start with it"),
            ("ec2|root_volume|size_gib", "80"),
            ("?", "80Gi gp3 iops 3000 throughput 125"),
            ("?", "AL2023"),
        ],
    ),
    (
        "gd03champ-inference-infra/karpenter/ec2-nodeclasses.yaml",
        &[
            ("?", "EC2NodeClass (karpenter.k8s.aws/v1) `system`"),
            ("?", "EC2NodeClass (karpenter.k8s.aws/v1) `gpu`"),
            ("?", "EC2NodeClass (karpenter.k8s.aws/v1) `gpu-l40s`"),
            ("?", "EC2NodeClass (karpenter.k8s.aws/v1) `gpu-h200`"),
            ("?", "disk /dev/xvda 100Gi"),
        ],
    ),
];
