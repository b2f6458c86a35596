//! kube-scheduler and kubelet: binding pods to ready nodes, pod start, eviction. Never launches anything.
