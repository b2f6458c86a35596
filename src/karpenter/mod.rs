//! Karpenter: batching, packing, launch requests, claim life cycle, disruption, termination. Does not know who made a pod.
