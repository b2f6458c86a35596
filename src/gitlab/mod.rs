//! GitLab and its runner: job queue, tag matching, runner managers, the Kubernetes executor. Never sees a node.
