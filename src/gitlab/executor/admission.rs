//! The API server's view of a pod: what its scheduler reserves for it, and why it would refuse it.

use crate::gitlab::executor::pod::{ContainerRole, Pod};
use crate::gitlab::executor::quantity::Quantity;
use crate::gitlab::executor::resources::ResourceList;

impl Pod {
    /// What the scheduler reserves: per resource the pod-level request, else the larger of the containers' sum and the
    /// largest init container, else the pod-level limit. A container's limit stands in for a missing request
    /// (Kubernetes 1.36, API defaulting and `component-helpers/resource.PodRequests`). CPU and memory are always set.
    #[must_use]
    pub fn scheduled_request(&self) -> ResourceList {
        let mut running = ResourceList::default();
        let mut starting = ResourceList::default();
        for container in &self.containers {
            let request = container.requests.or(container.limits);
            if container.role == ContainerRole::Init {
                starting = starting.max(request);
            } else {
                running = running.plus(request);
            }
        }
        let zero = ResourceList {
            cpu: Some(Quantity::default()),
            memory: Some(Quantity::default()),
            ephemeral_storage: None,
        };
        self.requests.or(running.max(starting)).or(self.limits).or(zero)
    }

    /// Why the API server refuses the pod: then the job fails with `runner_system_failure`. Our reading of the API
    /// validation: nothing negative, no request above its limit, no pod-level request below the containers' sum.
    #[must_use]
    pub fn rejections(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut sum = ResourceList::default();
        for container in &self.containers {
            let request = container.requests.or(container.limits);
            check(&container.name, request, container.limits, &mut reasons);
            if container.role != ContainerRole::Init {
                sum = sum.plus(request);
            }
        }
        let request = self.requests.or(sum.zip(self.limits, |sum, limit| limit.and(sum))).or(self.limits);
        check("pod", request, self.limits, &mut reasons);
        for (name, sum, request) in
            [("cpu", sum.cpu, self.requests.cpu), ("memory", sum.memory, self.requests.memory)]
        {
            if sum.zip(request).is_some_and(|(sum, request)| request < sum) {
                reasons.push(format!("pod: {name} request below the containers' sum"));
            }
        }
        reasons
    }
}

fn check(of: &str, request: ResourceList, limit: ResourceList, reasons: &mut Vec<String>) {
    for (name, request, limit) in [
        ("cpu", request.cpu, limit.cpu),
        ("memory", request.memory, limit.memory),
        ("ephemeral-storage", request.ephemeral_storage, limit.ephemeral_storage),
    ] {
        if request.is_some_and(Quantity::is_negative) {
            reasons.push(format!("{of}: negative {name}"));
        }
        if request.zip(limit).is_some_and(|(request, limit)| request > limit) {
            reasons.push(format!("{of}: {name} request above limit"));
        }
    }
}
